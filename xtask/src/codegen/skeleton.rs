//! What a new entity's crate has beside generated code: written once, then a person's.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::model::{Entity, Model};
use super::names::snake;
use super::output::Files;

/// Adds the files that an entity's crate lacks.
pub(super) fn missing(root: &Path, model: &Model, files: &mut Files) -> Result<()> {
    for entity in &model.entities {
        let folder = format!("crates/{}", entity.package());
        let lacks = |name: &str| !root.join(&folder).join(name).exists();
        if lacks("README.md") {
            files.plain(&format!("{folder}/README.md"), readme(model, entity));
        }
        if lacks("src/lib.rs") {
            let text = "#![doc = include_str!(\"../README.md\")]\n\nmod extras;\nmod generated;\n\npub use generated::*;\n";
            files.rust(&format!("{folder}/src/lib.rs"), text.to_owned());
        }
        if lacks("src/extras.rs") {
            files.rust(&format!("{folder}/src/extras.rs"), extras(entity));
        }
    }
    Ok(())
}

fn readme(model: &Model, entity: &Entity) -> String {
    let (package, krate, ty, name) = (entity.package(), snake(&entity.package()), entity.ty(), entity.name());
    let mut features = String::new();
    let stores: Vec<_> = model.stores_of(entity).map(|store| format!("`store-{}`", store.name)).collect();
    let _ = writeln!(features, "| {} | the sink on that store |", stores.join(", "));
    for provider in entity.providers.iter().filter(|provider| provider.has_crate) {
        let _ = writeln!(
            features,
            "| `{}` | the mapping from {}'s `{}` |",
            provider.feature(),
            provider.product,
            provider.sync.remote_entity
        );
    }
    let custom = if entity.has_custom() {
        "| fields that the customer added | kept under `custom`, in the audit as `custom.<name>` |\n"
    } else {
        ""
    };
    format!(
        "# {package}

{} As the application sees it: apart from any CRM, with typed fields and exact numbers.

```
use {krate}::{ty};
use sync_core::{{Canonical, Change}};

assert_eq!({ty}::ENTITY, \"{name}\");
let change = Change::upsert(\"001\", {ty}::default());
assert_eq!(change.external_id.as_str(), \"001\");
```

Fields, links and mappings are written in `entity.yaml`; `cargo xtask codegen` makes the rest of it.

## Guarantees

| what | how |
|---|---|
{custom}| a link whose target has not arrived | keeps the external id, and is bound when the target lands |
| values the CRM adds to its lists | kept as they come, never refused |

## Features

| feature | gives |
|---|---|
{features}",
        entity.config.doc.trim()
    )
}

fn extras(entity: &Entity) -> String {
    let mut text = format!(
        "//! What `entity.yaml` can't say of {}: written by hand, never overwritten.\n",
        entity.many()
    );
    let ty = entity.ty();
    for provider in entity.providers.iter().filter(|provider| provider.has_crate && provider.detection.extras)
    {
        let (base, prefix) = (&provider.base, provider.prefix());
        let _ = write!(
            text,
            "
/// Completes a record of {} after its mapping.
#[cfg(feature = \"{}\")]
pub(crate) fn complete_from_{base}(
    _value: &mut crate::{ty},
    _record: &provider_{base}::{prefix}Record<'_>,
) -> Result<(), provider_{base}::RecordError> {{
    Ok(())
}}
",
            provider.product,
            provider.feature()
        );
    }
    text
}
