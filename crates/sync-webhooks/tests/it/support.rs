//! A receiver on a port of its own, and calls to it.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sync_core::{Clock, ConnectionKey, SubscriptionId, SystemClock, UnitOfWork, WaitingNotice, WebhookInbox};
use sync_webhooks::{
    Counters, HubspotReceiver, Limits, Organizations, Receiver, Recipient, SalesforceReceiver, Stager,
    StagerOptions, StagerTask, StaticRecipients, Wake, serve,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::shaky::Shaky;

pub(crate) const SECRET: &str = "shh-secret";
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PUBLIC: &str = "https://hooks.example.test/in";
pub(crate) const ORG: &str = "00DDn000000ZyXwMAK";
pub(crate) const PORTAL: &str = "9001";

/// A receiver with feeds of deals and of accounts, in the way a program sets it up.
pub(crate) struct Place {
    pub(crate) at: SocketAddr,
    pub(crate) store: Shaky,
    pub(crate) counters: Arc<Counters>,
    pub(crate) feed: SubscriptionId,
    /// Who may call as from Salesforce.
    pub(crate) organizations: Organizations,
    stop: CancellationToken,
    server: JoinHandle<()>,
    stager: StagerTask,
}

impl Place {
    pub(crate) async fn start() -> Self {
        Self::with(Shaky::default(), Limits::default(), StagerOptions::default()).await
    }

    pub(crate) async fn with(store: Shaky, limits: Limits, options: StagerOptions) -> Self {
        let (counters, wake) = (Arc::new(Counters::default()), Arc::new(Wake::default()));
        let (stager, task) = Stager::start(Arc::new(store.clone()), options, Arc::clone(&counters), wake);
        let feed = SubscriptionId(uuid());
        let key = ConnectionKey::new(None, "connection");
        let recipients = StaticRecipients::new()
            .with("hubspot", PORTAL, Recipient::new(key.clone(), feed, "deals"))
            .with("salesforce", ORG, Recipient::new(key, feed, "Account"));
        let organizations = Organizations::from_iter([ORG]);
        let side = SalesforceReceiver::new().door_of(&TOKEN.into(), organizations.clone()).unwrap();
        let receiver = Receiver::builder(stager, Arc::new(recipients), Arc::clone(&counters))
            .limits(limits.clone())
            .hubspot(HubspotReceiver::new(PUBLIC, SecretString::from(SECRET)))
            .salesforce(side)
            .build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (router, token) = (receiver.router(), stop.clone());
        let server = tokio::spawn(async move { serve(listener, router, &limits, token).await });
        Self { at, store, counters, feed, organizations, stop, server, stager: task }
    }

    /// What is staged and waits.
    pub(crate) async fn waiting(&self) -> Vec<WaitingNotice> {
        let mut tx = self.store.store.begin().await.unwrap();
        self.store.waiting(&mut tx, None, self.feed, 100_000).await.unwrap()
    }

    /// The whole thing comes to its end: calls in hand are answered, what was queued is staged.
    pub(crate) async fn end(self) -> Shaky {
        self.stop.cancel();
        self.server.await.unwrap();
        self.stager.finished().await;
        self.store
    }

    /// Posts a body to HubSpot's side, signed for now.
    pub(crate) async fn call(&self, body: impl Into<Vec<u8>>) -> reqwest::Response {
        self.signed(body.into(), SystemClock.now()).send().await.unwrap()
    }

    /// A call to HubSpot's side, signed for an instant.
    pub(crate) fn signed(&self, body: Vec<u8>, at: DateTime<Utc>) -> reqwest::RequestBuilder {
        let millis = at.timestamp_millis().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let text = [b"POST", PUBLIC.as_bytes(), b"/hubspot", &body, millis.as_bytes()].concat();
        let signature = STANDARD.encode(hmac::sign(&key, &text));
        self.post("/hubspot", body)
            .header("x-hubspot-signature-v3", signature)
            .header("x-hubspot-request-timestamp", millis)
    }

    pub(crate) fn post(&self, path: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        client().post(format!("http://{}{path}", self.at)).body(body)
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A body of HubSpot's: changes of these deals.
pub(crate) fn changes(ids: impl IntoIterator<Item = u64>) -> String {
    let event = |id: u64| {
        format!(
            r#"{{"eventId": {id}, "subscriptionId": 25, "portalId": {PORTAL}, "occurredAt": {}, "subscriptionType": "deal.propertyChange",
               "attemptNumber": 0, "objectId": {id}, "propertyName": "amount", "propertyValue": "7"}}"#,
            1_767_348_245_000 + id
        )
    };
    format!("[{}]", ids.into_iter().map(event).collect::<Vec<_>>().join(","))
}

/// An outbound message about these accounts, of this organisation.
pub(crate) fn message(organization: &str, ids: impl IntoIterator<Item = u32>) -> String {
    let notification = |id: u32| {
        format!(
            r#"<Notification><Id>04lDn00000{id:05}IAU</Id><sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
               <sf:Id>001Dn00000{id:05}IAV</sf:Id><sf:Name>A {id}</sf:Name></sObject></Notification>"#
        )
    };
    let notifications: String = ids.into_iter().map(notification).collect();
    format!(
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
           <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId>
           <ActionId>04kDn0000004AbCIAU</ActionId><SessionId xsi:nil="true"/>{notifications}</notifications></soapenv:Body></soapenv:Envelope>"#
    )
}

pub(crate) fn uuid() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}
