//! The objects of an org; here User, Account, Contact and Opportunity, with a few custom fields as a real org has them.

use super::deals::{case, opportunity_contact_role, project};
use super::system_fields;
use crate::salesforce::model::{FieldDef, FieldType as T, Formula, ObjectDef};

const LEAD_SOURCES: &[&str] =
    &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade Show", "Other"];
const COUNTRY_PARTS: [&str; 5] = ["Street", "City", "State", "PostalCode", "Country"];

/// The probability, in percent, that a stage sets when none is given.
pub const PROBABILITY_OF_STAGE: &[(&str, f64)] = &[
    ("Prospecting", 10.0),
    ("Qualification", 10.0),
    ("Needs Analysis", 20.0),
    ("Engaging", 25.0),
    ("Value Proposition", 50.0),
    ("Id. Decision Makers", 60.0),
    ("Perception Analysis", 70.0),
    ("Proposal/Price Quote", 75.0),
    ("Negotiation/Review", 90.0),
    ("Closed Won", 100.0),
    ("Won", 100.0),
    ("Closed Lost", 0.0),
    ("Lost", 0.0),
];

/// The objects of a new org, in the order of describe-global.
#[must_use]
pub fn standard_objects() -> Vec<ObjectDef> {
    vec![account(), case(), contact(), opportunity(), opportunity_contact_role(), project(), user()]
}

pub(super) fn text(name: &str, length: u32) -> FieldDef {
    FieldDef::new(name, T::String).length(length)
}

pub(super) fn picklist(name: &str, values: &[&str]) -> FieldDef {
    FieldDef::new(name, T::Picklist).values(values)
}

pub(super) fn reference(name: &str, object: &str) -> FieldDef {
    FieldDef::new(name, T::Reference).to(object)
}

pub(super) fn owner() -> FieldDef {
    reference("OwnerId", "User").required()
}

fn master_record(object: &str) -> FieldDef {
    reference("MasterRecordId", object).read_only()
}

/// Appends an address: its parts, then the compound that shows them together.
fn push_address(fields: &mut Vec<FieldDef>, prefix: &str) {
    let compound = format!("{prefix}Address");
    let mut parts = Vec::new();
    for part in COUNTRY_PARTS {
        let field_type = if part == "Street" { T::TextArea } else { T::String };
        let length = match part {
            "Street" => 255,
            "City" => 40,
            "PostalCode" => 20,
            _ => 80,
        };
        let key = part[..1].to_ascii_lowercase() + &part[1..];
        parts.push((key.into(), fields.len()));
        fields.push(FieldDef::new(&format!("{prefix}{part}"), field_type).length(length).part_of(&compound));
    }
    let mut address = FieldDef::new(&compound, T::Address).formula(Formula::Parts(parts));
    (address.filterable, address.sortable) = (false, false);
    fields.push(address);
}

/// A person's `Name`, made of the two fields that follow it.
fn push_person_name(fields: &mut Vec<FieldDef>) {
    let at = fields.len();
    fields.push(text("LastName", 80).required().part_of("Name"));
    fields.push(text("FirstName", 40).part_of("Name"));
    fields.push(text("Name", 121).required().name_field().formula(Formula::Join(vec![at + 1, at])));
}

fn account() -> ObjectDef {
    let mut fields = system_fields(true);
    fields.extend([
        master_record("Account"),
        text("Name", 255).required().name_field(),
        picklist(
            "Type",
            &["Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other"],
        ),
        reference("ParentId", "Account").children("ChildAccounts"),
        FieldDef::new("Phone", T::Phone).length(40),
        FieldDef::new("Website", T::Url),
        picklist(
            "Industry",
            &["Banking", "Biotechnology", "Education", "Energy", "Retail", "Technology", "Other"],
        ),
        FieldDef::new("AnnualRevenue", T::Currency).number(18, 0),
        FieldDef::new("NumberOfEmployees", T::Int),
        FieldDef::new("Description", T::TextArea),
        picklist("Rating", &["Hot", "Warm", "Cold"]),
        owner(),
        text("AccountNumber", 40),
        text("YearStarted", 4),
        picklist("AccountSource", LEAD_SOURCES),
        text("Ext__c", 64).external_key(),
        FieldDef::new("Segments__c", T::MultiPicklist).values(&["SMB", "Mid-market", "Enterprise", "Public"]),
    ]);
    push_address(&mut fields, "Billing");
    let mut def = ObjectDef::new("Account", "Accounts", "001", fields);
    def.mergeable = true;
    def
}

