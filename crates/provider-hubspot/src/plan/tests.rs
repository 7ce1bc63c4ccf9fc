use rust_decimal::Decimal;
use serde_json::json;
use sync_core::{Canonical, CustomFields, ExternalId};
use sync_detection::{FieldMapping, Filter, FilterOp};

use super::*;
use crate::record::{HubspotRecord, RecordError};

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Deal {
    name: Option<String>,
    amount: Option<Decimal>,
    company: Option<ExternalId>,
    #[canonical(custom)]
    custom: CustomFields,
}

impl FromHubspot for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("dealname", "name"),
            FieldMapping::new("amount", "amount"),
            FieldMapping::new("associations.companies", "company"),
            FieldMapping::new("createdAt", "created_at"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self { name: record.text("dealname")?, ..Self::default() })
    }
}

macro_rules! reads {
    ($name:ident, $object:literal, [$($source:literal),*]) => {
        impl FromHubspot for $name {
            const OBJECT: &'static str = $object;

            fn mapping() -> &'static [FieldMapping] {
                const MAPPING: &[FieldMapping] = &[$(FieldMapping::new($source, "name")),*];
                MAPPING
            }

            fn from_record(_: &HubspotRecord<'_>) -> Result<Self, RecordError> {
                Ok(Self::default())
            }
        }
    };
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "bare")]
struct Bare {
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "owner")]
struct Owner {
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "live")]
struct Live {
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "role")]
struct Role {
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "odd")]
struct Odd {
    name: Option<String>,
}

reads!(Bare, "deals", ["dealname"]);
reads!(Owner, "owners", ["email", "archived"]);
reads!(Live, "owners", ["email"]);
reads!(Role, "deals/contacts", ["from", "to", "label", "primary"]);
reads!(Odd, "deals/contacts", ["from", "role"]);

fn description(more: &[(&str, &str, bool)]) -> ObjectDescription {
    let own = [
        ("hs_lastmodifieddate", "datetime", true),
        ("hs_merged_object_ids", "enumeration", true),
        ("dealname", "string", true),
        ("amount", "number", true),
        ("pipeline", "enumeration", true),
    ];
    let property = |(name, property_type, own): &(&str, &str, bool)| {
        serde_json::from_value(json!({"name": name, "type": property_type, "hubspotDefined": own})).unwrap()
    };
    ObjectDescription::new("deals", "deals", own.iter().chain(more).map(property).collect())
}

fn plan<T: FromHubspot>(
    more: &[(&str, &str, bool)],
    custom_fields: CustomFieldSelection,
    filters: &[Filter],
) -> Result<Plan, SourceError> {
    let config = HubspotConfig { custom_fields, ..HubspotConfig::default() };
    let link_paths = linked::<T>();
    Plan::new::<T>(Known::Object { description: &description(more), link_paths }, &config, filters)
}

#[test]
fn stamp_mapping_merges_and_the_customers_own_are_asked_for() {
    let more = [("region", "string", false), ("score", "number", false)];
    let plan = plan::<Deal>(&more, CustomFieldSelection::All, &[]).unwrap();
    assert_eq!(
        plan.properties,
        ["hs_lastmodifieddate", "dealname", "amount", "hs_merged_object_ids", "region", "score"]
    );
    assert_eq!((plan.links.as_slice(), plan.tells_merged), (&["companies".to_owned()][..], true));
    assert_eq!(plan.custom.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["region", "score"]);
}

#[test]
fn entity_without_a_place_for_custom_properties_asks_for_none() {
    let plan = plan::<Bare>(&[("region", "string", false)], CustomFieldSelection::All, &[]).unwrap();
    assert!(plan.custom.is_empty() && !plan.properties.contains(&"region".to_owned()));
}

#[test]
fn chosen_custom_properties_have_to_be_there() {
    let more = [("region", "string", false), ("score", "number", false)];
    let only =
        |names: &[&str]| CustomFieldSelection::Only(names.iter().map(|name| (*name).to_owned()).collect());
    let plan = |selection| plan::<Deal>(&more, selection, &[]);
    let names = |plan: Plan| plan.custom.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(
        names(plan(only(&["score", "pipeline", "amount"])).unwrap()),
        ["pipeline", "score"],
        "mapped ones are not repeated"
    );
    assert_eq!(names(plan(CustomFieldSelection::None).unwrap()), Vec::<String>::new());
    let error = plan(only(&["gone"])).unwrap_err();
    assert!(
        error.to_string().contains("UNKNOWN_FIELD") && error.to_string().contains("`gone` of deals"),
        "{error}"
    );
}

