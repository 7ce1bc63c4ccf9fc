//! What is read from migrations, and what is written for a change of the YAML.

use super::sql::File;
use super::{DIALECTS, trigger};

#[test]
fn trigger_for_custom_values_is_seen_in_both_dialects() {
    for dialect in DIALECTS {
        let file = File::new(1, "0001_projects.sql", &trigger("projects", dialect));
        assert!(file.has_trigger_on("projects") && !file.has_trigger_on("accounts"), "{}", dialect.store);
        assert!(file.touches("projects"), "the file is one of the table's migrations");
    }
}
