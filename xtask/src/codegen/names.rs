//! From the names of a YAML file to those of Rust, SQL and prose.

/// `opportunity_contact` or `my-crm` as a type: `OpportunityContact`, `MyCrm`.
pub(crate) fn type_name(name: &str) -> String {
    name.split(['_', '-']).map(capitalised).collect()
}

/// `my-crm` as an identifier: `my_crm`.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// `opportunity_contacts` in a sentence: `opportunity contacts`.
pub(crate) fn words(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

/// With a capital at the start.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// A product's own spelling, where it is not the key with a capital.
pub(crate) fn product(key: &str) -> String {
    match key {
        "hubspot" => "HubSpot".to_owned(),
        "postgres" => "PostgreSQL".to_owned(),
        "sqlite" => "SQLite".to_owned(),
        other => other.split('-').map(capitalised).collect::<Vec<_>>().join(" "),
    }
}

/// A Rust string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A raw string literal, for JSON.
pub(crate) fn raw(text: &str) -> String {
    let hashes = (1..).map(|n| "#".repeat(n)).find(|hashes| !text.contains(&format!("\"{hashes}")));
    let hashes = hashes.unwrap_or_default();
    format!("r{hashes}\"{text}\"{hashes}")
}

/// A sentence as a doc comment, wrapped as the rest of the code is.
pub(crate) fn doc(mark: &str, indent: usize, text: &str) -> String {
    let width = 110 - indent - mark.len() - 1;
    let mut out = String::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                push_line(&mut out, mark, indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        push_line(&mut out, mark, indent, &line);
    }
    out
}

fn push_line(out: &mut String, mark: &str, indent: usize, line: &str) {
    let text = format!("{}{mark} {line}", " ".repeat(indent));
    out.push_str(text.trim_end());
    out.push('\n');
}

/// How alike two names are is told by the letters to change.
pub(crate) fn near_miss<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&wanted, &name.to_lowercase());
    let best = known.into_iter().map(|name| (distance(name), name)).min()?;
    (best.0 <= 1 + wanted.chars().count() / 4).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_types_and_words() {
        assert_eq!(type_name("opportunity_contact"), "OpportunityContact");
        assert_eq!(type_name("my-crm"), "MyCrm");
        assert_eq!(words("opportunity_contacts"), "opportunity contacts");
        assert_eq!(product("hubspot"), "HubSpot");
        assert_eq!(product("my-crm"), "My Crm");
    }

    #[test]
    fn raw_text_may_hold_quotes_and_hashes() {
        assert_eq!(raw("a\"#b"), "r##\"a\"#b\"##");
    }

    #[test]
    fn long_docs_are_wrapped() {
        let text = doc("///", 4, &"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 110 && line.starts_with("    /// word")));
        assert_eq!(text.matches("word").count(), 40);
    }

    #[test]
    fn near_miss_is_near() {
        assert_eq!(near_miss("oportunity", ["contact", "opportunity"]), Some("opportunity"));
        assert_eq!(near_miss("ticket", ["contact", "opportunity"]), None);
    }
}
