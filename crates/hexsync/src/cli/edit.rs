//! `hexsync edit`

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;
use sync_wiring::EntityStore;
use sync_wiring::core::{
    Canonical, ChangedFields, EditError, ExternalId, FieldKind, FieldValue, Scope, UnitOfWork, UserId,
    WritebackStore, field_index,
};

use crate::app::{App, AppStore, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::{Entity, with_entity};
use crate::output::{Out, Report, Style, value};

/// Change a row here, as an application would: the next `hexsync writeback` sends it to the CRM.
#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// Which entity.
    entity: Entity,
    /// The record's id in the CRM (or `local:…`), or `new` to make one.
    external_id: String,
    /// Fields and their new values: `stage=Won amount=120.50 custom.Tier__c=gold`. An empty value clears a field.
    #[arg(value_name = "FIELD=VALUE", value_parser = assignment)]
    fields: Vec<(String, String)>,
    /// Delete the row instead.
    #[arg(long, conflicts_with = "fields")]
    delete: bool,
    /// Through which connection. Required where several have the entity.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Who edits.
    #[arg(long, default_value = "operator", value_name = "NAME")]
    user: String,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("write FIELD=VALUE")?;
    Ok((field.to_owned(), value.to_owned()))
}

#[derive(Serialize)]
struct Edited {
    entity: &'static str,
    external_id: ExternalId,
    /// `created`, `updated`, `deleted` or `unchanged`.
    outcome: &'static str,
    changed_fields: ChangedFields,
}

impl StoreCommand for Edit {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let scope = self.scope(app).await?;
        let edited = with_entity!(self.entity, T => self.carry_out::<T, S>(app, &scope).await)?;
        out.show(&edited)?;
        Ok(Exit::Ok)
    }
}

impl Edit {
    async fn scope<S: AppStore>(&self, app: &App<S>) -> Result<Scope, CliError> {
        let subscriptions = app.subscriptions().await?;
        let mut scopes: Vec<Scope> = Vec::new();
        for subscription in subscriptions {
            let wanted = self.connection.as_ref().is_none_or(|id| id == subscription.connection.as_str());
            let scope = app.scope(&subscription, self.entity);
            let known = scopes
                .iter()
                .any(|other| (&other.tenant, &other.connection) == (&scope.tenant, &scope.connection));
            if subscription.domain == self.entity.name() && wanted && !known {
                scopes.push(Scope { user: UserId::from(self.user.as_str()), ..scope });
            }
        }
        match scopes.len() {
            1 => Ok(scopes.remove(0)),
            0 => Err(CliError::usage(format!("no subscription fills {}", self.entity.name()))
                .next("see `hexsync subscriptions list`")),
            _ => Err(CliError::usage("several connections have it").next("name one by --connection")),
        }
    }

    async fn carry_out<T, S>(&self, app: &App<S>, scope: &Scope) -> Result<Edited, CliError>
    where
        T: Canonical,
        S: AppStore + EntityStore<T> + WritebackStore,
    {
        let values = self.values::<T>()?;
        let editor = app.editor::<T>();
        let store = app.store();
        let mut tx = UnitOfWork::begin_for(&**store, scope.tenant.as_ref()).await?;
        let mut id = ExternalId::from(self.external_id.as_str());
        let set = |record: &mut T| values.iter().try_for_each(|(field, value)| set(record, field, value));
        let mut wrong = Ok(());
        let (outcome, changed_fields) = if self.delete {
            editor.delete(&mut tx, scope, &id).await.map_err(refused)?;
            ("deleted", ChangedFields::default())
        } else if self.external_id == "new" {
            let mut record = T::default();
            set(&mut record)?;
            id = editor.create(&mut tx, scope, record).await.map_err(refused)?;
            ("created", ChangedFields::default())
        } else {
            let changed =
                editor.edit(&mut tx, scope, &id, |record| wrong = set(record)).await.map_err(refused)?;
            (if changed.is_empty() { "unchanged" } else { "updated" }, changed)
        };
        wrong?;
        UnitOfWork::commit(&**store, tx).await?;
        Ok(Edited { entity: self.entity.name(), external_id: id, outcome, changed_fields })
    }

    /// The values by field, in the kinds of the fields.
    fn values<T: Canonical>(&self) -> Result<Vec<(String, FieldValue)>, CliError> {
        if self.fields.is_empty() && !self.delete {
            return Err(CliError::usage("nothing to change was named").next("write FIELD=VALUE, or --delete"));
        }
        let parse = |(field, text): &(String, String)| Ok((field.clone(), parse::<T>(field, text)?));
        self.fields.iter().map(parse).collect()
    }
}

fn parse<T: Canonical>(field: &str, text: &str) -> Result<FieldValue, CliError> {
    if text.is_empty() {
        return Ok(FieldValue::Null);
    }
    let kind = match (field_index::<T>(field), field.strip_prefix("custom.")) {
        (Some(own), _) => T::FIELDS[own].kind,
        (None, Some(_)) if T::default().custom().is_some() => FieldKind::Text,
        _ => {
            let names: Vec<&str> = T::FIELDS.iter().map(|field| field.name).collect();
            let error = CliError::usage(format!("{} has no field `{field}`", T::ENTITY));
            return Err(error.next(format!("its fields are {}, and custom.NAME", names.join(", "))));
        }
    };
    let json = match kind {
        FieldKind::Bool | FieldKind::Int | FieldKind::Decimal | FieldKind::Json => {
            serde_json::from_str(text).map_err(|_| not_a(field, kind))?
        }
        FieldKind::Text | FieldKind::Date | FieldKind::Instant | FieldKind::Link => Json::from(text),
    };
    Ok(FieldValue::from_json(json))
}

fn set<T: Canonical>(record: &mut T, field: &str, value: &FieldValue) -> Result<(), CliError> {
    match (field_index::<T>(field), field.strip_prefix("custom.")) {
        (Some(own), _) => record.set(own, value.clone()).map_err(|_| not_a(field, T::FIELDS[own].kind)),
        (None, custom) => {
            if let (Some(name), Some(all)) = (custom, record.custom_mut()) {
                all.set(name, value.clone());
            }
            Ok(())
        }
    }
}

fn not_a(field: &str, kind: FieldKind) -> CliError {
    CliError::usage(format!("the value of `{field}` can't be read as {}", kind.as_str()))
}

fn refused(error: EditError) -> CliError {
    match error {
        EditError::Store(error) => error.into(),
        other => CliError::new(other),
    }
}

impl Report for Edited {
    fn text(&self, out: &mut dyn Write, _style: Style) -> io::Result<()> {
        writeln!(out, "{} {} {}", self.entity, self.external_id, self.outcome)?;
        for change in self.changed_fields.iter() {
            writeln!(out, "  {}: {} -> {}", change.field, value(&change.from), value(&change.to))?;
        }
        writeln!(out, "sent to the CRM by the next `hexsync writeback`")
    }
}
