//! `hexsync fields`

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::core::{BackfillState, FieldStanding, KnownField};

use crate::app::{App, AppStore, StoreCommand, entity_of, label};
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::{Cell, Out, Report, Style, Table, instant, thousands};

/// List the custom fields that are known, with what becomes of them. `hexsync run` looks at them before each run.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// Only of this connection.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Only of this entity. May be given several times.
    #[arg(long)]
    entity: Vec<Entity>,
}

#[derive(Serialize)]
struct Listing {
    fields: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    of: String,
    #[serde(flatten)]
    field: KnownField,
}

impl StoreCommand for Fields {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let mut fields = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for subscription in app.subscriptions().await? {
            let entity = entity_of(&subscription)?;
            let is_meant = self.connection.as_ref().is_none_or(|id| subscription.connection.as_str() == id)
                && (self.entity.is_empty() || self.entity.contains(&entity));
            // Subscriptions of one entity share what is known of its fields.
            let of = label(&subscription);
            if !is_meant || seen.contains(&of) {
                continue;
            }
            let scope = app.scope(&subscription, entity);
            let known = app
                .transact(scope.tenant.as_ref(), async |store, tx| store.known_fields(tx, &scope).await)
                .await?;
            fields.extend(known.unwrap_or_default().into_iter().map(|field| Line { of: of.clone(), field }));
            seen.push(of);
        }
        out.show(&Listing { fields })?;
        Ok(Exit::Ok)
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.fields.is_empty() {
            return writeln!(out, "no custom fields are known; `hexsync run` looks at them");
        }
        let mut table =
            Table::new(["of", "field", "label", "type", "contract", "state", "since", "backfill"]);
        for Line { of, field } in &self.fields {
            let (state, since) = match (field.gone_at, field.standing, &field.retyped) {
                (Some(at), ..) => ("gone", at),
                (None, FieldStanding::Kept, Some(retyped)) => ("kept", retyped.at),
                (None, standing, _) => (standing.as_str(), field.first_seen_at),
            };
            let paint = match (state, field.standing) {
                ("gone", _) | (_, FieldStanding::Kept | FieldStanding::Frozen) => Style::warn,
                _ => Style::good,
            };
            table.row([
                of.clone().into(),
                (&*field.name).into(),
                field.label.clone().unwrap_or_default().into(),
                field.field_type.name.clone().into(),
                field.contract.as_str().into(),
                Cell::painted(state, paint(style, state)),
                instant(since).into(),
                backfill(field).into(),
            ]);
        }
        table.write(out, style)
    }
}

fn backfill(field: &KnownField) -> String {
    match field.backfill {
        None => "-".to_owned(),
        Some(backfill) if backfill.state == BackfillState::Done => {
            format!("{}, {} rows", instant(backfill.at), thousands(backfill.n_updated))
        }
        Some(backfill) => backfill.state.as_str().to_owned(),
    }
}
