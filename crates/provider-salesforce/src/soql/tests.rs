use proptest::prelude::*;

use super::*;

fn path(text: &str) -> FieldPath {
    FieldPath::new(text).unwrap()
}

/// An independent reading of the documented literal: what it means, and what follows it.
fn read_quoted(soql: &str) -> Option<(String, &str)> {
    let body = soql.strip_prefix('\'')?;
    let mut text = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((text, &body[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' | 'N' => text.push('\n'),
                'r' | 'R' => text.push('\r'),
                't' | 'T' => text.push('\t'),
                'b' | 'B' => text.push('\u{8}'),
                'f' | 'F' => text.push('\u{c}'),
                c @ ('"' | '\'' | '\\') => text.push(c),
                'u' => {
                    let digits: String = (0..4).map_while(|_| chars.next()).map(|(_, c)| c).collect();
                    text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                _ => return None,
            },
            c => text.push(c),
        }
    }
    None
}

proptest! {
    #[test]
    fn any_text_comes_back_from_its_literal(text in any::<String>()) {
        let query = Select::new("Account", [path("Id")])
            .unwrap()
            .and(Condition::compare(path("Name"), Operator::Eq, Literal::text(&text)))
            .and(Condition::compare(path("IsDeleted"), Operator::Eq, Literal::Bool(false)))
            .to_string();
        let literal = query.strip_prefix("SELECT Id FROM Account WHERE Name = ").unwrap();
        prop_assert_eq!(read_quoted(literal), Some((text, " AND IsDeleted = false")));
    }

    #[test]
    fn hostile_text_comes_back_from_its_literal(text in r#"['"\\n;%_ \r\n\t\x00-\x20()=]{0,40}"#) {
        let literal = Literal::text(&text).to_string();
        prop_assert_eq!(read_quoted(&literal), Some((text, "")));
    }

    #[test]
    fn address_means_the_query(text in any::<String>()) {
        let address = encoded(&text);
        prop_assert_eq!(encoded_len(&text), address.len());
        prop_assert!(address.bytes().all(|b| b.is_ascii_graphic() && !b"#&+='\"<>".contains(&b)));
        let parsed = ::url::Url::parse(&format!("http://localhost/query?q={address}")).unwrap();
        let values: Vec<_> = parsed.query_pairs().map(|(_, value)| value.into_owned()).collect();
        prop_assert_eq!(values, vec![text]);
    }
}

#[test]
fn literals_are_spelt_as_documented() {
    let instant =
        "2026-01-02T11:04:05.120+01:00".parse::<chrono::DateTime<chrono::FixedOffset>>().unwrap().to_utc();
    for (literal, soql) in [
        (Literal::Null, "null"),
        (Literal::Bool(true), "true"),
        (Literal::Number("-1.50".parse().unwrap()), "-1.50"),
        (Literal::Number("1500".parse().unwrap()), "1500"),
        (Literal::Date("2026-03-01".parse().unwrap()), "2026-03-01"),
        (Literal::Instant(instant), "2026-01-02T10:04:05.120Z"),
        (Literal::Instant("2026-01-02T10:04:05Z".parse().unwrap()), "2026-01-02T10:04:05Z"),
        (Literal::text("Straße \u{1F600}"), "'Straße \u{1F600}'"),
        (Literal::text("a\u{0}b\u{85}"), r"'a\u0000b\u0085'"),
    ] {
        assert_eq!(literal.to_string(), soql);
    }
}

#[test]
fn mixed_conditions_are_parenthesised() {
    let is = |field: &str| Condition::compare(path(field), Operator::Eq, Literal::Bool(true));
    let query = Select::new("X", [path("Id"), path("Account.Owner.Name")])
        .unwrap()
        .and(is("A").or(is("B").and(is("C"))))
        .and(Condition::any_of(path("D"), vec![Literal::text("x"), Literal::text("y")], true).unwrap())
        .order_by([path("SystemModstamp"), path("Id")]);
    assert_eq!(
        query.to_string(),
        "SELECT Id,Account.Owner.Name FROM X WHERE (A = true OR (B = true AND C = true)) AND D NOT IN ('x','y') \
         ORDER BY SystemModstamp,Id"
    );
}

#[test]
fn empty_list_is_no_condition() {
    assert_eq!(Condition::any_of(path("A"), Vec::new(), false), None);
}

#[test]
fn names_with_anything_else_in_them_are_refused() {
    for name in ["", "Id,Name", "Id FROM X", "A.", ".A", "A..B", "1A", "A'B", "Ä", "A-B"] {
        assert!(FieldPath::new(name).is_err(), "{name}");
    }
}
