//! Webhooks as tests arrange and look at them.

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::HubspotControl;
use crate::hubspot::webhooks::{Delivery, DeliveryOutcome, WebhookSettings};
use crate::hubspot::write::RowError;

/// How often [`HubspotControl::webhooks_settled`] looks.
const LOOK: Duration = Duration::from_millis(5);

/// Webhooks.
impl HubspotControl {
    /// Sends events to this receiver of this machine, as the settings call of the API does.
    ///
    /// # Errors
    /// When it is no `http` URL of this machine.
    pub fn set_webhook_target(&self, url: &str) -> Result<(), RowError> {
        let now = self.state.clock.now_ms();
        let set = self.state.webhooks().app.set_target(url, None, now);
        set.map_err(|refusal| RowError::bad_request(refusal.1))?;
        self.state.note_wishes();
        Ok(())
    }

    /// Subscribes to a type of event (`deal.propertyChange` with a property, `object.creation` with an object type),
    /// and returns the subscription's id.
    ///
    /// # Errors
    /// When there is no such type, object or property, or it is subscribed to already.
    pub fn subscribe(
        &self,
        event_type: &str,
        object_type_id: Option<&str>,
        property: Option<&str>,
    ) -> Result<u64, RowError> {
        let account = self.state.account();
        let mut webhooks = self.state.webhooks();
        let made = webhooks.app.subscribe(&account, event_type, object_type_id, property, true);
        let id = made.map_err(|refusal| RowError::bad_request(refusal.1))?.id;
        drop((account, webhooks));
        self.state.note_wishes();
        Ok(id)
    }

    /// Changes how webhooks are sent, and what goes wrong with them.
    pub fn edit_webhook_settings(&self, edit: impl FnOnce(&mut WebhookSettings)) {
        self.edit_settings(|settings| edit(&mut settings.webhooks));
    }

    /// Sends this as an event, whatever it is; `attemptNumber` is added to objects.
    pub fn send_event(&self, event: Json) {
        let settings = self.state.setting(|settings| settings.webhooks.clone());
        self.state.webhooks().put(event, self.state.clock.now_ms(), &settings);
        self.state.wake();
    }

    /// The next so many good answers get lost: the receiver took the events and gets them again.
    pub fn lose_webhook_answers(&self, answers: u64) {
        self.state.webhooks().answers_to_lose = answers;
    }

    /// The newest 10,000 requests to the receiver, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state.webhooks().deliveries()
    }

    /// Events that the receiver acknowledged, as far as the sender knows, in the order in which it did.
    #[must_use]
    pub fn acknowledged_events(&self) -> Vec<Json> {
        let taken = |one: &Delivery| matches!(one.outcome, DeliveryOutcome::Acknowledged(_));
        self.deliveries().iter().filter(|one| taken(one)).flat_map(Delivery::events).collect()
    }

    /// Forgets the deliveries so far.
    pub fn forget_deliveries(&self) {
        self.state.webhooks().forget_deliveries();
    }

    /// Requests that were sent again as often as allowed, in vain.
    #[must_use]
    pub fn webhooks_given_up(&self) -> u64 {
        self.state.webhooks().given_up
    }

    /// Waits until nothing is on its way or due at the present simulated time; retries wait for the clock. False when
    /// that takes longer than `patience`, in real time.
    pub async fn webhooks_settled(&self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            let told = !self.state.account().events.is_waiting();
            if told && self.state.webhooks().settled(self.state.clock.now_ms()) {
                return true;
            }
            if start.elapsed() >= patience {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
