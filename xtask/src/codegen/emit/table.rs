//! `src/generated/table.rs`: where the entity is kept.

use std::fmt::Write as _;

use sync_detection::yaml::{ContractConfig, CustomFieldStore};

use crate::codegen::model::Entity;
use crate::codegen::names::{doc, literal};

pub(super) fn file(entity: &Entity, migrations: &[String]) -> String {
    let custom = &entity.config.custom_fields;
    let plain = custom.contract == ContractConfig::Evolve && custom.fields.is_empty();
    let linked = !entity.config.relationships.is_empty();
    let mut names = vec!["CustomFieldPolicy", "CustomFieldStore"];
    names.extend((!plain).then_some("FieldContract"));
    names.extend(linked.then_some("LinkDef"));
    names.extend(["TableDef", "TableEntity"]);

    let files: Vec<_> = migrations.iter().map(|name| format!("`{name}`")).collect();
    let noun = if files.len() == 1 { "migration" } else { "migrations" };
    let mut text =
        format!("//! Where {} are kept.\n\nuse sync_core::{{{}}};\n\n", entity.many(), names.join(", "));
    text += &doc(
        "///",
        0,
        &format!("The table `{}`; its columns are in the {noun} {}.", entity.plural(), files.join(", ")),
    );
    let _ =
        writeln!(text, "pub const TABLE: TableDef = TableDef {{\n    name: {},", literal(&entity.plural()));
    text += "    links: &[";
    for (field, link) in &entity.config.relationships {
        let table = entity.tables.get(&link.entity).map_or("", String::as_str);
        let _ = write!(
            text,
            "LinkDef {{ field: {}, parent_entity: {}, parent_table: {}, required: {} }},",
            literal(field),
            literal(&link.entity),
            literal(table),
            link.required
        );
    }
    let store = match custom.store {
        CustomFieldStore::None => "None",
        CustomFieldStore::Jsonb => "Json",
        CustomFieldStore::Eav => "Eav",
    };
    let _ = writeln!(text, "],\n    custom_fields: CustomFieldStore::{store},");
    let policy = if plain {
        "CustomFieldPolicy::EVOLVE".to_owned()
    } else {
        let named: String = custom
            .fields
            .iter()
            .map(|(name, rule)| format!("({}, FieldContract::{}),", literal(name), contract(*rule)))
            .collect();
        format!(
            "CustomFieldPolicy {{ default: FieldContract::{}, fields: &[{named}] }}",
            contract(custom.contract)
        )
    };
    let _ = write!(
        text,
        "    custom_field_policy: {policy},\n}};\n\nimpl TableEntity for crate::{} {{\n    const TABLE: TableDef = TABLE;\n}}\n",
        entity.ty()
    );
    text
}

fn contract(rule: ContractConfig) -> &'static str {
    match rule {
        ContractConfig::Evolve => "Evolve",
        ContractConfig::Freeze => "Freeze",
        ContractConfig::Discard => "Discard",
    }
}
