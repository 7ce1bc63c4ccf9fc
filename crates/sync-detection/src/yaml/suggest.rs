//! What may have been meant.

/// Names beyond this are not compared: a list so long is no help.
const MOST_COMPARED: usize = 300;

/// The name that may have been meant.
pub(super) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Comparing letter by letter takes time with both lengths; no name of ours is so long.
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let word_plain = plain(word);
    let likeness = |name: &str| {
        let name_plain = plain(name);
        if name_plain == word_plain { 1.0 } else { strsim::jaro_winkler(&name_plain, &word_plain) }
    };
    names
        .take(MOST_COMPARED)
        .filter(|name| name.len() <= 64)
        .map(|name| (name, likeness(name)))
        .filter(|(_, likeness)| *likeness > 0.84)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}

/// A question for the name that may have been meant.
pub(super) fn near<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean `{name}`?"))
}

/// A list of names for messages.
pub(super) fn allowed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.take(MOST_COMPARED).map(|name| format!("`{name}`")).collect();
    let n_more = names.len().saturating_sub(30);
    names.truncate(30);
    if n_more > 0 {
        names.push(format!("{n_more} more"));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Words of other languages for ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("string", "text"),
    ("str", "text"),
    ("varchar", "text"),
    ("integer", "int"),
    ("long", "int"),
    ("bigint", "int"),
    ("float", "decimal"),
    ("double", "decimal"),
    ("number", "decimal"),
    ("numeric", "decimal"),
    ("currency", "decimal"),
    ("boolean", "bool"),
    ("datetime", "instant"),
    ("timestamp", "instant"),
    ("object", "json"),
    ("array", "json"),
    ("json", "jsonb"),
    ("=", "eq"),
    ("==", "eq"),
    ("equals", "eq"),
    ("!=", "neq"),
    ("<>", "neq"),
    ("ne", "neq"),
    ("not_in", "nin"),
    ("notin", "nin"),
    (">", "gt"),
    (">=", "gte"),
    ("<", "lt"),
    ("<=", "lte"),
    ("both", "bidirectional"),
    ("in", "inbound"),
    ("out", "outbound"),
    ("strip", "trim"),
    ("lower", "lowercase"),
    ("upper", "uppercase"),
    ("nullIfEmpty", "emptyToNull"),
];

/// A question for our word where another language's was used.
pub(super) fn meant<'n>(word: &str, mut names: impl Iterator<Item = &'n str>) -> Option<String> {
    let ours = |name: &&str| SYNONYMS.contains(&(word, *name));
    names.find(ours).map(|name| format!("did you mean `{name}`?"))
}
