//! `[engine]`: how runs behave.

use std::num::NonZeroUsize;

use sync_wiring::core::{AllFailedPolicy, EngineOptions, FailurePolicy, NoopPolicy};

use super::reader::{Reader, Section};

/// The words of `noops`, also those of `hexsync run --noops`.
pub(crate) const NOOPS: [(&str, NoopPolicy); 2] =
    [("record", NoopPolicy::Record), ("count", NoopPolicy::Count)];
const FAILURES: [(&str, FailurePolicy); 2] =
    [("park", FailurePolicy::Park), ("pass_over", FailurePolicy::PassOver)];
const ALL_FAILED: [(&str, AllFailedPolicy); 2] =
    [("advance", AllFailedPolicy::Advance), ("hold", AllFailedPolicy::Hold)];

/// Reads the section; what is not said stays at its default.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> EngineOptions {
    let default = EngineOptions::default();
    let batch = section.int(reader, "batch_size", 1..=10_000);
    let options = EngineOptions {
        multi_tenant: section.bool(reader, "multi_tenant").unwrap_or(default.multi_tenant),
        batch_size: batch
            .and_then(|size| usize::try_from(size).ok())
            .and_then(NonZeroUsize::new)
            .unwrap_or(default.batch_size),
        linger: default.linger,
        lease_ttl: section.duration(reader, "lease_ttl").unwrap_or(default.lease_ttl),
        noops: section.choice(reader, "noops", &NOOPS).unwrap_or(default.noops),
        failures: section.choice(reader, "failures", &FAILURES).unwrap_or(default.failures),
        all_failed: section.choice(reader, "all_failed", &ALL_FAILED).unwrap_or(default.all_failed),
        retry_first: section.duration(reader, "retry_first").unwrap_or(default.retry_first),
        retry_max: section.duration(reader, "retry_max").unwrap_or(default.retry_max),
        retries_per_run: small(section.int(reader, "retries_per_run", 0..=100_000), default.retries_per_run),
        store_attempts: small(section.int(reader, "store_attempts", 1..=100), default.store_attempts),
    };
    if options.lease_ttl < std::time::Duration::from_secs(3)
        && let Some(at) = section.key_at("lease_ttl")
    {
        reader.problem(at, "`lease_ttl` is too short", Some("allowed: 3s or more".to_owned()));
    }
    section.finish(reader);
    options
}

fn small(given: Option<i64>, default: u32) -> u32 {
    given.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}
