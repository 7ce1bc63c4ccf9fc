//! What is read of a good file.

use sync_core::FieldKind;
use sync_detection::yaml::{
    ContractConfig, CustomFieldStore, Direction, EntityConfig, EntityFile, EntityNames, KnownEntities, Mode,
};
use sync_detection::{CursorKind, FilterOp, FilterValue};

use crate::{OPPORTUNITY, parse, told, with};

fn opportunity() -> EntityConfig {
    parse(OPPORTUNITY).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn names_and_fields_come_in_order() {
    let config = opportunity();
    assert_eq!((config.type_name(), config.table()), ("Opportunity".to_owned(), "opportunities".to_owned()));
    let fields: Vec<_> = config.canonical_fields().map(|field| (field.name, field.kind)).collect();
    assert_eq!(fields.len(), 12);
    assert_eq!(
        fields[..3],
        [("name", FieldKind::Text), ("stage", FieldKind::Text), ("amount", FieldKind::Decimal)]
    );
    assert_eq!(
        fields[9..],
        [("account", FieldKind::Link), ("owner", FieldKind::Link), ("parent", FieldKind::Link)]
    );
    assert!(config.field("name").unwrap().required && !config.field("stage").unwrap().required);
    let owner = config.field("owner").unwrap();
    assert_eq!((owner.link, owner.required), (Some(("user", true)), false));
    assert_eq!(config.field("amount").unwrap().doc, Some("Expected value in the org's currency, exact."));
}

#[test]
fn custom_fields_have_a_short_and_a_long_form() {
    let custom = opportunity().custom_fields;
    assert_eq!((custom.store, custom.contract), (CustomFieldStore::Eav, ContractConfig::Evolve));
    assert_eq!(custom.fields["Tier__c"], ContractConfig::Freeze);
    let long =
        "custom_fields: { store: eav, contract: evolve, fields: { Legacy__c: discard, Tier__c: freeze } }";
    let short = parse(&with(long, "custom_fields: jsonb")).unwrap().custom_fields;
    assert_eq!((short.store, short.fields.len()), (CustomFieldStore::Jsonb, 0));
    assert_eq!(parse(&with(long, "")).unwrap().custom_fields.store, CustomFieldStore::None);
}

#[test]
fn providers_come_in_order_with_their_names() {
    let config = opportunity();
    let names: Vec<_> = config
        .providers()
        .map(|provider| {
            (provider.variant(), provider.field_name(), provider.base().to_owned(), provider.is_known())
        })
        .collect();
    let expected = [
        ("Salesforce", "salesforce", "salesforce", true),
        ("HubspotCrm", "hubspot_crm", "hubspot", true),
        ("Homegrown", "homegrown", "homegrown", false),
        ("Stream", "stream", "stream", false),
    ];
    assert_eq!(names, expected.map(|(a, b, c, known)| (a.to_owned(), b.to_owned(), c.to_owned(), known)));
    let salesforce = config.providers().next().unwrap();
    assert_eq!((salesforce.direction, salesforce.mode()), (Direction::Bidirectional, Mode::Poll));
    assert!(salesforce.detection.extras);
    let modes: Vec<_> = config.providers().map(|provider| provider.mode()).collect();
    assert_eq!(modes, [Mode::Poll, Mode::Poll, Mode::Webhook, Mode::Cdc]);
}

#[test]
fn cursors_and_filters_are_read() {
    let config = opportunity();
    let salesforce = &config.providers().next().unwrap().detection.config;
    let cursor = salesforce.mode.cursor().unwrap();
    assert_eq!((cursor.kind, &*cursor.field), (CursorKind::SystemModstamp, "SystemModstamp"));
    let [stage, amount, kind, owner, ..] = &salesforce.filters[..] else {
        panic!("{:?}", salesforce.filters)
    };
    assert_eq!((stage.op(), stage.value()), (FilterOp::Neq, &FilterValue::from("Draft")));
    assert_eq!(amount.value(), &FilterValue::Number("0.5".parse().unwrap()));
    assert_eq!(kind.value(), &FilterValue::from(["New", "Existing"]));
    assert_eq!(owner.value(), &FilterValue::Null);
}

#[test]
fn fields_are_read_through_their_transforms() {
    let config = opportunity();
    let expressions: Vec<String> = config
        .providers()
        .flat_map(|provider| config.reads(&provider).filter_map(|(_, read)| read).collect::<Vec<_>>())
        .map(|read| format!("{}: {}", read.field.name, read.expression("record")))
        .collect();
    insta::assert_snapshot!(expressions.join("\n"));
}

#[test]
fn configurations_are_written_as_rust() {
    let config = opportunity();
    let mut rust = String::new();
    for provider in config.providers() {
        let detection = &provider.detection.config;
        let mapping: Vec<_> = detection.mapping.iter().map(sync_detection::FieldMapping::to_rust).collect();
        rust += &format!("{}\n{}\n\n", detection.to_rust("MAPPING"), mapping.join(",\n"));
    }
    insta::assert_snapshot!(rust);
}

#[test]
fn fields_a_provider_does_not_know_stay_empty() {
    let config = opportunity();
    let hubspot = config.providers().nth(1).unwrap();
    let empty: Vec<_> =
        config.reads(&hubspot).filter(|(_, read)| read.is_none()).map(|(field, _)| field.name).collect();
    assert_eq!(empty, ["amount", "share", "signed_at", "closed", "tags", "owner", "parent"]);
}

#[test]
fn entities_of_others_are_known_or_not_asked_for() {
    let text = with("entity: account, doc", "entity: invoice, doc");
    assert!(parse(&text).is_err());
    let path = std::path::Path::new("entity.yaml");
    assert!(EntityFile::parse(path, &text, &KnownEntities::Any).is_ok());
}

#[test]
fn names_are_read_of_a_file_with_mistakes() {
    let names = |entity: &str, plural: &str| {
        Some(EntityNames { entity: entity.to_owned(), plural: plural.to_owned() })
    };
    assert_eq!(EntityFile::names(OPPORTUNITY), names("opportunity", "opportunities"));
    assert_eq!(EntityFile::names("entity: ticket\nfeilds: {}\n"), names("ticket", "tickets"));
    assert_eq!(EntityFile::names("plural: tickets\n"), None);
    assert_eq!(EntityFile::names("\t: ["), None);
}

/// The other HubSpot objects have cursors of their own.
#[test]
fn cursors_of_hubspot_follow_the_object() {
    for (object, field) in
        [("contacts", "lastmodifieddate"), ("owners", "updatedAt"), ("2-123", "hs_lastmodifieddate")]
    {
        let text = with("remote_entity: deals }", &format!("remote_entity: {object} }}"));
        let text = text.replace("field: hs_lastmodifieddate", &format!("field: {field}"));
        assert_eq!(told(&text), "nothing is wrong", "{object}");
    }
    let associations = with("remote_entity: deals }", "remote_entity: deals/contacts }");
    assert_eq!(told(&associations), "nothing is wrong");
}

/// A fetcher that reads stored change events polls by their ids.
#[test]
fn polled_change_events_have_cursors_of_their_own() {
    let text = with(
        "    mode: cdc\n    cdc: { cursor: { kind: replayId, field: replay_id } }",
        "    mode: poll\n    poll: { cursor: { kind: replayId, field: replay_id }, provenance: cdc }",
    );
    assert_eq!(told(&text), "nothing is wrong");
}
