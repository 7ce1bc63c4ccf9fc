//! Entity files: what is read of a good one, what is told of a bad one, and that nothing else happens.

mod generated;
mod good;
mod mistakes;
mod robust;
mod schema;
mod syntax;
mod writing;

use std::path::Path;

use sync_detection::yaml::{EntityConfig, EntityFile, KnownEntities, Problems};

/// A file that uses every key and every transform.
const OPPORTUNITY: &str = include_str!("opportunity.yaml");

fn parse(text: &str) -> Result<EntityConfig, Problems> {
    let known = ["account", "user", "contact"].into_iter().collect::<KnownEntities>();
    EntityFile::parse(Path::new("crates/entity-opportunity/entity.yaml"), text, &known)
}

/// The file with one passage replaced.
fn with(from: &str, to: &str) -> String {
    assert_eq!(OPPORTUNITY.matches(from).count(), 1, "the passage has to occur once: {from}");
    OPPORTUNITY.replace(from, to)
}

/// What is told of a text, as a person reads it.
fn told(text: &str) -> String {
    match parse(text) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => {
            let n_lines = text.lines().count().max(1);
            for problem in problems.list() {
                assert!((1..=n_lines).contains(&problem.line), "{problem:?} is beyond the file");
            }
            problems.to_string()
        }
    }
}
