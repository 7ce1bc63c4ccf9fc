//! What a round does about custom fields: looks at them before a run, and brings their values to older records after
//! it.

use std::sync::Arc;

use serde::Serialize;
use sync_wiring::core::{Action, FieldDrift, RunObserver, RunStatus, Subscription};
use tokio_util::sync::CancellationToken;

use super::round::{Line, Task};
use crate::app::{App, AppStore, Order, Reading, entity_of, label};
use crate::error::CliError;
use crate::output::{Out, note};

/// How far a round goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fields {
    /// It leaves them alone.
    Ignored,
    /// It looks at them, and reports what changed.
    Tracked,
    /// Also, it backfills.
    Backfilled,
}

/// What changed in the custom fields of a subscription.
#[derive(Serialize)]
pub(crate) struct FieldLine {
    pub(crate) of: String,
    #[serde(flatten)]
    pub(crate) drift: FieldDrift,
}

/// Looks at the fields before a run. A CRM that can't tell holds the run up no more than it does anyway: the contracts
/// then go by what was known before.
pub(crate) async fn track<S: AppStore>(
    app: &App<S>,
    subscription: &Subscription,
    fields: Fields,
) -> Vec<FieldLine> {
    if fields == Fields::Ignored {
        return Vec::new();
    }
    let name = label(subscription);
    let tracked = async {
        let feed = app.feed(&subscription.connection, entity_of(subscription)?, None).await?;
        feed.track(subscription).await.map_err(CliError::new)
    };
    match tracked.await {
        Ok(report) => report.drift.into_iter().map(|drift| FieldLine { of: name.clone(), drift }).collect(),
        Err(error) => {
            note(&format!("{name}: custom fields could not be looked at: {}", error.parts().0));
            Vec::new()
        }
    }
}

/// Backfills after a run that went well; `None` when no field waits for it.
pub(crate) async fn backfill<S: AppStore>(
    app: &App<S>,
    subscription: &Subscription,
    (task, before): (Task, &Line),
    stop: &CancellationToken,
    out: &Out<'_>,
) -> Option<Line> {
    let went_well = [RunStatus::Success, RunStatus::NoChanges].iter().any(|s| s.as_str() == before.status);
    if task.fields < Fields::Backfilled || !went_well || stop.is_cancelled() {
        return None;
    }
    let name = format!("{} backfill", label(subscription));
    let progress = out.progress().task(name.clone(), None);
    let observer = Arc::clone(&progress) as Arc<dyn RunObserver>;
    let order = Order {
        subscription: subscription.clone(),
        action: Action::Backfill,
        reading: Reading::Nothing,
        cancel: stop.clone(),
        observer: Some(observer),
    };
    let outcome = async {
        let feed = app.feed(&subscription.connection, entity_of(subscription)?, task.noops).await?;
        Ok::<_, CliError>(feed.backfill(order).await)
    };
    let line = match outcome.await {
        Ok(Ok(None)) => return None,
        Ok(Ok(Some(report))) => {
            let mut line = Line::of_report(subscription, name, &report.run);
            line.fields = report.fields;
            line
        }
        Ok(Err(error)) => Line::of_refusal(subscription, name, error),
        Err(error) => Line::refused(subscription, name, error.parts().0, error.exit),
    };
    progress.finish(&line.sentence());
    Some(line)
}
