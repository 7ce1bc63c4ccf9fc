//! The implementation: straight-line code, one step per field, nothing looked up at run time.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Ident;

use crate::parse::{Custom, Field, Record};

/// `impl Canonical for …`.
pub(crate) fn canonical(record: &Record) -> TokenStream {
    let Record { ident, krate, entity, .. } = record;
    let methods = [
        value(record),
        set(record),
        diff_into(record),
        merge_from(record),
        custom(krate, record.custom.as_ref()),
        title(record),
    ];
    let definitions = record
        .fields
        .iter()
        .map(|Field { name, ty, .. }| quote_spanned!(here()=> #krate::FieldDef::of::<#ty>(#name)));
    let title_check = title_check(record);
    quote_spanned! {here()=>
        #[automatically_derived]
        impl #krate::Canonical for #ident {
            const ENTITY: &'static str = #entity;
            const FIELDS: &'static [#krate::FieldDef] = &[#(#definitions),*];
            #(#methods)*
        }
        #title_check
    }
}

/// Local names of the generated code can't meet those of the caller.
fn here() -> Span {
    Span::mixed_site()
}

fn numbered(record: &Record) -> impl Iterator<Item = (usize, &Field)> {
    record.fields.iter().enumerate()
}

/// The arm for a number that is no field's; no correct caller takes it.
fn no_such_field(record: &Record) -> TokenStream {
    let message = format!(
        "`{}` has {} fields, numbered from 0: there is no field {{}}",
        record.entity,
        record.fields.len()
    );
    quote_spanned!(here()=> _ => ::core::unreachable!(#message, field))
}

fn value(record: &Record) -> TokenStream {
    let krate = &record.krate;
    let arms = numbered(record).map(|(number, Field { ident, ty, .. })| {
        quote_spanned!(here()=> #number => <#ty as #krate::FieldType>::as_value(&self.#ident),)
    });
    let beyond = no_such_field(record);
    quote_spanned! {here()=>
        fn value(&self, field: usize) -> #krate::ValueRef<'_> {
            match field {
                #(#arms)*
                #beyond
            }
        }
    }
}

fn set(record: &Record) -> TokenStream {
    let krate = &record.krate;
    let arms = numbered(record).map(|(number, Field { ident, name, ty })| {
        quote_spanned! {here()=>
            #number => <#ty as #krate::FieldType>::from_value(value)
                .map(|value| self.#ident = value)
                .ok_or((#name, <#ty as #krate::FieldType>::KIND)),
        }
    });
    let kinds = [
        ("Null", "null"),
        ("Bool", "boolean"),
        ("Int", "integer"),
        ("Decimal", "decimal"),
        ("Text", "text"),
        ("Date", "date"),
        ("Instant", "instant"),
        ("Json", "json"),
    ]
    .map(|(variant, kind)| {
        let variant = Ident::new(variant, here());
        quote_spanned!(here()=> #krate::FieldValue::#variant { .. } => #kind,)
    });
    let beyond = no_such_field(record);
    let body = if record.fields.is_empty() {
        // Whatever came after a `match` that never ends would be reported as unreachable.
        quote_spanned!(here()=> match field { #beyond })
    } else {
        quote_spanned! {here()=>
            // Said before the value is taken apart, and never more than its kind.
            let found = match &value {
                #(#kinds)*
            };
            let fits = match field {
                #(#arms)*
                #beyond
            };
            fits.map_err(|(field, expected)| #krate::FieldMismatch { field, expected, found })
        }
    };
    quote_spanned! {here()=>
        fn set(
            &mut self,
            field: usize,
            value: #krate::FieldValue,
        ) -> ::core::result::Result<(), #krate::FieldMismatch> {
            #body
        }
    }
}

fn diff_into(record: &Record) -> TokenStream {
    let krate = &record.krate;
    let steps = numbered(record).map(|(number, Field { ident, name, ty })| {
        quote_spanned! {here()=>
            if fields.contains(#number) && !<#ty as #krate::FieldType>::same(&self.#ident, &from.#ident) {
                changed.push(
                    #name,
                    #krate::ValueRef::to_owned(<#ty as #krate::FieldType>::as_value(&from.#ident)),
                    #krate::ValueRef::to_owned(<#ty as #krate::FieldType>::as_value(&self.#ident)),
                );
            }
        }
    });
    quote_spanned! {here()=>
        fn diff_into(&self, from: &Self, fields: #krate::FieldSet, changed: &mut #krate::ChangedFields) {
            #(#steps)*
        }
    }
}

fn merge_from(record: &Record) -> TokenStream {
    let krate = &record.krate;
    let steps = numbered(record).map(|(number, Field { ident, .. })| {
        quote_spanned! {here()=>
            if fields.contains(#number) {
                ::core::clone::Clone::clone_from(&mut self.#ident, &other.#ident);
            }
        }
    });
    quote_spanned! {here()=>
        fn merge_from(&mut self, other: &Self, fields: #krate::FieldSet) {
            #(#steps)*
        }
    }
}

fn custom(krate: &syn::Path, custom: Option<&Custom>) -> TokenStream {
    let (shared, exclusive) = match custom {
        Some(Custom { ident, ty }) => {
            // A field of another type is reported at its type, where the mistake is.
            let place = syn::spanned::Spanned::span(ty).resolved_at(here());
            let (shared, exclusive) =
                (quote_spanned!(place=> &self.#ident), quote_spanned!(place=> &mut self.#ident));
            let some = |reference, ty| {
                quote_spanned! {here()=>
                    let custom: #ty = #reference;
                    ::core::option::Option::Some(custom)
                }
            };
            (
                some(shared, quote_spanned!(here()=> &#krate::CustomFields)),
                some(exclusive, quote_spanned!(here()=> &mut #krate::CustomFields)),
            )
        }
        None => {
            let none = quote_spanned!(here()=> ::core::option::Option::None);
            (none.clone(), none)
        }
    };
    quote_spanned! {here()=>
        fn custom(&self) -> ::core::option::Option<&#krate::CustomFields> {
            #shared
        }

        fn custom_mut(&mut self) -> ::core::option::Option<&mut #krate::CustomFields> {
            #exclusive
        }
    }
}

fn title(record: &Record) -> TokenStream {
    let krate = &record.krate;
    let body = match &record.title {
        Some((number, _)) => {
            let Field { ident, ty, .. } = &record.fields[*number];
            quote_spanned! {here()=>
                match <#ty as #krate::FieldType>::as_value(&self.#ident) {
                    #krate::ValueRef::Text(text) => ::core::option::Option::Some(text),
                    _ => ::core::option::Option::None,
                }
            }
        }
        None => quote_spanned!(here()=> ::core::option::Option::None),
    };
    quote_spanned! {here()=>
        fn title(&self) -> ::core::option::Option<&str> {
            #body
        }
    }
}

/// Fails to compile where the title is no text. Only the compiler knows that, because of type aliases.
fn title_check(record: &Record) -> Option<TokenStream> {
    let krate = &record.krate;
    let (number, title) = record.title.as_ref()?;
    let Field { ty, .. } = &record.fields[*number];
    let message =
        format!("the title can't be `{}`, which is no text; name a field of type String", title.value());
    Some(quote_spanned! {title.span().resolved_at(here())=>
        const _: () = ::core::assert!(
            ::core::matches!(<#ty as #krate::FieldType>::KIND, #krate::FieldKind::Text),
            #message
        );
    })
}
