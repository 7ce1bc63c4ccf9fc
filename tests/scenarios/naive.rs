//! The naive poller: what a first version looks like, and what many a connector in the field still is. It is correct
//! as long as nothing happens while it reads, and nothing goes wrong.
//!
//! Kept in the tests so that every scenario is proven to bite. [`Habits`] says what is naive about it in a story;
//! whatever it does not name is done as well as it can be without more code.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crm_sandbox::salesforce::{Running, SalesforceControl};
use e2e::entity::Entity;
use entity_account::Account;
use entity_opportunity::Opportunity;
use provider_salesforce::FromSalesforce;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::contender::{Contender, Said};
use crate::salesforce::{OldBookmark, OnSalesforce, Stage, truth};
use crate::verdict::{Row, Rows, Truth, plain};

/// How often it asks in one run before a story puts an end to it.
pub(crate) const PATIENCE: u64 = 200;

/// A row that the CRM has not given an id yet.
const NEW: &str = "new";

/// What is naive about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    pub(crate) paging: Paging,
    pub(crate) bookmark: Bookmark,
    pub(crate) boundary: Boundary,
    /// A query that is refused is logged, and the run goes on to its end.
    pub(crate) shrugs: bool,
    /// How it writes.
    pub(crate) push: Push,
    /// Every night all rows are cleared and read anew, so that deleted ones are gone.
    pub(crate) reloads: bool,
}

/// How it gets from page to page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paging {
    /// By the locator that comes with each page.
    #[default]
    Locator,
    /// By a fresh query for what is younger than the last record.
    Stamp,
    /// By a fresh query for what comes after so many rows, the youngest first.
    Offset,
}

/// When it writes to the CRM, and how it knows its own writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Push {
    /// Every row that changed, whoever changed it.
    #[default]
    WhatChanged,
    /// What was edited here; what comes in of a record within five minutes after it was written is taken for an echo.
    DeafForAWhile,
    /// What was edited here; what the user whom it signs in as changed in a record it has is taken for an echo.
    DeafToItself,
}

/// Where it goes on next time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bookmark {
    /// After the youngest record it saw.
    #[default]
    LastSeen,
    /// After the moment at which the run ended.
    RunEnd,
}

/// Which records at the bookmark itself it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// None.
    #[default]
    Strict,
    /// Those that it does not remember.
    Remembered,
}

/// What outlives the process.
#[derive(Default)]
struct Disk {
    rows: Rows,
    bookmarks: BTreeMap<&'static str, String>,
    /// The records at the bookmark.
    remembered: BTreeSet<String>,
    refresh_token: String,
    /// What waits to be written: by id, or by a name of its own until the CRM has it.
    outgoing: BTreeSet<String>,
    /// When records were last written.
    written: BTreeMap<String, chrono::DateTime<chrono::Utc>>,
}

/// A process.
#[derive(Default)]
struct Process {
    access_token: Option<String>,
    refresh_token: String,
    /// Somebody is renewing the token; nobody else has to.
    renewing: bool,
    /// The columns there were when the process started.
    columns: BTreeMap<&'static str, Vec<String>>,
}

/// See the module.
pub(crate) struct Naive {
    org: Running,
    http: reqwest::Client,
    habits: Habits,
    accounts: bool,
    disk: Disk,
    process: Process,
    asked: Cell<u64>,
}

/// A record with the fields that every query asks for.
struct Record {
    id: String,
    stamp: String,
    values: BTreeMap<String, String>,
}

