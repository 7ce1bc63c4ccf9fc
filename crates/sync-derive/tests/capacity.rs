//! A record of as many fields as a set of fields can hold: the first and the last one count like any other.

use sync_core::{Canonical, ChangedFields, CustomFields, FieldSet, FieldValue};

macro_rules! wide {
    ($($field:ident)*) => {
        /// 128 fields, and the custom ones.
        #[derive(Clone, Debug, Default, PartialEq, Canonical)]
        #[canonical(entity = "wide")]
        struct Wide {
            $($field: Option<i64>,)*
            #[canonical(custom)]
            custom: CustomFields,
        }
    };
}

wide! {
    f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15
    f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31
    f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47
    f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59 f60 f61 f62 f63
    f64 f65 f66 f67 f68 f69 f70 f71 f72 f73 f74 f75 f76 f77 f78 f79
    f80 f81 f82 f83 f84 f85 f86 f87 f88 f89 f90 f91 f92 f93 f94 f95
    f96 f97 f98 f99 f100 f101 f102 f103 f104 f105 f106 f107 f108 f109 f110 f111
    f112 f113 f114 f115 f116 f117 f118 f119 f120 f121 f122 f123 f124 f125 f126 f127
}

#[test]
fn set_of_all_holds_the_first_and_the_last_field() {
    assert_eq!(Wide::FIELDS.len(), FieldSet::CAPACITY);
    assert_eq!(FieldSet::all::<Wide>().iter().count(), 128);
    assert_eq!((Wide::FIELDS[0].name, Wide::FIELDS[127].name), ("f0", "f127"));
}

#[test]
fn first_and_last_field_are_set_compared_and_merged() {
    let mut new = Wide::default();
    new.set(0, FieldValue::Int(1)).unwrap();
    new.set(127, FieldValue::Int(2)).unwrap();
    assert_eq!((new.f0, new.f127), (Some(1), Some(2)));

    let mut changed = ChangedFields::default();
    new.diff_into(&Wide::default(), FieldSet::all::<Wide>(), &mut changed);
    assert_eq!(
        serde_json::to_string(&changed).unwrap(),
        r#"{"f0":{"from":null,"to":1},"f127":{"from":null,"to":2}}"#
    );

    let mut merged = Wide::default();
    merged.merge_from(&new, FieldSet::named::<Wide>(["f127"]));
    assert_eq!(merged, Wide { f127: Some(2), ..Wide::default() });
}
