//! What is generated of an entity that goes one way or the other.

use std::path::Path;

use sync_detection::yaml::{EntityFile, KnownEntities};

use super::{provider, providers, wiring};
use crate::codegen::model::{self, Model, Source};

/// A ticket of HubSpot and Salesforce; `{salesforce}` stands for more keys of its provider.
fn ticket(salesforce: &str) -> Result<Model, String> {
    let text = format!(
        "
entity: ticket
doc: A request for help.
fields: {{ subject: text, weight: decimal }}
sync: {{ providers: {{ salesforce: {{ remote_entity: Case{salesforce} }}, hubspot: {{ remote_entity: tickets }} }} }}
detection:
  salesforce:
    mode: poll
    poll: {{ cursor: {{ kind: systemModstamp, field: SystemModstamp }} }}
    mapping:
      - {{ source: Subject, target: subject }}
      - {{ source: Weight__c, target: weight, write: false }}
  hubspot:
    mode: poll
    poll: {{ cursor: {{ kind: timestamp, field: hs_lastmodifieddate }} }}
    mapping: [{{ source: subject, target: subject }}]
"
    );
    let config = EntityFile::parse(Path::new("entity.yaml"), &text, &KnownEntities::Any)
        .map_err(|problems| problems.to_string())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = Source { package: "entity-ticket".into(), text, config, events: Vec::new() };
    model::model(&root, vec![source]).map_err(|error| error.to_string())
}

/// The files of the provider, of the providers and of the wiring.
fn generated(salesforce: &str) -> [String; 3] {
    let model = ticket(salesforce).unwrap();
    let entity = &model.entities[0];
    [provider::file(entity, &entity.providers[0]), providers::file(entity), wiring::entity(&model, entity)]
}

#[test]
fn inbound_entity_has_no_writer() {
    let [provider, providers, wiring] = generated("");
    assert!(provider.contains("impl FromSalesforce for crate::Ticket") && !provider.contains("ToSalesforce"));
    assert!(providers.contains("pub salesforce: Box<dyn PollFetch<Ticket>>"));
    assert!(wiring.contains("fn ticket_from_salesforce") && !wiring.contains("_to_"));
}

#[test]
fn both_ways_make_a_source_and_a_writer() {
    let more = ", direction: bidirectional, key: Hexsync_Key__c, conflicts: { default: remote, fields: { subject: local } }";
    let [provider, providers, wiring] = generated(more);
    assert!(
        provider.contains(
            "use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord, ToSalesforce};"
        )
    );
    assert!(provider.contains("use sync_core::{ConflictPolicy, ConflictRule};"));
    assert!(provider.contains("impl ToSalesforce for crate::Ticket"));
    assert!(provider.contains("const KEY: Option<&'static str> = Some(\"Hexsync_Key__c\");"));
    assert!(provider.contains(
        "const CONFLICTS: ConflictPolicy = ConflictPolicy { default: ConflictRule::RemoteWins, \
         fields: &[(\"subject\", ConflictRule::LocalWins)] };"
    ));
    assert!(provider.contains("FieldMapping::new(\"Weight__c\", \"weight\").read_only()"));
    assert!(providers.contains("pub salesforce: Box<dyn PollFetch<Ticket>>"));
    assert!(wiring.contains("fn ticket_from_salesforce") && wiring.contains("fn ticket_to_salesforce"));
    assert!(!wiring.contains("ticket_to_hubspot"), "HubSpot is only read");
}

#[test]
fn outbound_entity_is_only_written() {
    let [provider, providers, wiring] = generated(", direction: outbound");
    assert!(provider.contains("const KEY: Option<&'static str> = None;"));
    assert!(provider.contains("const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;"));
    assert!(!provider.contains("ConflictRule"), "nothing is imported that is not used");
    assert!(!providers.contains("pub salesforce: Box") && providers.contains("pub hubspot: Box"));
    assert!(providers.contains("only written to"));
    assert!(
        !wiring.contains("fn ticket_from_salesforce")
            && !wiring.contains("fn ticket_reconcile_from_salesforce")
    );
    assert!(wiring.contains("fn ticket_to_salesforce"));
}

#[test]
fn provider_crate_without_a_writer_is_told() {
    let mut model = ticket(", direction: outbound").unwrap();
    let providers = std::mem::take(&mut model.entities[0].providers);
    let error = model::check_writers("entity-ticket", &providers, &["hubspot".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("crates/provider-salesforce has no src/writer.rs"), "{error}");
}
