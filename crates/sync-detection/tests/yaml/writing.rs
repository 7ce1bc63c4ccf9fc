//! Writing to a CRM: what a file can say of it, and what is told where it makes no sense.

use sync_detection::yaml::Direction;

use crate::{parse, told, with};

const SALESFORCE: &str = "{ remote_entity: Opportunity, direction: bidirectional }";

/// The good file with this provider in Salesforce's place.
fn salesforce(provider: &str) -> String {
    with(SALESFORCE, provider)
}

#[test]
fn key_and_conflicts_are_read_and_written_as_rust() {
    let text = salesforce(
        "{ remote_entity: Opportunity, direction: bidirectional, key: Hexsync_Key__c, \
         conflicts: { default: newest, fields: { amount: local, stage: remote, custom.Tier__c: ask } } }",
    );
    let config = parse(&text).unwrap();
    let provider = &config.sync.providers["salesforce"];
    assert_eq!(provider.key.as_deref(), Some("Hexsync_Key__c"));
    assert_eq!(
        provider.conflicts.clone().unwrap().to_rust(),
        "ConflictPolicy { default: ConflictRule::Newest, fields: &[(\"amount\", ConflictRule::LocalWins), \
         (\"stage\", ConflictRule::RemoteWins), (\"custom.Tier__c\", ConflictRule::Ask)] }"
    );
    assert_eq!(
        config.sync.providers["homegrown"].conflicts.clone().unwrap_or_default().to_rust(),
        "ConflictPolicy::ASK"
    );
}

#[test]
fn directions_say_which_way_records_go() {
    let ways = [
        (Direction::Inbound, true, false),
        (Direction::Outbound, false, true),
        (Direction::Bidirectional, true, true),
    ];
    for (direction, reads, writes) in ways {
        assert_eq!((direction.reads(), direction.writes()), (reads, writes), "{direction:?}");
    }
}

#[test]
fn field_can_be_kept_from_being_written() {
    let text = with("{ source: Amount, target: amount }", "{ source: Amount, target: amount, write: false }");
    let config = parse(&text).unwrap();
    let mapping = &config.detection["salesforce"].config.mapping;
    let writable: Vec<_> = mapping.iter().filter(|one| one.is_writable()).map(|one| &*one.target).collect();
    // `share` is rounded, which has no way back.
    assert_eq!(writable, ["name", "stage", "close_date", "closed", "account", "owner"]);
    assert_eq!(mapping[2].to_rust(), "FieldMapping::new(\"Amount\", \"amount\").read_only()");
}

/// What is wrong, where, and what would be right.
#[test]
fn mistakes_are_told_with_their_place() {
    let both = "remote_entity: Opportunity, direction: bidirectional";
    for (text, message, help) in [
        (
            salesforce("{ remote_entity: Opportunity, key: Hexsync_Key__c }"),
            "`key` has no meaning for this direction",
            "write `direction: outbound` or `direction: bidirectional`, or remove it",
        ),
        (
            salesforce("{ remote_entity: Opportunity, direction: outbound, conflicts: { default: ask } }"),
            "`conflicts` has no meaning for this direction",
            "write `direction: bidirectional`, or remove it",
        ),
        (
            salesforce(&format!("{{ {both}, key: \"Hexsync Key\" }}")),
            "`Hexsync Key` can't be a field of Salesforce",
            "it has to be the API name of a custom field, such as `Hexsync_Key__c`",
        ),
        (
            salesforce(&format!("{{ {both}, key: Account.Name }}")),
            "`Account.Name` can't be a field of Salesforce",
            "it has to be the API name of a custom field, such as `Hexsync_Key__c`",
        ),
        (
            salesforce(&format!("{{ {both}, key: StageName }}")),
            "`StageName` holds our key, and is mapped as well in line",
            "keep a field of the CRM for the key alone",
        ),
        (
            with(
                "{ remote_entity: deals }",
                "{ remote_entity: deals, direction: outbound, key: HexsyncKey }",
            ),
            "`HexsyncKey` can't be a field of HubSpot",
            "it has to be the internal name of a property, such as `hexsync_key`",
        ),
        (
            with("{ remote_entity: deals }", "{ remote_entity: deals/contacts, direction: outbound }"),
            "associations are written as links of their records, not on their own",
            "write `direction: inbound`",
        ),
        (
            salesforce(&format!("{{ {both}, conflicts: {{ fields: {{ amuont: local }} }} }}")),
            "there is no field or relationship `amuont`",
            "did you mean `amount`?",
        ),
        (
            salesforce(&format!("{{ {both}, conflicts: {{ fields: {{ share: local }} }} }}")),
            "`share` is never written here, so there is no conflict about it",
            "remove it",
        ),
        (
            salesforce(&format!("{{ {both}, conflicts: {{ default: lokal }} }}")),
            "`default` can't be `lokal`",
            "did you mean `local`?",
        ),
        (
            with(
                "[{ scale: \"0.01\" }, { round: 4 }] }",
                "[{ scale: \"0.01\" }, { round: 4 }], write: true }",
            ),
            "`round` can't be turned back, so `share` is never written",
            "remove `write`, or the transform",
        ),
        (
            with("{ source: Amount, target: amount }", "{ source: Amount, target: amount, write: maybe }"),
            "`write` has to be true or false",
            "",
        ),
    ] {
        let told = told(&text);
        assert!(told.contains(message) && told.contains(help), "expected {message} / {help}, found\n{told}");
        assert!(told.contains("crates/entity-opportunity/entity.yaml:"), "no place in\n{told}");
    }
}

#[test]
fn nothing_left_to_write_is_told() {
    let mut text = crate::OPPORTUNITY
        .replace("{ remote_entity: deals }", "{ remote_entity: deals, direction: outbound }");
    let start = text.find("  hubspot-crm:\n    mode").unwrap();
    let end = text[start..].find("  homegrown:").unwrap() + start;
    let of_hubspot = text[start..end].replace("target: name }", "target: name, write: false }");
    let of_hubspot = of_hubspot.replace("target: account }", "target: account, write: false }");
    let of_hubspot =
        of_hubspot.replace("transform: dateOfInstant }", "transform: dateOfInstant, write: false }");
    let of_hubspot =
        of_hubspot.replace("        target: stage\n", "        target: stage\n        write: false\n");
    text.replace_range(start..end, &of_hubspot);
    assert!(told(&text).contains("nothing of `hubspot-crm` can be written"), "{}", told(&text));
}
