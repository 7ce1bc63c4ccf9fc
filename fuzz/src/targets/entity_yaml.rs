//! The reader of entity files.

use std::path::Path;

use sync_detection::yaml::{EntityFile, KnownEntities};

use super::Target;

pub(crate) const TARGET: Target = Target {
    name: "entity-yaml",
    about: "entity files: read, or every mistake told with a place that exists",
    run,
    seeds: &[
        include_bytes!("../../../crates/entity-opportunity/entity.yaml"),
        include_bytes!("../../../crates/entity-project/entity.yaml"),
    ],
    words: &[
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!binary ",
        b"---\n",
        b"...\n",
        b"|\n",
        b"\t",
        b"\xef\xbb\xbf",
        b"{",
        b"]",
    ],
};

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Err(problems) = EntityFile::parse(Path::new("entity.yaml"), text, &KnownEntities::Any) else {
        return;
    };
    let n_lines = text.lines().count().max(1);
    assert!(!problems.list().is_empty(), "refused without a reason");
    for problem in problems.list() {
        assert!((1..=n_lines).contains(&problem.line), "line {} of {n_lines}", problem.line);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fed;

    #[test]
    fn hostile_files_are_read_or_told_about() {
        fed(&super::TARGET);
    }
}
