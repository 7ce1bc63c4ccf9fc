//! Reading `#[canonical(…)]`: which keys exist where, each at most once.

use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, LitStr, Meta, Token};

use crate::errors::Errors;

/// The keys that one kind of item takes, each as it is written.
pub(crate) struct Keys {
    item: &'static str,
    known: &'static [(&'static str, &'static str)],
}

/// Keys on the struct.
pub(crate) const ON_STRUCT: Keys = Keys {
    item: "struct",
    known: &[
        ("entity", "entity = \"opportunity\""),
        ("title", "title = \"name\""),
        ("crate", "crate = \"path::to::sync_core\""),
    ],
};

/// Keys on a field.
pub(crate) const ON_FIELD: Keys =
    Keys { item: "field", known: &[("rename", "rename = \"stage_name\""), ("custom", "custom")] };

impl Keys {
    /// How `key` is written, where this kind of item takes it.
    fn form(&self, key: &str) -> Option<&'static str> {
        self.known.iter().find(|(known, _)| *known == key).map(|(_, form)| *form)
    }

    fn takes(&self) -> String {
        let forms: Vec<_> = self.known.iter().map(|(_, form)| format!("`{form}`")).collect();
        format!("a {} takes {}", self.item, forms.join(", "))
    }
}

/// One `key` or `key = "text"`.
struct Entry {
    key: Ident,
    text: Option<LitStr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `crate` is a key, so keywords are read as names.
        let key = input.call(Ident::parse_any)?;
        let text = match input.parse::<Option<Token![=]>>()? {
            Some(_) if input.peek(LitStr) => Some(input.parse()?),
            Some(_) => return Err(input.error(format!("`{key}` takes text in quotes"))),
            None if input.is_empty() || input.peek(Token![,]) => None,
            None => return Err(input.error(format!("expected `,` or `= \"…\"` after `{key}`"))),
        };
        Ok(Self { key, text })
    }
}

/// The keys found on one item.
#[derive(Default)]
pub(crate) struct Found(Vec<Entry>);

impl Found {
    /// Reads every `#[canonical(…)]` among `attrs`.
    pub(crate) fn read(attrs: &[Attribute], keys: &Keys, errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("canonical")) {
            let entries = match &attr.meta {
                Meta::Path(_) => Ok(Punctuated::new()),
                _ => attr.parse_args_with(Punctuated::<Entry, Token![,]>::parse_terminated),
            };
            match entries {
                Ok(entries) if entries.is_empty() => {
                    errors.at(attr, format!("`#[canonical]` says nothing here; {}", keys.takes()));
                }
                Ok(entries) => entries.into_iter().for_each(|entry| found.take_in(entry, keys, errors)),
                Err(error) => errors.add(error),
            }
        }
        found
    }

    fn take_in(&mut self, entry: Entry, keys: &Keys, errors: &mut Errors) {
        let key = entry.key.to_string();
        let Some(form) = keys.form(&key) else {
            return errors.at(&entry.key, unknown(&key, keys));
        };
        if form.contains('=') && entry.text.is_none() {
            errors.at(&entry.key, format!("`{key}` takes text: `{form}`"));
        } else if form == key && entry.text.is_some() {
            errors.at(&entry.text, format!("`{key}` takes no text; write `{form}` alone"));
        } else if self.0.iter().any(|earlier| earlier.key == entry.key) {
            errors.at(&entry.key, format!("`{key}` is given twice; remove one of them"));
        }
        // Kept although wrong, so that nobody is told that it is missing.
        self.0.push(entry);
    }

    /// Whether the key is there, rightly written or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|entry| entry.key == key)
    }

    /// The text after `key =`.
    pub(crate) fn text(&self, key: &str) -> Option<&LitStr> {
        self.0.iter().find(|entry| entry.key == key)?.text.as_ref()
    }

    /// The key itself, to point at.
    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.0.iter().map(|entry| &entry.key).find(|found| *found == key)
    }
}

fn unknown(key: &str, keys: &Keys) -> String {
    let takes = keys.takes();
    if let Some(other) = [ON_STRUCT, ON_FIELD].iter().find(|other| other.form(key).is_some()) {
        return format!("`{key}` belongs on a {}, not on a {}; {takes}", other.item, keys.item);
    }
    if key == "skip" {
        return format!("fields can't be skipped; keep what is not synced in a type of your own; {takes}");
    }
    format!("unknown key `{key}`; {takes}")
}
