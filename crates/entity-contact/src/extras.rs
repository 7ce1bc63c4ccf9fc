//! What `entity.yaml` can't say of contacts: written by hand, never overwritten.

/// Puts the full name together, which HubSpot has in two parts only.
#[cfg(feature = "provider-hubspot")]
pub(crate) fn complete_from_hubspot(
    value: &mut crate::Contact,
    _: &provider_hubspot::HubspotRecord<'_>,
) -> Result<(), provider_hubspot::RecordError> {
    let parts = [value.first_name.as_deref(), value.last_name.as_deref()];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    value.name = Some(name).filter(|name| !name.is_empty());
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "provider-hubspot")]
mod tests {
    use provider_hubspot::HubspotRecord;

    use super::complete_from_hubspot;
    use crate::Contact;

    fn name(first: Option<&str>, last: Option<&str>) -> Option<String> {
        let mut contact = Contact {
            first_name: first.map(Into::into),
            last_name: last.map(Into::into),
            ..Contact::default()
        };
        complete_from_hubspot(&mut contact, &HubspotRecord::parse("{}").unwrap()).unwrap();
        contact.name
    }

    #[test]
    fn name_is_made_of_its_parts() {
        assert_eq!(name(Some("Ann"), Some("Roe")).as_deref(), Some("Ann Roe"));
        assert_eq!(name(None, Some("Roe")).as_deref(), Some("Roe"));
        assert_eq!(name(None, None), None);
    }
}
