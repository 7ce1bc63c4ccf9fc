//! An outbound message's body.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const SOBJECT: &str = "urn:sobject.enterprise.soap.sforce.com";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Notifications of one message (reference/salesforce.md, Outbound Messages).
const MOST_NOTIFICATIONS: usize = 100;
/// Fields of one record: an object has at most 800, most of them the customer's own.
const MOST_FIELDS: usize = 1_000;
/// A message is six levels deep; parts of compound fields are one more.
const MOST_DEPTH: usize = 12;
/// Bytes of one tag's attributes: a few names of namespaces.
const MOST_ATTRIBUTES: usize = 2_048;

/// One message: what happened to up to a hundred records of one organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Which organisation says so. Nothing proves it.
    pub organization_id: String,
    /// Which action of its set-up sent it.
    pub action_id: String,
    /// The records.
    pub notifications: Vec<Notification>,
}

/// One record, as it was when the message was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// The same when it is repeated.
    pub id: String,
    /// The object's API name: `Opportunity`.
    pub object: String,
    /// The fields that the action sends, in their order, `Id` among them.
    pub fields: Vec<Field>,
}

/// One field's value; `None` for an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The API name.
    pub name: String,
    /// The value as text.
    pub value: Option<String>,
}

impl Notification {
    /// A field's value.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name)?.value.as_deref()
    }
}

/// Why a body is no outbound message. Never says what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not UTF-8, or no well-formed XML.
    #[error("the body is no well-formed xml in utf-8")]
    NotXml,
    /// It has a document type, an entity of its own or an instruction, which no message has.
    #[error("the body holds a document type, an entity or an instruction, which no outbound message does")]
    Forbidden,
    /// It nests deeper, or holds more, than any message does.
    #[error("the body is larger than any outbound message")]
    TooLarge,
    /// It is XML, but not that of a message.
    #[error("the body is no outbound message")]
    NotAMessage,
}

/// Reads a message. Nothing is expanded: a document type is refused, and so is any entity that XML itself does not
/// define.
///
/// # Errors
/// [`MessageError`]; a message is read as a whole or not at all, because it is acknowledged so.
pub fn parse_message(body: &[u8]) -> Result<Message, MessageError> {
    let text = std::str::from_utf8(body).map_err(|_| MessageError::NotXml)?;
    let mut reading = Reading::default();
    let mut reader = NsReader::from_str(text);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event().map_err(|_| MessageError::NotXml)? {
            Event::Start(tag) => reading.open(&reader, &tag)?,
            Event::Empty(tag) => {
                reading.open(&reader, &tag)?;
                reading.close()?;
            }
            Event::End(_) => reading.close()?,
            Event::Text(text) => reading.text(&text.xml10_content()),
            Event::CData(text) => reading.text(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let plain = match entity.resolve_char_ref().map_err(|_| MessageError::NotXml)? {
                    Some(character) => character,
                    None => predefined(&entity).ok_or(MessageError::Forbidden)?,
                };
                reading.text(plain.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) | Event::PI(_) => return Err(MessageError::Forbidden),
            Event::Comment(_) | Event::Decl(_) => {}
            Event::Eof => return reading.finish(),
        }
    }
}

/// Entities that need no definition.
fn predefined(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// The part of a message that an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Envelope,
    Header,
    Body,
    Notifications,
    Organization,
    Action,
    Notification,
    NotificationId,
    Record,
    Field,
    /// What does not matter, with all that is in it.
    Other,
}

#[derive(Default)]
struct Reading {
    message: Message,
    path: Vec<Part>,
    /// The text of the element in hand.
    text: String,
    is_nil: bool,
    /// The field in hand.
    name: String,
    seen_notifications: bool,
}

fn known<'a>(namespace: &ResolveResult<'a>) -> Option<&'a str> {
    match namespace {
        ResolveResult::Bound(Namespace(name)) => Some(name),
        _ => None,
    }
}

