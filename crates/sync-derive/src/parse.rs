//! From the struct as written to what the implementation needs, or to all that is wrong with it.

use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, FieldsNamed, Ident, LitStr, Path, Type};

use crate::attr::{Found, ON_FIELD, ON_STRUCT};
use crate::errors::Errors;
use crate::{names, types};

/// How many fields `sync_core::FieldSet` can hold.
const CAPACITY: usize = 128;

/// A struct that is fit to be a canonical record.
pub(crate) struct Record {
    /// The struct's name.
    pub(crate) ident: Ident,
    /// The path to `sync_core`.
    pub(crate) krate: Path,
    /// The entity's name.
    pub(crate) entity: String,
    /// The ordinary fields, in order.
    pub(crate) fields: Vec<Field>,
    /// The field of custom fields.
    pub(crate) custom: Option<Custom>,
    /// The field that is the title, by number, and where the attribute says so.
    pub(crate) title: Option<(usize, LitStr)>,
}

/// An ordinary field.
pub(crate) struct Field {
    /// The field's name in the struct.
    pub(crate) ident: Ident,
    /// Its stable name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) ty: Type,
}

/// The field of custom fields.
pub(crate) struct Custom {
    /// The field's name in the struct.
    pub(crate) ident: Ident,
    /// Its type, which has to be `CustomFields`.
    pub(crate) ty: Type,
}

/// Reads the struct.
pub(crate) fn record(input: &DeriveInput) -> syn::Result<Record> {
    let mut errors = Errors::default();
    let found = Found::read(&input.attrs, &ON_STRUCT, &mut errors);
    let krate = krate(&found, &mut errors);
    let entity = entity(&found, &input.ident, &mut errors);
    refuse_generics(input, &mut errors);

    let named = match named_fields(input) {
        Ok(named) => named,
        Err(error) => return Err(errors.and(error)),
    };
    let (fields, custom) = fields(&named.named, &mut errors);
    let title = found
        .text("title")
        .and_then(|title| Some((title_field(title, &fields, &mut errors)?, title.clone())));
    errors.or(Record { ident: input.ident.clone(), krate, entity, fields, custom, title })
}

fn krate(found: &Found, errors: &mut Errors) -> Path {
    let default = || syn::parse_quote!(::sync_core);
    found.text("crate").map_or_else(default, |text| {
        text.parse_with(Path::parse_mod_style).unwrap_or_else(|_| {
            errors.at(
                text,
                "`crate` is the path to `sync_core`, such as `crate = \"my_reexports::sync_core\"`",
            );
            default()
        })
    })
}

fn entity(found: &Found, ident: &Ident, errors: &mut Errors) -> String {
    if !found.has("entity") {
        errors.at(
            ident,
            "which entity is this? add `#[canonical(entity = \"…\")]`, such as `entity = \"line_item\"`",
        );
    }
    let Some(entity) = found.text("entity") else { return String::new() };
    let name = entity.value();
    if let Some(problem) = names::entity_problem(&name) {
        errors.at(entity, problem);
    }
    name
}

fn refuse_generics(input: &DeriveInput, errors: &mut Errors) {
    let generics = &input.generics;
    let place = if generics.params.is_empty() {
        generics.where_clause.to_token_stream()
    } else {
        generics.params.to_token_stream()
    };
    if !place.is_empty() {
        errors.at(
            place,
            "a canonical record can't be generic, because its list of fields is fixed; write one struct for each \
             record",
        );
    }
}

fn named_fields(input: &DeriveInput) -> syn::Result<&FieldsNamed> {
    let (place, what) = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Ok(fields),
            Fields::Unnamed(fields) => (quote!(#fields), "a tuple struct; give each field a name"),
            Fields::Unit => (input.ident.to_token_stream(), "a unit struct; give it fields in braces"),
        },
        Data::Enum(data) => (
            data.enum_token.to_token_stream(),
            "an enum; if it is a field's value, implement `FieldType` for it by hand",
        ),
        Data::Union(data) => (data.union_token.to_token_stream(), "a union; make it a struct"),
    };
    Err(syn::Error::new_spanned(
        place,
        format!("`Canonical` is for structs with named fields, and this is {what}"),
    ))
}

fn fields<'a>(
    named: impl IntoIterator<Item = &'a syn::Field>,
    errors: &mut Errors,
) -> (Vec<Field>, Option<Custom>) {
    let mut fields: Vec<Field> = Vec::new();
    let mut custom: Option<Custom> = None;
    for field in named {
        // Named fields have names: `Fields::Named` came from braces.
        let Some(ident) = field.ident.clone() else { continue };
        let found = Found::read(&field.attrs, &ON_FIELD, errors);
        let ty = field.ty.clone();
        if found.has("custom") {
            check_custom(&found, custom.as_ref(), errors);
            custom.get_or_insert(Custom { ident, ty });
            continue;
        }
        let name = name(&found, &ident, &fields, errors);
        if let Some(problem) = types::problem(&ty) {
            errors.at(&ty, problem);
        }
        fields.push(Field { ident, name, ty });
        if fields.len() == CAPACITY + 1 {
            errors.at(
                &field.ident,
                format!(
                    "a canonical record has at most {CAPACITY} fields, and this is one more; keep the rest in \
                     custom fields or in one JSON field"
                ),
            );
        }
    }
    (fields, custom)
}

fn check_custom(found: &Found, earlier: Option<&Custom>, errors: &mut Errors) {
    if let Some(rename) = found.key("rename") {
        errors.at(rename, "custom fields are always called `custom`; remove `rename`");
    }
    if let (Some(earlier), Some(custom)) = (earlier, found.key("custom")) {
        errors.at(
            custom,
            format!("`{}` holds the custom fields already; a record has one such field", earlier.ident),
        );
    }
}

/// A field's stable name, checked against the rules and against the fields before it.
fn name(found: &Found, ident: &Ident, earlier: &[Field], errors: &mut Errors) -> String {
    let rename = found.text("rename");
    let name = rename.map_or_else(|| ident.unraw().to_string(), LitStr::value);
    let place = rename.map_or_else(|| ident.to_token_stream(), |rename| rename.to_token_stream());
    if let Some(problem) = names::field_problem(&name) {
        errors.at(place, problem);
    } else if let Some(other) = earlier.iter().find(|other| other.name == name) {
        errors.at(
            place,
            format!(
                "the name `{name}` is taken by the field `{}`; give one of them another with \
                 `#[canonical(rename = \"…\")]`",
                other.ident
            ),
        );
    }
    name
}

/// The number of the field that the title names.
fn title_field(title: &LitStr, fields: &[Field], errors: &mut Errors) -> Option<usize> {
    let wanted = title.value();
    let position = fields.iter().position(|field| field.name == wanted);
    if position.is_none() {
        let renamed = fields.iter().find(|field| field.ident.unraw() == wanted);
        let problem = match renamed {
            Some(field) => {
                format!("the field `{wanted}` is called `{0}` here: write `title = \"{0}\"`", field.name)
            }
            None => format!("there is no field `{wanted}`; `title` names a field that holds text"),
        };
        errors.at(title, problem);
    }
    position
}
