//! To NATS JetStream: one subject per lane and kind.

use std::fmt;

use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use sync_core::OutboxEvent;
use tokio::time::Instant;

use crate::relay::{Delivery, Outcome, Relay, by_record};

/// How many records' events are under way at the same time.
const CONCURRENCY: usize = 64;

/// Publishes events to a JetStream stream, as `<prefix>.<lane>.<kind>`, the whole event as JSON.
///
/// `Nats-Msg-Id` is the event's id: within its window of duplicates the stream drops redeliveries by itself. Each
/// event is acknowledged by the stream before the next of its record is sent.
pub struct NatsRelay {
    context: jetstream::Context,
    prefix: String,
    label: String,
}

/// Settings of a [`NatsRelay`].
pub struct NatsRelayBuilder {
    url: SecretString,
    stream: String,
    prefix: String,
    create: bool,
}

/// Why events can't get to NATS. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// No connection.
    #[error(
        "nats can't be reached ({reason}); check that it runs, and the url: nats://user:password@host:port"
    )]
    Connect {
        /// The library's word for it.
        reason: String,
    },
    /// The stream is missing, or JetStream is.
    #[error(
        "the stream {stream} can't be used ({reason}); create it with the subject {subject}, or let the relay do it"
    )]
    Stream {
        /// Which.
        stream: String,
        /// The library's words.
        reason: String,
        /// What it has to take.
        subject: String,
    },
    /// An event was not taken for now.
    #[error("nats does not take events: {0}")]
    Down(String),
}

impl NatsRelay {
    /// Settings for the server at this url, e.g. `nats://127.0.0.1:4222`.
    pub fn builder(url: impl Into<String>) -> NatsRelayBuilder {
        NatsRelayBuilder {
            url: url.into().into(),
            stream: "HEXSYNC_EVENTS".to_owned(),
            prefix: "hexsync.events".to_owned(),
            create: false,
        }
    }

    fn subject(&self, event: &OutboxEvent) -> String {
        // What separates, or stands for others, in a subject is not to come from a name.
        let token = |c: char| if c.is_whitespace() || matches!(c, '.' | '*' | '>') { '_' } else { c };
        let kind: String = event.kind.chars().map(token).collect();
        format!("{}.{}.{kind}", self.prefix, event.lane.as_str())
    }

    async fn publish(&self, event: &OutboxEvent) -> Result<(), jetstream::context::PublishError> {
        let message = PublishMessage::build()
            .payload(serde_json::to_vec(event).unwrap_or_default().into())
            .message_id(event.id.to_string());
        self.context.send_publish(self.subject(event), message).await?.await.map(drop)
    }

    /// The events of one record, until one is not taken.
    async fn publish_record(
        &self,
        events: &[OutboxEvent],
        places: Vec<usize>,
        deadline: Instant,
    ) -> Vec<(usize, Result<(), jetstream::context::PublishError>)> {
        let mut outcomes = Vec::with_capacity(places.len());
        for place in places {
            if Instant::now() > deadline {
                break;
            }
            let published = self.publish(&events[place]).await;
            let go_on = published.is_ok();
            outcomes.push((place, published));
            if !go_on {
                break;
            }
        }
        outcomes
    }
}

impl NatsRelayBuilder {
    /// The stream. Default `HEXSYNC_EVENTS`.
    #[must_use]
    pub fn stream(mut self, name: impl Into<String>) -> Self {
        self.stream = name.into();
        self
    }

    /// What subjects begin with. Default `hexsync.events`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Makes the stream when it is missing, with the server's defaults. Default no.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Connects and looks for the stream.
    ///
    /// # Errors
    /// [`NatsError`], which says what to do.
    pub async fn connect(self) -> Result<NatsRelay, NatsError> {
        let client = async_nats::connect(self.url.expose_secret())
            .await
            .map_err(|error| NatsError::Connect { reason: error.kind().to_string() })?;
        let label = format!("nats at {}:{}", client.server_info().host, client.server_info().port);
        let context = jetstream::new(client);
        let subject = format!("{}.>", self.prefix);
        let found = if self.create {
            let config = jetstream::stream::Config {
                name: self.stream.clone(),
                subjects: vec![subject.clone()],
                ..Default::default()
            };
            context.get_or_create_stream(config).await.map(drop).map_err(|error| error.to_string())
        } else {
            context.get_stream(&self.stream).await.map(drop).map_err(|error| error.to_string())
        };
        found.map_err(|reason| NatsError::Stream { stream: self.stream, reason, subject })?;
        Ok(NatsRelay { context, prefix: self.prefix, label })
    }
}

#[async_trait]
impl Relay for NatsRelay {
    fn label(&self) -> String {
        self.label.clone()
    }

    #[tracing::instrument(name = "nats.events", skip_all, fields(n_events = events.len()))]
    async fn deliver(&self, events: &[OutboxEvent], deadline: Instant) -> Delivery {
        let mut delivery = Delivery { outcomes: vec![Outcome::NotTried; events.len()], down: None };
        let records =
            by_record(events).into_iter().map(|places| self.publish_record(events, places, deadline));
        let mut published = stream::iter(records).buffer_unordered(CONCURRENCY);
        while let Some(of_record) = published.next().await {
            for (place, result) in of_record {
                match result {
                    Ok(()) => delivery.outcomes[place] = Outcome::Done,
                    Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                        delivery.outcomes[place] = Outcome::Refused(error.to_string());
                    }
                    Err(error) => delivery.down = Some(NatsError::Down(error.to_string()).into()),
                }
            }
            if delivery.down.is_some() {
                break;
            }
        }
        delivery
    }
}

impl fmt::Debug for NatsRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsRelay")
            .field("at", &self.label)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
