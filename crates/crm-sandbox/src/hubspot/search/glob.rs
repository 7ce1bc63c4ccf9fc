//! Words with wildcards.

/// Whether a text holds every word of `pattern` (folded), where `*` stands for any letters.
pub(super) fn has_token(text: &str, pattern: &str) -> bool {
    let text = text.to_lowercase();
    if pattern.contains('*') {
        return like(&text, pattern) || words(&text).any(|word| like(word, pattern));
    }
    words(pattern).all(|wanted| words(&text).any(|word| word == wanted))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = "";
    for part in parts {
        last = part;
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    // The last piece must stand at the end, wherever it was found first.
    rest.is_empty() || last.is_empty() || text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_wildcards() {
        for (text, pattern, fits) in [
            ("Acme renewal 2026", "renewal", true),
            ("Acme renewal 2026", "acme 2026", true),
            ("Acme renewal 2026", "renew", false),
            ("Acme renewal 2026", "renew*", true),
            ("ann@example.test", "*@example.test", true),
            ("ann@example.test", "*@example", false),
            ("ann@example.test", "example", true),
            ("Øre Ünal", "ün*", true),
        ] {
            assert_eq!(has_token(text, pattern), fits, "{text} / {pattern}");
        }
    }
}
