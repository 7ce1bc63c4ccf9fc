//! `src/generated/providers.rs`: which providers there are, and a change source for each.

use std::fmt::Write as _;

use sync_detection::DetectionMode;

use crate::codegen::model::{Entity, Provider};
use crate::codegen::names::literal;

/// The providers that are asked through a fetcher: all but webhooks, and those that are only written to.
pub(super) fn polled(entity: &Entity) -> impl Iterator<Item = &Provider> {
    entity.providers.iter().filter(|provider| {
        provider.reads() && !matches!(provider.detection.config.mode, DetectionMode::Webhook(_))
    })
}

pub(super) fn file(entity: &Entity) -> String {
    let modules: Vec<_> = entity.providers.iter().map(|provider| provider.module.as_str()).collect();
    let mut text = format!("//! Where {} come from.\n\n", entity.many());
    let has_sources = polled(entity).next().is_some();
    if has_sources {
        text += "use std::collections::BTreeMap;\nuse std::sync::Arc;\n\nuse sync_core::ChangeSource;\n\
                 use sync_detection::{DetectionConfig, PollChangeSource, PollFetch};\n\n";
        let _ = writeln!(text, "use super::{{{}, {}}};\n", entity.ty(), modules.join(", "));
    } else {
        text += "use sync_detection::DetectionConfig;\n\n";
        let _ = writeln!(text, "use super::{{{}}};\n", modules.join(", "));
    }
    text += &provider_enum(entity);
    if has_sources {
        text += &fetchers(entity);
        text += &sources(entity);
    }
    text
}

/// How a provider's changes are noticed, in a word.
fn noticed(provider: &Provider) -> &'static str {
    match provider.detection.config.mode {
        _ if !provider.reads() => "only written to",
        DetectionMode::Poll(_) => "polled",
        DetectionMode::Webhook(_) => "told by webhooks",
        DetectionMode::Cdc(_) => "read from the change stream",
    }
}

fn provider_enum(entity: &Entity) -> String {
    let (ty, many) = (entity.ty(), entity.many());
    let arms = |value: &dyn Fn(&Provider) -> String| -> String {
        let arm = |provider: &Provider| format!("Self::{} => {},\n", provider.variant, value(provider));
        entity.providers.iter().map(arm).collect()
    };
    let variants: String = entity
        .providers
        .iter()
        .map(|provider| {
            let remote = &provider.sync.remote_entity;
            format!("/// {}: `{remote}`, {}.\n{},\n", provider.product, noticed(provider), provider.variant)
        })
        .collect();
    let all: Vec<_> = entity.providers.iter().map(|provider| format!("Self::{}", provider.variant)).collect();
    format!(
        "/// A provider of {many}.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum {ty}Provider {{
{variants}}}

impl {ty}Provider {{
    /// All of them.
    pub const ALL: [Self; {}] = [{}];

    /// The key in `entity.yaml`, in rows and requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {{
        match self {{
{}        }}
    }}

    /// The inverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {{
        Self::ALL.into_iter().find(|provider| provider.as_str() == key)
    }}

    /// How changes of {many} are noticed there.
    #[must_use]
    pub fn detection(self) -> DetectionConfig {{
        match self {{
{}        }}
    }}
}}
",
        all.len(),
        all.join(", "),
        arms(&|provider| literal(&provider.key)),
        arms(&|provider| format!("{}::detection()", provider.module)),
    )
}

fn fetchers(entity: &Entity) -> String {
    let ty = entity.ty();
    let fields: String = polled(entity)
        .map(|provider| {
            format!(
                "/// Fetches `{}` of {}.\npub {}: Box<dyn PollFetch<{ty}>>,\n",
                provider.sync.remote_entity, provider.product, provider.module
            )
        })
        .collect();
    format!(
        "\n/// One fetcher per provider that is asked for changes; leaving one out does not compile.
pub struct {ty}PollFetchers {{
{fields}}}
"
    )
}

fn sources(entity: &Entity) -> String {
    let (ty, name) = (entity.ty(), entity.name());
    let pairs: String = polled(entity)
        .map(|provider| format!("({ty}Provider::{}, fetchers.{}),\n", provider.variant, provider.module))
        .collect();
    format!(
        "\n/// The change source of each of these providers: its fetcher, with the filters and the stamps of `entity.yaml`.
#[must_use]
pub fn {name}_change_sources(fetchers: {ty}PollFetchers) -> BTreeMap<{ty}Provider, Arc<dyn ChangeSource<{ty}>>> {{
    let fetchers = [
{pairs}    ];
    let sources = fetchers.into_iter().map(|(provider, fetch)| {{
        let label = format!(\"{{}}-poll-{name}\", provider.as_str());
        let source = PollChangeSource::new(label, provider.detection(), fetch);
        (provider, Arc::new(source) as Arc<dyn ChangeSource<{ty}>>)
    }});
    sources.collect()
}}
"
    )
}