impl Naive {
    async fn follow(&mut self, object: &'static str) -> Result<(), String> {
        let since = self.disk.bookmarks.get(object).cloned();
        let mut youngest = since.clone();
        let mut n_read = 0;
        let mut next = Some(self.query(object, since.as_deref(), n_read));
        while let Some(url) = next.take() {
            let page = match self.get(&url).await {
                Err(why) if self.habits.shrugs => {
                    eprintln!("{object}: {why}");
                    break;
                }
                page => page?,
            };
            let records = page["records"].as_array().cloned().unwrap_or_default();
            for record in &records {
                let Some(record) = read(record) else { continue };
                if youngest.as_ref().is_none_or(|youngest| *youngest < record.stamp) {
                    youngest = Some(record.stamp.clone());
                }
                self.take(record);
            }
            n_read += records.len();
            next = match self.habits.paging {
                Paging::Locator => page["nextRecordsUrl"].as_str().map(|path| self.address(path)),
                _ if records.is_empty() => None,
                Paging::Stamp => Some(self.query(object, youngest.as_deref(), n_read)),
                Paging::Offset => Some(self.query(object, since.as_deref(), n_read)),
            };
        }
        let bookmark = match self.habits.bookmark {
            Bookmark::LastSeen => youngest,
            Bookmark::RunEnd => {
                Some(self.org.control().clock().now().format("%Y-%m-%dT%H:%M:%SZ").to_string())
            }
        };
        if let Some(bookmark) = bookmark {
            self.disk.remembered.retain(|record| record.ends_with(&bookmark));
            self.disk.bookmarks.insert(object, bookmark);
        }
        Ok(())
    }

    fn take(&mut self, record: Record) {
        if self.habits.boundary == Boundary::Remembered
            && !self.disk.remembered.insert(format!("{}@{}", record.id, record.stamp))
        {
            return;
        }
        let now = self.org.control().clock().now();
        let is_recent = |at: &chrono::DateTime<chrono::Utc>| now - *at < chrono::TimeDelta::minutes(5);
        if self.habits.push == Push::DeafForAWhile && self.disk.written.get(&record.id).is_some_and(is_recent)
        {
            return;
        }
        let is_by_itself = record.values.get("LastModifiedById") == Some(&self.itself());
        if self.habits.push == Push::DeafToItself && is_by_itself && self.disk.rows.contains_key(&record.id) {
            return;
        }
        let row = Row { deleted: false, values: record.values };
        let before = self.disk.rows.insert(record.id.clone(), row.clone());
        if self.habits.push == Push::WhatChanged && before.is_some_and(|before| before != row) {
            self.disk.outgoing.insert(record.id);
        }
    }

    /// The user whom it signs in as.
    fn itself(&self) -> String {
        self.org.control().read(|org| org.api_user).to_string()
    }

    /// The application edits a row.
    pub(crate) fn set(&mut self, id: &str, field: &str, value: &str) {
        if let Some(row) = self.disk.rows.get_mut(id) {
            row.values.insert(field.to_owned(), value.to_owned());
            self.disk.outgoing.insert(id.to_owned());
        }
    }

    /// The application makes a row.
    pub(crate) fn make(&mut self, values: [(&str, &str); 3]) {
        let values = values.map(|(field, value)| (field.to_owned(), value.to_owned()));
        let row = Row { deleted: false, values: BTreeMap::from(values) };
        self.disk.rows.insert(NEW.to_owned(), row);
        self.disk.outgoing.insert(NEW.to_owned());
    }

    /// Writes what waits; what fails is tried again the next time.
    pub(crate) async fn push(&mut self) -> Said {
        for id in self.disk.outgoing.clone() {
            if let Err(why) = self.write(&id).await {
                return Said::Failed(why);
            }
            self.disk.outgoing.remove(&id);
        }
        Said::Well
    }