impl Reading {
    fn open(&mut self, reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Result<(), MessageError> {
        if self.path.len() >= MOST_DEPTH || tag.attributes_raw().len() > MOST_ATTRIBUTES {
            return Err(MessageError::TooLarge);
        }
        let (namespace, local) = reader.resolver().resolve_element(tag.name());
        let part = self.part(known(&namespace), local.as_ref())?;
        self.text.clear();
        self.is_nil = false;
        match part {
            Part::Notification => {
                if self.message.notifications.len() >= MOST_NOTIFICATIONS {
                    return Err(MessageError::TooLarge);
                }
                self.message.notifications.push(Notification::default());
            }
            Part::Record => {
                let object = attribute(reader, tag, "type")?.ok_or(MessageError::NotAMessage)?;
                let object = object.rsplit_once(':').map_or(&*object, |(_, name)| name).to_owned();
                self.record()?.object = object;
            }
            Part::Field => {
                self.name = local.as_ref().to_owned();
                self.is_nil = matches!(attribute(reader, tag, "nil")?.as_deref(), Some("true" | "1"));
            }
            _ => {}
        }
        self.path.push(part);
        Ok(())
    }

    /// What an element is, from where it stands.
    fn part(&mut self, namespace: Option<&str>, local: &str) -> Result<Part, MessageError> {
        let is = |name: &str| namespace == Some(name);
        Ok(match (self.path.last(), local) {
            (None, "Envelope") if is(SOAP) => Part::Envelope,
            (Some(Part::Envelope), "Body") if is(SOAP) => Part::Body,
            (Some(Part::Envelope), "Header") if is(SOAP) => Part::Header,
            (Some(Part::Body), "notifications") if is(OUTBOUND) && !self.seen_notifications => {
                self.seen_notifications = true;
                Part::Notifications
            }
            (None | Some(Part::Envelope | Part::Body), _) => return Err(MessageError::NotAMessage),
            (Some(Part::Notifications), "OrganizationId") if is(OUTBOUND) => Part::Organization,
            (Some(Part::Notifications), "ActionId") if is(OUTBOUND) => Part::Action,
            (Some(Part::Notifications), "Notification") if is(OUTBOUND) => Part::Notification,
            (Some(Part::Notification), "Id") if is(OUTBOUND) => Part::NotificationId,
            (Some(Part::Notification), "sObject") if is(OUTBOUND) => Part::Record,
            (Some(Part::Record), _) if is(SOBJECT) => Part::Field,
            _ => Part::Other,
        })
    }

    fn text(&mut self, text: &str) {
        if matches!(
            self.path.last(),
            Some(Part::Organization | Part::Action | Part::NotificationId | Part::Field)
        ) {
            self.text.push_str(text);
        }
    }

    fn close(&mut self) -> Result<(), MessageError> {
        let part = self.path.pop().ok_or(MessageError::NotXml)?;
        let text = std::mem::take(&mut self.text);
        match part {
            Part::Organization => self.message.organization_id = id(text)?,
            Part::Action => self.message.action_id = id(text)?,
            Part::NotificationId => self.record()?.id = id(text)?,
            Part::Field => {
                let field =
                    Field { name: std::mem::take(&mut self.name), value: (!self.is_nil).then_some(text) };
                let fields = &mut self.record()?.fields;
                let is_twice = fields.iter().any(|other| other.name == field.name);
                if is_twice && field.name == "Id" {
                    return Err(MessageError::NotAMessage);
                }
                if fields.len() >= MOST_FIELDS {
                    return Err(MessageError::TooLarge);
                }
                if !is_twice {
                    fields.push(field);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn record(&mut self) -> Result<&mut Notification, MessageError> {
        self.message.notifications.last_mut().ok_or(MessageError::NotAMessage)
    }

    fn finish(self) -> Result<Message, MessageError> {
        let is_whole =
            |n: &Notification| !n.id.is_empty() && !n.object.is_empty() && n.field("Id").is_some_and(is_id);
        let message = self.message;
        if !self.path.is_empty() {
            return Err(MessageError::NotXml);
        }
        if !self.seen_notifications
            || !is_id(&message.organization_id)
            || message.notifications.is_empty()
            || !message.notifications.iter().all(is_whole)
        {
            return Err(MessageError::NotAMessage);
        }
        Ok(message)
    }
}

fn id(text: String) -> Result<String, MessageError> {
    if is_id(&text) { Ok(text) } else { Err(MessageError::NotAMessage) }
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// An attribute of XML Schema's instance namespace.
fn attribute(
    reader: &NsReader<&[u8]>,
    tag: &BytesStart<'_>,
    wanted: &str,
) -> Result<Option<String>, MessageError> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| MessageError::NotXml)?;
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        if known(&namespace) == Some(XSI) && local.as_ref() == wanted {
            // Names and truths: nothing in them is ever escaped.
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
