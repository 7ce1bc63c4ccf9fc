//! Texts that are no entity's file at all, and what YAML has that such a file does not need.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::{OPPORTUNITY, parse, told, with};

#[test]
fn empty_file() {
    insta::assert_snapshot!(told(""));
    for text in ["# Nothing but a remark.\n", "---\n", "\n\n", "~"] {
        assert!(told(text).starts_with("error: the file is empty"), "{text}");
    }
}

#[test]
fn file_that_is_a_list() {
    insta::assert_snapshot!(told("- entity: opportunity\n"));
}

#[test]
fn tabs_in_the_indentation() {
    insta::assert_snapshot!(told(&with("  stage: text\n", "\tstage: text\n  \tkind: text\n")));
}

#[test]
fn tabs_elsewhere_are_no_mistake() {
    let text = with("  stage: text\n", "  stage:\ttext\t# tab\n\t\n\t# remark\n");
    assert_eq!(told(&text), "nothing is wrong");
}

#[test]
fn bad_indentation() {
    insta::assert_snapshot!(told(&with("  stage: text\n", "   stage: text\n")));
}

#[test]
fn colon_in_a_text_without_quotes() {
    insta::assert_snapshot!(told(&with("doc: What may be sold, to", "doc: What may be sold: to")));
}

#[test]
fn brace_that_is_never_closed() {
    insta::assert_snapshot!(told(&with(
        "{ entity: account, doc: The account. }",
        "{ entity: account, doc: The account."
    )));
}

#[test]
fn truths_of_yaml_1_1() {
    insta::assert_snapshot!(told(&with("[\"yes\", \"1\"]", "[yes, 1]")));
}

#[test]
fn truth_of_yaml_1_1_as_a_value() {
    insta::assert_snapshot!(told(&with("extras: true", "extras: on")));
}

#[test]
fn numbers_that_readers_understand_differently() {
    insta::assert_snapshot!(told(&with("value: 0.5", "value: 007")));
}

#[test]
fn anchors_and_aliases() {
    let text = with("  stage: text\n", "  stage: &kind text\n  kind: *kind\n");
    insta::assert_snapshot!(told(&text));
}

#[test]
fn merge_key() {
    let text = with(
        "  owner: { entity: user, required: true }",
        "  owner: { <<: { required: true }, entity: user }",
    );
    insta::assert_snapshot!(told(&text));
}

#[test]
fn tag() {
    insta::assert_snapshot!(told(&with("stage: text", "stage: !!str text")));
}

#[test]
fn second_document() {
    insta::assert_snapshot!(told(&format!("{OPPORTUNITY}---\nentity: other\n")));
}

#[test]
fn key_that_is_a_list() {
    insta::assert_snapshot!(told(&with("  stage: text\n", "  ? [a, b]\n  : text\n")));
}

/// An alias is never expanded, so it does not matter how often it refers to others.
#[test]
fn merge_bomb_is_harmless() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..40 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(text, "a{n}: &a{n} [{aliases}]").unwrap();
    }
    let started = Instant::now();
    assert!(parse(&text).unwrap_err().list()[0].message.contains("anchor"));
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn deep_nesting_is_refused() {
    insta::assert_snapshot!(told(&format!("entity: {}{}\n", "[".repeat(30), "]".repeat(30))));
    for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(50_000)] {
        assert!(parse(&text).is_err());
    }
}

#[test]
fn ten_megabytes_are_refused_at_once() {
    let text = "entity: opportunity\n# filler\n".repeat(10_000_000 / 29);
    let started = Instant::now();
    insta::assert_snapshot!(told(&text));
    assert!(started.elapsed() < Duration::from_secs(1));
}

/// The largest file that is looked into, of nothing but mistakes.
#[test]
fn thousands_of_mistakes_are_counted_and_told_quickly() {
    let mut text = String::from("entity: opportunity\nfields:\n");
    for n in 0..40_000 {
        writeln!(text, "  Field{n}: strnig").unwrap();
    }
    let started = Instant::now();
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.list().len(), 100);
    assert!(problems.n_unlisted() > 70_000, "{}", problems.n_unlisted());
    // A quadratic reader takes minutes; a busy machine, seconds.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn more_than_128_fields() {
    let fields: String = (0..128).fold(String::new(), |mut fields, n| {
        writeln!(fields, "  field_{n}: text").unwrap();
        fields
    });
    insta::assert_snapshot!(told(&with("  stage: text\n", &format!("  stage: text\n{fields}"))));
}

#[test]
fn long_lines_are_cut_around_the_mistake() {
    let doc = "word ".repeat(60);
    insta::assert_snapshot!(told(&with(
        "{ type: decimal, doc: \"Expected",
        &format!("{{ doc: \"{doc}\", type: decimel, x: \"Expected")
    )));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let told = told(&with("title: name", "title: name\ntitel: \"\u{9b}31mred\""));
    assert!(told.contains("titel") && !told.contains('\u{9b}'), "{told}");
}

#[test]
fn windows_line_ends_are_no_mistake() {
    assert_eq!(told(&OPPORTUNITY.replace('\n', "\r\n")), "nothing is wrong");
}

/// Everything at once, as a first draft might have it.
#[test]
fn many_mistakes_in_one_go() {
    insta::assert_snapshot!(told(
        "\
entity: Ticket
doc: A request for help.
titel: subject
custom_fields: json
fields:
  subject: { type: string, doc: Subject. }
  priority: int
  priority: text
  opened_at: instant
  type: text
relationships:
  contact: { entity: contcat }
  company: { entity: account, required: yes }
sync:
  providers:
    hubspot: { remote_entity: ticket, direction: in }
    salesforce: { remote_entity: case }
detection:
  hubspot:
    mode: poll
    poll: { cursor: { kind: timestamp, field: updatedAt } }
    mapping:
      - { source: subject, target: subject, transform: [trimm] }
      - { source: hs_ticket_priority, target: prioritiy }
      - { source: createdate, target: opened_at, transform: { date: \"%d.%m.%Y\" } }
      - { source: associations.contacts, target: contact }
      - { source: associations.contacts, target: contact }
    filters:
      - { field: hs_pipeline, op: equals, value: support }
      - { field: hs_pipeline_stage, op: in, value: \"1\" }
  salesfroce:
    mode: poll
    mapping: []
"
    ));
}