fn contact() -> ObjectDef {
    let mut fields = system_fields(true);
    fields.push(master_record("Contact"));
    fields.push(reference("AccountId", "Account").children("Contacts").cascades());
    push_person_name(&mut fields);
    fields.extend([
        picklist("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
        FieldDef::new("Phone", T::Phone).length(40),
        FieldDef::new("MobilePhone", T::Phone).length(40),
        FieldDef::new("Email", T::Email).id_lookup(),
        text("Title", 128),
        text("Department", 80),
        picklist("LeadSource", LEAD_SOURCES),
        FieldDef::new("Birthdate", T::Date),
        FieldDef::new("Description", T::TextArea),
        owner(),
        reference("ReportsToId", "Contact"),
        FieldDef::new("HasOptedOutOfEmail", T::Boolean),
        text("Ext__c", 64).external_key(),
    ]);
    push_address(&mut fields, "Mailing");
    let mut def = ObjectDef::new("Contact", "Contacts", "003", fields);
    def.mergeable = true;
    def
}

fn opportunity() -> ObjectDef {
    let mut fields = system_fields(true);
    let stages: Vec<&str> = PROBABILITY_OF_STAGE.iter().map(|(stage, _)| *stage).collect();
    fields.extend([
        reference("AccountId", "Account").children("Opportunities").cascades(),
        text("Name", 120).required().name_field(),
        FieldDef::new("Description", T::TextArea),
        picklist("StageName", &stages).required(),
        FieldDef::new("Amount", T::Currency).number(18, 2),
        FieldDef::new("Probability", T::Percent),
        FieldDef::new("CloseDate", T::Date).required(),
        picklist("Type", &["Existing Business", "New Business"]),
        text("NextStep", 255),
        picklist("LeadSource", LEAD_SOURCES),
        owner(),
        text("Ext__c", 64).external_key(),
        text("Region__c", 80),
        FieldDef::new("Score__c", T::Double).number(18, 4),
        FieldDef::new("Renewal_Date__c", T::Date),
        picklist("Priority__c", &["Low", "Medium", "High"]).restricted(),
        text("Product__c", 80),
    ]);
    let at = |name: &str| fields.iter().position(|field| &*field.name == name).unwrap_or(0);
    let (stage, amount, probability, account) =
        (at("StageName"), at("Amount"), at("Probability"), at("AccountId"));
    let one_of = |texts: &[&str]| Formula::OneOf {
        field: stage,
        texts: texts.iter().map(|text| (*text).into()).collect(),
    };
    let expected = Formula::Product { left: amount, right: probability, factor: 0.01 };
    let rating = Formula::Parent { reference: account, object: "Account".into(), field: "Rating".into() };
    fields.extend([
        FieldDef::new("IsClosed", T::Boolean).formula(one_of(&["Closed Won", "Closed Lost", "Won", "Lost"])),
        FieldDef::new("IsWon", T::Boolean).formula(one_of(&["Closed Won", "Won"])),
        FieldDef::new("ExpectedRevenue", T::Currency).number(18, 2).formula(expected.clone()),
        FieldDef::new("Weighted__c", T::Currency).number(18, 2).formula(expected),
        text("Account_Rating__c", 1300).formula(rating),
    ]);
    ObjectDef::new("Opportunity", "Opportunities", "006", fields)
}

fn user() -> ObjectDef {
    let mut fields = system_fields(false);
    fields.push(text("Username", 80).required().id_lookup());
    push_person_name(&mut fields);
    fields.extend([
        FieldDef::new("Email", T::Email).length(128).required(),
        text("Alias", 8).required(),
        FieldDef::new("IsActive", T::Boolean),
        text("Title", 80),
        text("Department", 80),
        reference("ManagerId", "User"),
        picklist("TimeZoneSidKey", &["America/New_York", "Europe/Berlin", "Asia/Tokyo"]),
        text("FederationIdentifier", 512),
    ]);
    let mut def = ObjectDef::new("User", "Users", "005", fields);
    def.deletable = false;
    def
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::model::{CREATED_DATE, ID, IS_DELETED, SYSTEM_MODSTAMP};

    #[test]
    fn system_fields_stand_where_the_constants_say() {
        for def in standard_objects() {
            for (index, name) in
                [(ID, "Id"), (CREATED_DATE, "CreatedDate"), (SYSTEM_MODSTAMP, "SystemModstamp")]
            {
                assert_eq!(def.field_index(name), Some(index), "{}", def.name);
            }
            assert_eq!(&*def.fields()[IS_DELETED].name, "IsDeleted");
        }
    }

    #[test]
    fn users_have_no_deleted_flag() {
        let objects = standard_objects();
        let user = objects.iter().find(|def| &*def.name == "User").unwrap();
        assert_eq!(user.field_index("IsDeleted"), None);
        assert!(objects[0].field_index("isdeleted").is_some());
    }

    #[test]
    fn formulas_point_at_the_fields_they_name() {
        let def = opportunity();
        let Some(Formula::Product { left, right, .. }) = &def.field("Weighted__c").unwrap().formula else {
            panic!("not a product")
        };
        assert_eq!((&*def.fields()[*left].name, &*def.fields()[*right].name), ("Amount", "Probability"));
        let contact = contact();
        let Some(Formula::Join(parts)) = &contact.field("Name").unwrap().formula else {
            panic!("not a join")
        };
        let names: Vec<&str> = parts.iter().map(|at| &*contact.fields()[*at].name).collect();
        assert_eq!(names, ["FirstName", "LastName"]);
    }
}