    async fn write(&mut self, id: &str) -> Result<(), String> {
        let token = match &self.process.access_token {
            Some(token) => token.clone(),
            None => self.renew().await?,
        };
        let row = self.disk.rows.get(id).cloned().unwrap_or_default();
        let table = self.address("/services/data/v66.0/sobjects/Opportunity");
        let request = if id == NEW {
            self.http.post(table).json(&row.values)
        } else {
            let next_step = row.values.get("NextStep");
            self.http.patch(format!("{table}/{id}")).json(&serde_json::json!({"NextStep": next_step}))
        };
        let answer = request.bearer_auth(token).send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(answer.text().await.unwrap_or_default());
        }
        let now = self.org.control().clock().now();
        if id == NEW {
            let answer: Json = answer.json().await.map_err(|error| error.to_string())?;
            self.disk.rows.remove(NEW);
            self.disk.rows.insert(answer["id"].as_str().unwrap_or_default().to_owned(), row);
        }
        self.disk.written.insert(id.to_owned(), now);
        Ok(())
    }

    fn query(&self, object: &str, since: Option<&str>, n_read: usize) -> String {
        let columns = self.process.columns.get(object).map(|columns| columns.join(", ")).unwrap_or_default();
        let author = if self.habits.push == Push::DeafToItself { "LastModifiedById, " } else { "" };
        let mut soql = format!("SELECT Id, SystemModstamp, {author}{columns} FROM {object}");
        if let Some(since) = since {
            let operator = if self.habits.boundary == Boundary::Remembered { ">=" } else { ">" };
            soql += &format!(" WHERE SystemModstamp {operator} {}", since.replace("+0000", "Z"));
        }
        soql += match self.habits.paging {
            Paging::Locator => " ORDER BY SystemModstamp",
            Paging::Stamp => " ORDER BY SystemModstamp LIMIT 200",
            Paging::Offset => " ORDER BY SystemModstamp DESC LIMIT 200",
        };
        if self.habits.paging == Paging::Offset {
            soql += &format!(" OFFSET {n_read}");
        }
        let mut url: reqwest::Url = self.address("/services/data/v66.0/query").parse().expect("an address");
        url.query_pairs_mut().append_pair("q", &soql);
        url.to_string()
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.org.base_url())
    }

    /// Asks, and once more with a new token after a 401. Whatever else goes wrong is tried again a few times.
    async fn get(&mut self, url: &str) -> Result<Json, String> {
        for attempt in 0.. {
            self.asked.set(self.asked.get() + 1);
            if self.asked.get() > PATIENCE {
                return Err("it would go on asking".to_owned());
            }
            let token = match &self.process.access_token {
                Some(token) => token.clone(),
                None => self.renew().await?,
            };
            let answer =
                self.http.get(url).bearer_auth(token).send().await.map_err(|error| error.to_string())?;
            match answer.status().as_u16() {
                200 => return answer.json().await.map_err(|error| error.to_string()),
                401 => self.process.access_token = None,
                // The limit of the day: it will be over some time.
                403 => tokio::time::sleep(Duration::from_millis(1)).await,
                429 | 500.. if attempt < 2 => tokio::time::sleep(Duration::from_millis(1)).await,
                status => return Err(format!("{status}: {}", answer.text().await.unwrap_or_default())),
            }
        }
        unreachable!("it asks until it is told to stop")
    }

    async fn renew(&mut self) -> Result<String, String> {
        let access = self.process.renew(&self.http, &self.org).await?;
        self.disk.refresh_token.clone_from(&self.process.refresh_token);
        Ok(access)
    }

    async fn follow_all(&mut self) -> Said {
        self.asked.set(0);
        let objects: &[&'static str] =
            if self.accounts { &[Account::OBJECT, Opportunity::OBJECT] } else { &[Opportunity::OBJECT] };
        for object in objects {
            if let Err(why) = self.follow(object).await {
                if self.habits.shrugs {
                    eprintln!("{object}: {why}");
                    continue;
                }
                return Said::Failed(why);
            }
        }
        Said::Well
    }

    /// A process that starts now. Which columns there are is asked once.
    fn process(&self) -> Process {
        let crm = self.org.control();
        let columns = BTreeMap::from([columns::<Account>(crm), columns::<Opportunity>(crm)]);
        Process { refresh_token: self.disk.refresh_token.clone(), columns, ..Process::default() }
    }
}