/// HubSpot leaves unknown properties out of its answers without a word.
#[test]
fn mapped_property_that_is_not_there_is_refused_by_name() {
    let mut bare = description(&[]);
    bare.properties.retain(|property| property.name != "amount");
    let known = Known::Object { description: &bare, link_paths: vec!["companies".to_owned()] };
    let error = Plan::new::<Deal>(known, &HubspotConfig::default(), &[]).unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "UNKNOWN_FIELD"), "{error:?}");
    assert!(error.to_string().contains("`amount` of deals"), "{error}");
}

#[test]
fn archived_property_counts_as_gone() {
    let mut withdrawn = description(&[("region", "string", false)]);
    for property in &mut withdrawn.properties {
        property.archived = matches!(property.name.as_str(), "region" | "dealname");
    }
    let known = Known::Object { description: &withdrawn, link_paths: Vec::new() };
    let error = Plan::new::<Deal>(known, &HubspotConfig::default(), &[]).unwrap_err();
    assert!(error.to_string().contains("`dealname`"), "{error}");
    withdrawn.properties[2].archived = false;
    let known = Known::Object { description: &withdrawn, link_paths: Vec::new() };
    let plan = Plan::new::<Deal>(known, &HubspotConfig::default(), &[]).unwrap();
    assert!(plan.custom.is_empty());
}

#[test]
fn object_without_its_stamp_can_not_be_polled() {
    let mut odd = description(&[]);
    odd.properties.remove(0);
    let known = Known::Object { description: &odd, link_paths: Vec::new() };
    let error = Plan::new::<Deal>(known, &HubspotConfig::default(), &[]).unwrap_err();
    assert!(error.to_string().contains("NO_STAMP"), "{error}");
    let known = Known::Links { parent: &odd, to: "contacts".to_owned() };
    assert!(Plan::new::<Role>(known, &HubspotConfig::default(), &[]).is_err());
}

#[test]
fn filtered_properties_are_asked_for_and_have_to_be_there() {
    let filter = |name: &str| Filter::new(name, FilterOp::Neq, "lost").unwrap();
    let filtered = plan::<Bare>(&[], CustomFieldSelection::All, &[filter("pipeline")]).unwrap();
    assert!(filtered.properties.contains(&"pipeline".to_owned()) && filtered.conditions.len() == 1);
    let error = plan::<Bare>(&[], CustomFieldSelection::All, &[filter("gone")]).unwrap_err();
    assert!(error.to_string().contains("the filter on `gone` of deals"), "{error}");
}

#[test]
fn hundreds_of_properties_don_t_fit_an_address() {
    let names: Vec<String> = (0..400).map(|n| format!("customer_made_property_{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "string", false)).collect();
    assert!(!plan::<Deal>(&many, CustomFieldSelection::All, &[]).unwrap().fits_list);
    assert!(plan::<Deal>(&many[..200], CustomFieldSelection::All, &[]).unwrap().fits_list);
}

#[test]
fn owners_and_associations_have_fixed_parts() {
    let config = HubspotConfig::default();
    let owner = Plan::new::<Owner>(Known::Owners, &config, &[]).unwrap();
    assert!(owner.keeps_archived);
    assert!(!Plan::new::<Live>(Known::Owners, &config, &[]).unwrap().keeps_archived);

    let parent = description(&[]);
    let links = || Known::Links { parent: &parent, to: "contacts".to_owned() };
    let role = Plan::new::<Role>(links(), &config, &[]).unwrap();
    assert_eq!((role.path.as_str(), role.to_path.as_str(), role.properties.len()), ("deals", "contacts", 1));
    let error = Plan::new::<Odd>(links(), &config, &[]).unwrap_err();
    assert!(
        error.to_string().contains("`role` of deals/contacts is mapped; there are only from, to"),
        "{error}"
    );
}
