//! Changes of text, and readings of it that are not numbers or times.

use serde_json::Value as Json;
use sync_core::ExternalId;

use super::{Otherwise, TransformError};

/// Without white space at both ends.
#[must_use]
pub fn trim(text: Option<String>) -> Option<String> {
    text.map(|text| if text.trim().len() == text.len() { text } else { text.trim().to_owned() })
}

/// In small letters.
#[must_use]
pub fn lowercase(text: Option<String>) -> Option<String> {
    text.map(|text| text.to_lowercase())
}

/// In capitals.
#[must_use]
pub fn uppercase(text: Option<String>) -> Option<String> {
    text.map(|text| text.to_uppercase())
}

/// Empty text counts as no value.
#[must_use]
pub fn empty_to_null(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The digits 0 to 9; none at all count as no value.
#[must_use]
pub fn digits(text: Option<String>) -> Option<String> {
    empty_to_null(text.map(|text| text.chars().filter(char::is_ascii_digit).collect()))
}

/// A Salesforce record id in its form of 18 characters.
///
/// # Errors
/// [`TransformError`] for another length, another character or a wrong checksum.
pub fn salesforce_id(text: Option<String>) -> Result<Option<String>, TransformError> {
    text.map(|text| long_id(&text).ok_or(TransformError::new("is no salesforce record id"))).transpose()
}

/// The short form is told apart by case alone, so the last three characters hold which of the first fifteen
/// are capitals: five per character, the first one in the lowest bit.
fn long_id(text: &str) -> Option<String> {
    const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if !matches!(text.len(), 15 | 18) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut id = text[..15].to_owned();
    for group in text.as_bytes()[..15].chunks(5) {
        let capitals = group
            .iter()
            .enumerate()
            .fold(0, |bits, (at, byte)| bits | usize::from(byte.is_ascii_uppercase()) << at);
        id.push(char::from(SUFFIX[capitals]));
    }
    (text.len() == 15 || id == text).then_some(id)
}

/// The first `characters` characters.
#[must_use]
pub fn truncate(text: Option<String>, characters: usize) -> Option<String> {
    text.map(|mut text| {
        if let Some((end, _)) = text.char_indices().nth(characters) {
            text.truncate(end);
        }
        text
    })
}

/// Other words for known ones; compared character by character.
///
/// # Errors
/// [`TransformError`] for an unknown word with [`Otherwise::Fail`].
pub fn map(
    text: Option<String>,
    values: &[(&str, &str)],
    otherwise: &Otherwise,
) -> Result<Option<String>, TransformError> {
    let Some(text) = text else { return Ok(None) };
    if let Some((_, ours)) = values.iter().find(|(theirs, _)| *theirs == text) {
        return Ok(Some((*ours).to_owned()));
    }
    match otherwise {
        Otherwise::Keep => Ok(Some(text)),
        Otherwise::Null => Ok(None),
        Otherwise::Fail => Err(TransformError::new("holds a value that the map does not know")),
        Otherwise::Value(value) => Ok(Some(value.clone().into_owned())),
    }
}

/// A truth from its words, without regard to case and to white space at both ends; empty text is no value.
///
/// # Errors
/// [`TransformError`] for any other word.
#[expect(clippy::needless_pass_by_value, reason = "every transform takes what the last one gave")]
pub fn boolean(
    text: Option<String>,
    truths: &[&str],
    falsehoods: &[&str],
) -> Result<Option<bool>, TransformError> {
    let Some(word) = text.as_deref().map(str::trim).filter(|word| !word.is_empty()) else { return Ok(None) };
    let is_same = |one: &&str| {
        let one = one.trim();
        one.eq_ignore_ascii_case(word) || (!one.is_ascii() && one.to_lowercase() == word.to_lowercase())
    };
    let is_among = |words: &[&str]| words.iter().any(is_same);
    if is_among(truths) {
        Ok(Some(true))
    } else if is_among(falsehoods) {
        Ok(Some(false))
    } else {
        Err(TransformError::new("holds a word that is listed neither for true nor for false"))
    }
}

/// A list of texts, cut at `separator`; without white space around the parts, without empty parts.
#[must_use]
pub fn split(text: Option<String>, separator: &str) -> Option<Json> {
    let text = text?;
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    Some(Json::Array(parts.map(Json::from).collect()))
}

/// Text as another record's external id; empty text is no link.
#[must_use]
pub fn link(text: Option<String>) -> Option<ExternalId> {
    empty_to_null(text).map(ExternalId::from)
}
