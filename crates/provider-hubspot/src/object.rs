//! What can be read: objects, owners, associations between two objects.

/// One of HubSpot's own objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StandardObject {
    /// The name in paths: `contacts`.
    pub name: &'static str,
    /// The name of one record, which paths accept as well: `contact`.
    pub singular: &'static str,
    /// The type id, the same in every account.
    pub type_id: &'static str,
    /// The property with the instant of a record's last modification.
    pub modified: &'static str,
}

/// The modification property of all objects but contacts.
pub(crate) const HS_LAST_MODIFIED: &str = "hs_lastmodifieddate";
/// The modification property of contacts, the one that is documented for search.
pub(crate) const LAST_MODIFIED: &str = "lastmodifieddate";

const fn standard(name: &'static str, singular: &'static str, type_id: &'static str) -> StandardObject {
    StandardObject { name, singular, type_id, modified: HS_LAST_MODIFIED }
}

/// HubSpot's own objects (reference/hubspot.md, Conventions). Wrong modification properties read nothing and
/// raise no error, so they are constants.
pub const STANDARD_OBJECTS: &[StandardObject] = &[
    StandardObject { name: "contacts", singular: "contact", type_id: "0-1", modified: LAST_MODIFIED },
    standard("companies", "company", "0-2"),
    standard("deals", "deal", "0-3"),
    standard("tickets", "ticket", "0-5"),
    standard("products", "product", "0-7"),
    standard("line_items", "line_item", "0-8"),
    standard("quotes", "quote", "0-14"),
    standard("tasks", "task", "0-27"),
    standard("notes", "note", "0-46"),
    standard("meetings", "meeting", "0-47"),
    standard("calls", "call", "0-48"),
    standard("emails", "email", "0-49"),
    standard("leads", "lead", "0-136"),
    standard("users", "user", "0-115"),
];

/// The standard object of this name, singular or type id.
#[must_use]
pub fn standard_object(name: &str) -> Option<&'static StandardObject> {
    STANDARD_OBJECTS
        .iter()
        .find(|object| object.name == name || object.singular == name || object.type_id == name)
}

/// The property with the instant of a record's last modification, for any object.
///
/// ```
/// use provider_hubspot::modified_property;
///
/// assert_eq!(modified_property("contacts"), "lastmodifieddate");
/// assert_eq!(modified_property("deals"), "hs_lastmodifieddate");
/// assert_eq!(modified_property("2-1234"), "hs_lastmodifieddate");
/// ```
#[must_use]
pub fn modified_property(object: &str) -> &'static str {
    standard_object(object).map_or(HS_LAST_MODIFIED, |object| object.modified)
}

/// What an entity reads, told from [`FromHubspot::OBJECT`](crate::FromHubspot::OBJECT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remote {
    /// Records of an object.
    Object(&'static str),
    /// The people records belong to; not an object.
    Owners,
    /// Which records of two objects belong together.
    Links { from: &'static str, to: &'static str },
}

impl Remote {
    pub(crate) fn of(object: &'static str) -> Self {
        match object.split_once('/') {
            Some((from, to)) => Self::Links { from, to },
            None if object == "owners" => Self::Owners,
            None => Self::Object(object),
        }
    }
}

/// Whether a name goes into a path as it is: type ids and HubSpot's own names need no look-up.
pub(crate) fn is_path_name(name: &str) -> bool {
    let is_type_id = name.split_once('-').is_some_and(|(class, number)| {
        [class, number].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    });
    is_type_id || standard_object(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_is_told_from_the_name() {
        assert_eq!(Remote::of("deals"), Remote::Object("deals"));
        assert_eq!(Remote::of("owners"), Remote::Owners);
        assert_eq!(Remote::of("deals/contacts"), Remote::Links { from: "deals", to: "contacts" });
    }

    #[test]
    fn contacts_alone_have_their_own_stamp() {
        let others = STANDARD_OBJECTS.iter().filter(|object| object.modified != HS_LAST_MODIFIED);
        assert_eq!(others.map(|object| object.name).collect::<Vec<_>>(), ["contacts"]);
        assert_eq!(modified_property("0-1"), "lastmodifieddate");
        assert_eq!(modified_property("contact"), "lastmodifieddate");
    }

    #[test]
    fn custom_names_are_looked_up_and_type_ids_are_not() {
        for name in ["contacts", "deal", "2-1234", "0-3"] {
            assert!(is_path_name(name), "{name}");
        }
        for name in ["car", "p9001_car", "2-", "-2", "2-x"] {
            assert!(!is_path_name(name), "{name}");
        }
    }
}
