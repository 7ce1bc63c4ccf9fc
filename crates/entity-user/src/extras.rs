//! What `entity.yaml` can't say of users: written by hand, never overwritten.

/// Puts an owner's name together: HubSpot sends its parts. Owners come whole, so a part that is missing is none.
#[cfg(feature = "provider-hubspot")]
pub(crate) fn complete_from_hubspot(
    value: &mut crate::User,
    record: &provider_hubspot::HubspotRecord<'_>,
) -> Result<(), provider_hubspot::RecordError> {
    let part = |field| match record.text(field) {
        Err(provider_hubspot::RecordError::Missing { .. }) => Ok(None),
        part => part,
    };
    let parts = [part("firstName")?, part("lastName")?];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    value.name = Some(name).filter(|name| !name.is_empty());
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "provider-hubspot")]
mod tests {
    use provider_hubspot::{FromHubspot, HubspotRecord};

    use crate::User;

    fn name(json: &str) -> Option<String> {
        User::from_record(&HubspotRecord::parse(json).unwrap()).unwrap().name
    }

    #[test]
    fn name_is_made_of_its_parts() {
        let owner = r#"{"id": "41", "email": "ann@example.test", "firstName": "Ann", "lastName": "Roe"}"#;
        assert_eq!(name(owner).as_deref(), Some("Ann Roe"));
        assert_eq!(name(r#"{"email": null, "firstName": "", "lastName": "Roe"}"#).as_deref(), Some("Roe"));
        assert_eq!(name(r#"{"email": null}"#), None);
    }
}