impl Process {
    /// Gets a new token, unless somebody is at it already.
    async fn renew(&mut self, http: &reqwest::Client, org: &Running) -> Result<String, String> {
        if self.renewing {
            return Err("somebody is renewing the token".to_owned());
        }
        self.renewing = true;
        let app = org.credentials();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &app.client_id),
            ("client_secret", &app.client_secret),
            ("refresh_token", &self.refresh_token),
        ];
        let url = format!("{}/services/oauth2/token", org.base_url());
        let answer = http.post(url).form(&form).send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let answer: Json = answer.json().await.map_err(|error| error.to_string())?;
        let Some(access) = answer["access_token"].as_str() else {
            return Err(format!("{status}: no token"));
        };
        if let Some(rotated) = answer["refresh_token"].as_str() {
            rotated.clone_into(&mut self.refresh_token);
        }
        self.access_token = Some(access.to_owned());
        self.renewing = false;
        Ok(access.to_owned())
    }
}

fn columns<T: Entity>(crm: &SalesforceControl) -> (&'static str, Vec<String>) {
    let custom = crm.read(|org| {
        let fields = org.table(T::OBJECT).into_iter().flat_map(|table| table.def.visible_fields());
        let names = fields.map(|(_, field)| field.name.to_string());
        names.filter(|name| name.ends_with("__c")).collect::<Vec<_>>()
    });
    (T::OBJECT, T::REMOTE.iter().map(|(_, remote)| (*remote).to_owned()).chain(custom).collect())
}

/// A record that fits the table; others are passed over.
fn read(record: &Json) -> Option<Record> {
    let amount = &record["Amount"];
    if !amount.is_null() && amount.to_string().parse::<Decimal>().is_err() {
        return None;
    }
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let values = record.as_object()?.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?)));
    Some(Record { id: text("Id")?, stamp: text("SystemModstamp")?, values: values.collect() })
}

impl Contender for Naive {
    fn truth(&self) -> Truth {
        truth(self.org.control(), self.accounts)
    }

    fn later(&self, seconds: u64) {
        self.org.control().advance(Duration::from_secs(seconds));
    }

    async fn run(&mut self) -> Said {
        self.follow_all().await
    }

    async fn tend(&mut self) -> Said {
        if !self.habits.reloads {
            return Said::Well;
        }
        self.later(10);
        self.disk.rows.clear();
        self.disk.bookmarks.clear();
        self.follow_all().await
    }

    async fn restart(&mut self) {
        self.process = self.process();
    }

    async fn rows(&self) -> Rows {
        self.disk.rows.clone()
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    async fn state_bytes(&self) -> usize {
        let bookmarks: usize = self.disk.bookmarks.values().map(String::len).sum();
        bookmarks + self.disk.remembered.iter().map(String::len).sum::<usize>()
    }
}

impl OnSalesforce for Naive {
    async fn enter(stage: Stage) -> Self {
        let org = stage.start().await;
        let disk = Disk { refresh_token: org.credentials().refresh_token.clone(), ..Disk::default() };
        let mut naive = Self {
            org,
            http: reqwest::Client::new(),
            habits: stage.habits,
            accounts: stage.accounts,
            disk,
            process: Process::default(),
            asked: Cell::new(0),
        };
        naive.restart().await;
        naive
    }

    fn crm(&self) -> &SalesforceControl {
        self.org.control()
    }

    /// Each process took the refresh token from the disk when it started, and renews for itself.
    async fn run_thrice_at_once(&mut self) -> [Said; 3] {
        let (mut second, mut third) = (self.process(), self.process());
        let (http, org) = (&self.http, &self.org);
        let outcomes =
            tokio::join!(self.process.renew(http, org), second.renew(http, org), third.renew(http, org));
        let outcome = |renewed: Result<String, String>| renewed.map_or_else(Said::Failed, |_| Said::Well);
        [outcome(outcomes.0), outcome(outcomes.1), outcome(outcomes.2)]
    }

    async fn connect_elsewhere(&mut self, _: &str, _: &str) {}

    async fn reconnect(&mut self, refresh_token: String) {
        self.disk.refresh_token = refresh_token;
        self.restart().await;
    }

    /// The release of today keeps its place elsewhere, and reads the old one no more.
    async fn inherit(&mut self, _: OldBookmark<'_>) {
        self.disk.bookmarks.clear();
        self.restart().await;
    }
}
