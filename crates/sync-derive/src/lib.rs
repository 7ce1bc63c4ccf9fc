#![doc = include_str!("../README.md")]

mod attr;
mod errors;
mod expand;
mod names;
mod parse;
mod types;

use proc_macro::TokenStream;

/// Implements `sync_core::Canonical` for a struct with named fields.
///
/// The type must also be `Clone + Debug + Default + PartialEq`. Attributes, all optional but `entity`:
///
/// | attribute | on | meaning | default |
/// |---|---|---|---|
/// | `entity = "opportunity"` | struct | the entity's name, lower snake case, in the singular | none, required |
/// | `title = "name"` | struct | the text field that a person would call the record by | no title |
/// | `crate = "path"` | struct | where `sync_core` is found | `::sync_core` |
/// | `rename = "stage_name"` | field | the name in the audit, the YAML and the tables | the field's own |
/// | `custom` | field | this one `CustomFields` field holds what the customer added in their CRM | none |
///
/// # Errors
/// A mistake is a compile error at the token that caused it; all mistakes of a struct are reported at once.
#[proc_macro_derive(Canonical, attributes(canonical))]
pub fn canonical(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    match parse::record(&input) {
        Ok(record) => expand::canonical(&record).into(),
        Err(errors) => errors.into_compile_error().into(),
    }
}
