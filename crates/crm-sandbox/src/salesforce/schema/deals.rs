//! What hangs on accounts and opportunities: contact roles, cases, and a custom object.

use super::objects::{owner, picklist, reference, text};
use super::system_fields;
use crate::salesforce::model::{FieldDef, FieldType as T, Formula, ObjectDef};

/// What a contact may be to an opportunity.
pub(in crate::salesforce) const ROLES: &[&str] = &[
    "Decision Maker",
    "Economic Buyer",
    "Technical Buyer",
    "Evaluator",
    "Executive Sponsor",
    "Influencer",
    "Business User",
    "Other",
];

/// How far a case is.
pub(in crate::salesforce) const CASE_STATUS: &[&str] = &["New", "Working", "Escalated", CASE_CLOSED];
/// The status that closes a case.
pub(in crate::salesforce) const CASE_CLOSED: &str = "Closed";

/// How far a project is.
pub(in crate::salesforce) const PROJECT_STATUS: &[&str] =
    &["Planned", "Running", "On Hold", "Done", "Cancelled"];

/// The row that joins a contact and an opportunity; it goes with either of them.
pub(super) fn opportunity_contact_role() -> ObjectDef {
    let mut fields = system_fields(true);
    let roles = "OpportunityContactRoles";
    fields.extend([
        reference("OpportunityId", "Opportunity").required().create_only().children(roles).cascades(),
        reference("ContactId", "Contact").required().create_only().children(roles).cascades(),
        picklist("Role", ROLES),
        FieldDef::new("IsPrimary", T::Boolean),
    ]);
    ObjectDef::new("OpportunityContactRole", "Opportunity Contact Roles", "00K", fields)
}

pub(super) fn case() -> ObjectDef {
    let mut fields = system_fields(true);
    fields.extend([
        text("CaseNumber", 30).required().name_field().auto_number(),
        reference("ContactId", "Contact").children("Cases"),
        reference("AccountId", "Account").children("Cases"),
        text("SuppliedEmail", 80),
        picklist("Type", &["Mechanical", "Electrical", "Electronic", "Structural", "Other"]),
        picklist("Status", CASE_STATUS).required(),
        picklist("Reason", &["Installation", "Performance", "Breakdown", "Feedback", "Other"]),
        picklist("Origin", &["Phone", "Email", "Web"]),
        text("Subject", 255),
        picklist("Priority", &["High", "Medium", "Low"]),
        FieldDef::new("Description", T::TextArea),
        FieldDef::new("ClosedDate", T::DateTime).read_only(),
        FieldDef::new("IsEscalated", T::Boolean),
        owner(),
        text("Ext__c", 64).external_key(),
    ]);
    let status = fields.iter().position(|field| &*field.name == "Status").unwrap_or(0);
    let closed = Formula::OneOf { field: status, texts: vec![CASE_CLOSED.into()] };
    fields.push(FieldDef::new("IsClosed", T::Boolean).formula(closed));
    ObjectDef::new("Case", "Cases", "500", fields)
}

/// A custom object, as an admin of the org would have made it.
pub(super) fn project() -> ObjectDef {
    let mut fields = system_fields(true);
    fields.extend([
        text("Name", 80).required().name_field(),
        owner(),
        picklist("Status__c", PROJECT_STATUS),
        FieldDef::new("Budget__c", T::Currency).number(16, 2),
        FieldDef::new("Start_Date__c", T::Date),
        text("Code__c", 32).external_key(),
        reference("Opportunity__c", "Opportunity").children("Projects__r"),
        reference("Account__c", "Account").children("Projects__r"),
    ]);
    ObjectDef::new("Project__c", "Projects", "a01", fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_goes_with_its_contact_and_its_opportunity() {
        let def = opportunity_contact_role();
        for name in ["OpportunityId", "ContactId"] {
            let field = def.field(name).unwrap();
            assert!(field.cascade_delete && field.createable && !field.updateable && !field.nillable);
        }
    }

    #[test]
    fn custom_references_end_in_r() {
        let def = project();
        let relationship = |name: &str| def.field(name).unwrap().relationship_name.clone();
        assert_eq!(relationship("Opportunity__c").as_deref(), Some("Opportunity__r"));
        assert_eq!(relationship("OwnerId").as_deref(), Some("Owner"));
        assert!(def.custom && def.field("Code__c").unwrap().unique);
    }
}
