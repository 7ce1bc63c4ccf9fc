//! The naive poller on HubSpot: searches for what was modified after its bookmark, the oldest first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crm_sandbox::hubspot::{HubspotControl, Running};
use serde_json::{Value as Json, json};

use super::{Object, OnHubspot, Stage, employment, pass, row, truth};
use crate::contender::{Contender, Said};
use crate::naive::PATIENCE;
use crate::verdict::{Rows, Truth};

/// Search results can be paged so far.
const CAP: usize = 10_000;

/// What is naive about it in a story.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// Where the results of a search end, it searches anew from the last stamp on.
    pub(crate) cap: Option<usize>,
    /// It takes the records of a list that are younger than its bookmark by a property that not all objects have.
    pub(crate) one_stamp_for_all: bool,
}

/// What outlives the process.
#[derive(Default)]
struct Disk {
    rows: Rows,
    /// The youngest modification it saw, in milliseconds since 1970.
    bookmarks: BTreeMap<Object, i64>,
}

/// See the module.
pub(crate) struct Naive {
    account: Running,
    http: reqwest::Client,
    objects: &'static [Object],
    habits: Habits,
    disk: Disk,
    asked: u64,
}

impl Naive {
    async fn follow(&mut self, object: Object) -> Result<(), String> {
        let since = self.disk.bookmarks.get(&object).copied();
        let changed = if self.habits.one_stamp_for_all {
            self.listed(object, since).await?
        } else {
            self.searched(object, since).await?
        };
        let youngest = changed.iter().filter_map(modified).max().or(since);
        if object == Object::Employments {
            self.take_employments(&changed).await?;
        } else {
            for record in &changed {
                let id = record["id"].as_str().unwrap_or_default().to_owned();
                self.disk.rows.insert(id, row(record, object.properties()));
            }
        }
        if let Some(youngest) = youngest {
            self.disk.bookmarks.insert(object, youngest);
        }
        Ok(())
    }

    /// Everything modified since, by search.
    async fn searched(&mut self, object: Object, since: Option<i64>) -> Result<Vec<Json>, String> {
        let walked = walked(object);
        let stamp = if walked == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" };
        let cap = self.habits.cap.unwrap_or(CAP);
        let mut found: Vec<Json> = Vec::new();
        let (mut from, mut operator) = (since.unwrap_or(0), "GT");
        loop {
            let mut after = 0;
            loop {
                let body = json!({
                    "filterGroups": [{"filters": [{"propertyName": stamp, "operator": operator, "value": from}]}],
                    "sorts": [{"propertyName": stamp, "direction": "ASCENDING"}],
                    "properties": object.properties(), "limit": 100, "after": after,
                });
                let page = self.post(&format!("/crm/v3/objects/{walked}/search"), &body).await?;
                found.extend(page["results"].as_array().cloned().unwrap_or_default());
                let Some(next) = page["paging"]["next"]["after"].as_str() else { return Ok(found) };
                after = next.parse().map_err(|_| "no number".to_owned())?;
                if after + 100 > cap {
                    break;
                }
            }
            // There is more than a search gives, so on from the last stamp.
            operator = "GTE";
            from = found.last().and_then(modified).unwrap_or(from);
        }
    }

    /// Everything modified since, out of the list of all.
    async fn listed(&mut self, object: Object, since: Option<i64>) -> Result<Vec<Json>, String> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = after.map_or_else(String::new, |after| format!("&after={after}"));
            let path = format!(
                "/crm/v3/objects/{}?limit=100&properties={}{page}",
                walked(object),
                object.properties().join(",")
            );
            let page = self.get(&path).await?;
            for record in page["results"].as_array().into_iter().flatten() {
                let stamp = record["properties"]["hs_lastmodifieddate"].as_str().and_then(millis);
                // What has no stamp has not changed.
                if stamp.is_some_and(|stamp| since.is_none_or(|since| stamp > since)) {
                    found.push(record.clone());
                }
            }
            match page["paging"]["next"]["after"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(found),
            }
        }
    }

    /// Reads the associations of contacts that changed.
    async fn take_employments(&mut self, contacts: &[Json]) -> Result<(), String> {
        for contacts in contacts.chunks(100) {
            let inputs: Vec<Json> = contacts.iter().map(|contact| json!({"id": contact["id"]})).collect();
            let path = "/crm/v4/associations/contacts/companies/batch/read";
            let answer = self.post(path, &json!({"inputs": inputs})).await?;
            for result in answer["results"].as_array().into_iter().flatten() {
                let contact = result["from"]["id"].as_str().unwrap_or_default();
                for link in result["to"].as_array().into_iter().flatten() {
                    let types = link["associationTypes"].as_array().cloned().unwrap_or_default();
                    let labels = types.iter().filter_map(|kind| kind["label"].as_str().map(str::to_owned));
                    let id = format!("{contact}-{}", link["toObjectId"]);
                    self.disk.rows.insert(id, employment(labels.collect()));
                }
            }
        }
        Ok(())
    }

    async fn get(&mut self, path: &str) -> Result<Json, String> {
        let request = self.http.get(format!("{}{path}", self.account.base_url()));
        self.send(request).await
    }

    async fn post(&mut self, path: &str, body: &Json) -> Result<Json, String> {
        let request = self.http.post(format!("{}{path}", self.account.base_url())).json(body);
        self.send(request).await
    }

    /// Asks, and twice more where it is told to wait.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Json, String> {
        let token = &self.account.credentials().private_app_token;
        let request = request.bearer_auth(token);
        for attempt in 0.. {
            self.asked += 1;
            if self.asked > PATIENCE {
                return Err("it would go on asking".to_owned());
            }
            let again = request.try_clone().ok_or("a body that can't be sent twice")?;
            let answer = again.send().await.map_err(|error| error.to_string())?;
            match answer.status().as_u16() {
                200 | 207 => return answer.json().await.map_err(|error| error.to_string()),
                429 | 500.. if attempt < 2 => tokio::time::sleep(Duration::from_millis(1)).await,
                status => return Err(format!("{status}: {}", answer.text().await.unwrap_or_default())),
            }
        }
        unreachable!("it asks until it is told to stop")
    }
}

/// The object whose records are gone through.
fn walked(object: Object) -> &'static str {
    object.name().split('/').next().unwrap_or_default()
}

fn modified(record: &Json) -> Option<i64> {
    record["updatedAt"].as_str().and_then(millis)
}

fn millis(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

impl Contender for Naive {
    fn truth(&self) -> Truth {
        truth(self.crm(), self.objects)
    }

    fn later(&self, seconds: u64) {
        pass(self.crm(), seconds);
    }

    async fn run(&mut self) -> Said {
        self.asked = 0;
        for object in self.objects {
            if let Err(why) = self.follow(*object).await {
                return Said::Failed(why);
            }
        }
        Said::Well
    }

    async fn tend(&mut self) -> Said {
        Said::Well
    }

    async fn restart(&mut self) {}

    async fn rows(&self) -> Rows {
        self.disk.rows.clone()
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    async fn state_bytes(&self) -> usize {
        self.disk.bookmarks.len() * size_of::<i64>()
    }
}

impl OnHubspot for Naive {
    async fn enter(stage: Stage) -> Self {
        let account = stage.start().await;
        let (objects, habits) = (stage.objects, stage.habits);
        Self { account, http: reqwest::Client::new(), objects, habits, disk: Disk::default(), asked: 0 }
    }

    fn crm(&self) -> &HubspotControl {
        self.account.control()
    }
}
