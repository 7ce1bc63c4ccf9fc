//! What the guides in `docs` say works as it stands there: their files are taken out and put to the test.

use std::path::Path;

/// A file that a guide gives: the block of this language that begins with this line.
fn file(guide: &str, language: &str, first_line: &str) -> String {
    let fence = format!("```{language}\n");
    let blocks = guide.split(&fence).skip(1).filter_map(|rest| rest.split("```\n").next());
    let mut found = blocks.filter(|block| block.starts_with(first_line));
    found
        .next()
        .unwrap_or_else(|| panic!("the guide has no {language} that begins with `{first_line}`"))
        .to_owned()
}

fn read(root: &Path, path: &str) -> String {
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// Makes the provider `acme`, which was just scaffolded, what the guide makes of it.
pub(super) fn write_provider(root: &Path) {
    let guide = read(root, "docs/add-a-provider.md");
    let folder = root.join("crates/provider-acme");
    std::fs::write(folder.join("src/client.rs"), file(&guide, "rust", "//! The calls to Acme.")).unwrap();
    let contract =
        file(&guide, "rust", "//! The contract of change sources, on a simulated account of Acme.");
    std::fs::write(folder.join("tests/contract.rs"), contract).unwrap();
    let mut manifest = read(&folder, "Cargo.toml");
    for (table, first_line) in [("[dependencies]\n", "provider-http"), ("[dev-dependencies]\n", "wiremock")] {
        manifest = manifest.replace(table, &format!("{table}{}", file(&guide, "toml", first_line)));
    }
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
}

/// Makes the entity `ticket` of the guide.
pub(super) fn write_entity(root: &Path) {
    let guide = read(root, "docs/add-an-entity.md");
    let folder = root.join("crates/entity-ticket");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("entity.yaml"), file(&guide, "yaml", "# yaml-language-server")).unwrap();
    crate::codegen::write(root).unwrap();
    let extras = file(&guide, "rust", "//! What `entity.yaml` can't say of tickets");
    std::fs::write(folder.join("src/extras.rs"), extras).unwrap();
    let fetcher = file(&guide, "rust", "//! Tickets from fetchers of our own");
    std::fs::write(folder.join("tests/own_fetcher.rs"), fetcher).unwrap();
}
