//! Types that look right and are not, told apart by how they are written. All others are the compiler's to
//! judge, because it sees through aliases.

use syn::{GenericArgument, PathArguments, Type};

/// What is wrong with an ordinary field's type, and what to do.
pub(crate) fn problem(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident == "Option"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(inner)) = arguments.args.first()
    {
        return problem(inner);
    }
    match last.ident.to_string().as_str() {
        "f32" | "f64" => Some("binary floats lose digits; use `rust_decimal::Decimal`"),
        "i8" | "i16" | "i32" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => Some(
            "whole numbers are `i64`, as in the tables; use that, or `rust_decimal::Decimal` for larger ones",
        ),
        "CustomFields" => Some(
            "custom fields are one field of type `CustomFields`, marked `#[canonical(custom)]`; mark this one",
        ),
        _ => None,
    }
}
