//! The naive handler of outbound messages: it answers before it has written anything down, believes everybody, and
//! asks the CRM for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{Running, SalesforceControl};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::messages::TakesMessages;
use crate::contender::{Contender, Said};
use crate::salesforce::{Stage, truth};
use crate::verdict::{Rows, Truth};

/// Messages that were acknowledged and not looked at yet.
type Queue = Arc<Mutex<Vec<String>>>;

const ACKNOWLEDGED: &str = "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
    <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
    </soapenv:Body></soapenv:Envelope>";

/// See the module.
pub(super) struct NaiveMessages {
    org: Running,
    queue: Queue,
    address: String,
    server: JoinHandle<()>,
    rows: Rows,
    told: BTreeMap<String, usize>,
}

async fn call(State(queue): State<Queue>, body: String) -> &'static str {
    queue.lock().unwrap().push(body);
    ACKNOWLEDGED
}

/// What stands between the first tags of this name.
fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(value, _)| value)
}

impl NaiveMessages {
    fn take(&mut self, notification: &str) {
        let Some(id) = between(notification, "sf:Id") else { return };
        let next_step = between(notification, "sf:NextStep").unwrap_or_default().replace("&amp;", "&");
        self.rows.entry(id.to_owned()).or_default().values.insert("NextStep".to_owned(), next_step);
        *self.told.entry(id.to_owned()).or_default() += 1;
    }
}

impl Drop for NaiveMessages {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Contender for NaiveMessages {
    fn truth(&self) -> Truth {
        truth(self.crm(), false)
    }

    fn later(&self, seconds: u64) {
        self.crm().advance(Duration::from_secs(seconds));
    }

    /// Messages come by themselves.
    async fn run(&mut self) -> Said {
        Said::Well
    }

    async fn tend(&mut self) -> Said {
        Said::Well
    }

    async fn restart(&mut self) {
        self.queue.lock().unwrap().clear();
    }

    async fn rows(&self) -> Rows {
        self.rows.clone()
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    async fn state_bytes(&self) -> usize {
        0
    }
}

impl TakesMessages for NaiveMessages {
    /// The opportunities there are were imported once, and well.
    async fn enter(stage: Stage) -> Self {
        let org = stage.start().await;
        let imported = truth(org.control(), false).rows.into_iter();
        let rows = imported.filter(|(_, row)| !row.deleted).collect();
        let queue = Queue::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}/salesforce", listener.local_addr().expect("it is bound"));
        let router = Router::new().route("/salesforce", post(call)).with_state(Arc::clone(&queue));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the naive handler: {error}");
            }
        });
        Self { org, queue, address, server, rows, told: BTreeMap::new() }
    }

    fn crm(&self) -> &SalesforceControl {
        self.org.control()
    }

    fn address(&self) -> String {
        self.address.clone()
    }

    fn guessed(&self) -> String {
        self.address.clone()
    }

    async fn apply(&mut self) -> Said {
        let bodies: Vec<String> = self.queue.lock().unwrap().drain(..).collect();
        for body in bodies {
            for notification in body.split("<Notification>").skip(1) {
                self.take(notification);
            }
        }
        Said::Well
    }

    async fn told_of(&self, id: RecordId) -> usize {
        self.told.get(id.as_str()).copied().unwrap_or(0)
    }
}
