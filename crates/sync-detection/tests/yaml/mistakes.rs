//! One mistake each: what is told of it.

use crate::{told, with};

/// A test per mistake: a passage of the good file, and what stands there instead.
macro_rules! mistakes {
    ($($name:ident: $from:expr => $to:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(told(&with($from, $to)));
            }
        )*
    };
}

mistakes! {
    // Keys and words.
    unknown_key: "title: name" => "titel: name";
    unknown_key_far_from_any: "title: name" => "banana: name";
    unknown_key_of_a_field: "required: true }\n  stage" => "requird: true }\n  stage";
    duplicate_key: "  stage: text\n" => "  stage: text\n  stage: json\n";
    missing_key: "doc: What may be sold, to whom, for how much and by when.\n" => "";
    missing_key_of_a_mapping: "{ source: Amount, target: amount }" => "{ source: Amount }";
    missing_detection_of_a_provider: "    stream: { remote_entity: deal }\n" => "    stream: { remote_entity: deal }\n    other: { remote_entity: deal }\n";
    missing_provider_of_a_detection: "    stream: { remote_entity: deal }\n" => "";
    misspelt_provider_in_detection: "  homegrown:\n    mode" => "  homegrwon:\n    mode";
    wrong_type_of_a_key: "plural: opportunities" => "plural: [opportunities]";
    number_where_text_is_expected: "source: Amount, " => "source: 15, ";
    text_where_truth_is_expected: "required: true }\n  stage" => "required: \"true\" }\n  stage";
    nothing_where_text_is_expected: "plural: opportunities" => "plural:";
    list_where_a_map_is_expected: "detection:\n  salesforce:" => "detection:\n  - salesforce:";
    unknown_field_type: "stage: text" => "stage: string";
    unknown_field_type_in_the_long_form: "type: decimal" => "type: decimel";
    unknown_direction: "direction: bidirectional" => "direction: both";
    unknown_mode: "mode: cdc" => "mode: stream";
    unknown_custom_field_store: "store: eav" => "store: json";
    no_fields: "fields:\n  name: { type: text, doc: Name., required: true }" => "fields: {}\nfeilds:\n  name: { type: text, doc: Name., required: true }";

    // Names.
    entity_not_in_snake_case: "entity: opportunity\nplural" => "entity: BigDeal\nplural";
    entity_that_is_a_word_of_rust: "entity: opportunity\nplural" => "entity: match\nplural";
    entity_that_makes_a_type_of_rust: "entity: opportunity\nplural" => "entity: option\nplural";
    plural_that_is_a_word_of_sql: "plural: opportunities" => "plural: order";
    plural_of_the_store: "plural: opportunities" => "plural: sync_runs";
    plural_that_is_the_singular: "plural: opportunities" => "plural: opportunity";
    field_not_in_snake_case: "  employees: int" => "  employees: int\n  LeadSource: text";
    field_that_is_a_word_of_rust: "  employees: int" => "  employees: int\n  type: text";
    field_that_is_a_word_of_sql: "  employees: int" => "  employees: int\n  group: text";
    field_that_is_a_column_of_every_table: "  employees: int" => "  employees: int\n  created_at: instant";
    field_that_is_custom: "  employees: int" => "  employees: int\n  custom: json";
    field_with_an_overlong_name: "  employees: int" => "  employees: int\n  the_number_of_all_people_who_work_for_this_company_today: int";
    field_that_is_a_column_of_a_link: "  employees: int" => "  employees: int\n  account_id: text";
    field_and_relationship_of_one_name: "  employees: int" => "  employees: int\n  owner: text";
    relationship_that_makes_a_column_of_every_table: "  parent: { entity: opportunity }" => "  parent: { entity: opportunity }\n  tenant: { entity: account }";
    title_that_is_not_there: "title: name" => "title: nmae";
    title_that_is_no_text: "title: name" => "title: amount";

    // Relationships, custom fields.
    relationship_to_an_unknown_entity: "entity: account, doc" => "entity: acount, doc";
    relationship_to_an_entity_far_from_any: "entity: account, doc" => "entity: invoice, doc";
    contract_without_a_store: "store: eav, contract" => "store: none, contract";

    // Providers.
    provider_not_in_kebab_case: "    stream: { remote_entity: deal }" => "    Stream_Crm: { remote_entity: deal }";
    provider_close_to_a_known_one: "    stream: { remote_entity: deal }" => "    salesfroce: { remote_entity: deal }";
    provider_twice: "    stream: { remote_entity: deal }" => "    stream: { remote_entity: deal }\n    hubspot: { remote_entity: deals }";
    remote_entity_of_salesforce_in_small_letters: "remote_entity: Opportunity" => "remote_entity: opportunity";
    remote_entity_of_salesforce_in_the_plural: "remote_entity: Opportunity" => "remote_entity: Opportunities";
    remote_entity_that_is_no_name: "remote_entity: Opportunity" => "remote_entity: Big Deal";
    remote_entity_of_hubspot_in_the_singular: "remote_entity: deals }" => "remote_entity: deal }\n";
    remote_entity_of_hubspot_in_capitals: "remote_entity: deals }" => "remote_entity: deals/Contacts }";

    // Modes and cursors.
    details_missing: "    cdc: { cursor: { kind: replayId, field: replay_id } }\n" => "";
    details_of_another_mode: "    mode: cdc\n" => "    mode: cdc\n    poll: { cursor: { kind: timestamp, field: stamp } }\n";
    cursor_of_salesforce_in_another_field: "field: SystemModstamp" => "field: LastModifiedDate";
    cursor_of_salesforce_of_another_kind: "kind: systemModstamp" => "kind: timestamp";
    cursor_of_hubspot_in_the_property_of_contacts: "field: hs_lastmodifieddate" => "field: lastmodifieddate";
    cursor_of_hubspot_contacts_in_the_property_of_deals: "remote_entity: deals }" => "remote_entity: contacts }";
    cursor_of_another_mode: "kind: replayId" => "kind: timestamp";
    cursor_of_a_webhook_of_another_kind: "kind: eventId" => "kind: replayId";
    cursor_that_is_no_timestamp: "    mode: cdc\n    cdc: { cursor: { kind: replayId, field: replay_id } }" => "    mode: poll\n    poll: { cursor: { kind: timestamp, field: title } }";
    cursor_that_polls_by_an_event: "    mode: cdc\n    cdc: { cursor: { kind: replayId, field: replay_id } }" => "    mode: poll\n    poll: { cursor: { kind: eventId, field: id } }";
    cursor_kind_of_salesforce_elsewhere: "kind: timestamp" => "kind: systemModstamp";
    event_id_field_without_a_name: "eventIdField: event.id" => "eventIdField: \"\"";

    // Mappings.
    mapping_to_a_missing_field: "{ source: Amount, target: amount }" => "{ source: Amount, target: amout }";
    mapping_to_the_external_id: "{ source: Amount, target: amount }" => "{ source: Id, target: external_id }";
    two_mappings_to_one_field: "{ source: Amount, target: amount }" => "{ source: Amount, target: stage }";
    required_field_never_mapped: "      - { source: dealname, target: name }\n" => "";
    source_that_is_no_field: "source: StageName" => "source: \"Stage Name\"";
    source_of_hubspot_by_its_label: "source: dealname" => "source: \"Deal name\"";

    // Transforms.
    unknown_transform: "transform: not }" => "transform: negate }";
    transform_close_to_a_known_one: "transform: uppercase" => "transform: upperCase";
    transform_of_another_kind_of_field: "{ source: Amount, target: amount }" => "{ source: Amount, target: amount, transform: lowercase }";
    transform_after_another_kind: "[{ scale: \"0.01\" }, { round: 4 }]" => "[{ scale: \"0.01\" }, trim]";
    transform_without_its_value: "transform: { truncate: 255 }" => "transform: truncate";
    transform_with_a_value_too_many: "transform: uppercase" => "transform: { uppercase: true }";
    two_transforms_in_one_map: "[{ scale: \"0.01\" }, { round: 4 }]" => "{ scale: \"0.01\", round: 4 }";
    truncate_to_nothing: "truncate: 255" => "truncate: 0";
    truncate_to_too_much: "truncate: 255" => "truncate: 5000000000";
    round_to_too_many_decimals: "{ round: 4 }" => "{ round: 40 }";
    scale_by_a_word: "scale: \"0.01\"" => "scale: percent";
    scale_by_nothing: "scale: \"0.01\"" => "scale: 0";
    scale_with_too_many_digits: "scale: \"0.01\"" => "scale: 0.12345678901234567890123456789";
    split_at_nothing: "split: \";\"" => "split: \"\"";
    default_of_another_kind: "{ default: 0 }" => "{ default: none }";
    default_for_json: "transform: { split: \";\" }" => "transform: [{ split: \";\" }, { default: \"[]\" }]";
    map_without_values: "values: { a: Open }" => "values: {}";
    map_with_null_unquoted: "otherwise: \"null\"" => "otherwise: null";
    map_with_one_word_twice: "closedlost: Lost" => "closedwon: Lost";
    boolean_with_one_word_for_both: "false: [\"no\", \"0\"]" => "false: [\"no\", \"YES\"]";
    boolean_without_words: "false: [\"no\", \"0\"]" => "false: []";
    date_of_an_unknown_form: "date: \"%d.%m.%Y\"" => "date: \"%d.%Q.%Y\"";
    date_that_says_too_little: "date: \"%d.%m.%Y\"" => "date: \"%m.%Y\"";
    instant_without_a_year: "instant: \"%Y-%m-%d %H:%M %z\"" => "instant: \"%H:%M\"";

    // Filters.
    unknown_operator: "op: neq, value: Draft" => "op: like, value: Draft";
    list_without_in: "op: neq, value: Draft" => "op: neq, value: [Draft]";
    in_without_a_list: "op: in, value: [New, Existing]" => "op: in, value: New";
    in_with_an_empty_list: "op: in, value: [New, Existing]" => "op: in, value: []";
    in_with_values_of_two_kinds: "op: in, value: [New, Existing]" => "op: in, value: [New, 7]";
    order_of_truths: "op: gte, value: 0.5" => "op: gte, value: true";
    filter_with_too_many_digits: "op: gte, value: 0.5" => "op: gte, value: 0.1234567890123456789";
    filter_with_an_enormous_number: "op: gte, value: 0.5" => "op: gte, value: 1e400";
    filter_by_something_that_is_no_field: "field: Type, op" => "field: \"Type OR Id\", op";
    filter_of_a_webhook: "    webhook: {" => "    filters: [{ field: a, op: eq, value: 1 }]\n    webhook: {";
}
