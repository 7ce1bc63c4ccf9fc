//! Outbound messages as tests arrange and look at them.

use std::time::{Duration, Instant};

use super::SalesforceControl;
use crate::salesforce::model::RecordId;
use crate::salesforce::outbound::{OutboundDelivery, OutboundRule, OutboundSettings};
use crate::salesforce::write::RowError;

/// How often [`SalesforceControl::outbound_settled`] looks.
const LOOK: Duration = Duration::from_millis(5);

/// Outbound messages.
impl SalesforceControl {
    /// Tells a receiver of this machine of rows from now on, when they are made or edited, and returns the action's id.
    ///
    /// # Errors
    /// When the object or a field is unknown, or the receiver is no `http` URL of this machine.
    pub fn add_outbound_message(&self, rule: OutboundRule) -> Result<RecordId, RowError> {
        self.edit(|org| {
            let table = org.table(&rule.object).ok_or_else(|| RowError::unknown_object(&rule.object))?;
            if let Some(name) = rule.fields.iter().find(|name| table.def.field_index(name).is_none()) {
                return Err(RowError::no_column(name, &rule.object));
            }
            let object = table.def.name.to_string();
            let added = self.state.outbound().add(OutboundRule { object: object.clone(), ..rule });
            let id = added.map_err(|error| RowError::new("INVALID_URL", error.to_string(), &[]))?;
            org.touched.watched.insert(object);
            Ok(id)
        })
    }

    /// Ends all outbound messages, also those that wait.
    pub fn remove_outbound_messages(&self) {
        self.edit(|org| {
            org.touched.watched.clear();
            org.touched.forget_after(0);
            self.state.outbound().clear();
        });
    }

    /// Changes how outbound messages are sent, and what goes wrong with them.
    pub fn edit_outbound_settings(&self, edit: impl FnOnce(&mut OutboundSettings)) {
        self.edit_settings(|settings| edit(&mut settings.outbound));
    }

    /// The next so many acknowledgements get lost: the receiver took the message and gets it again.
    pub fn lose_outbound_answers(&self, answers: u64) {
        self.state.outbound().answers_to_lose = answers;
    }

    /// The newest 10,000 messages, oldest first.
    #[must_use]
    pub fn outbound_deliveries(&self) -> Vec<OutboundDelivery> {
        self.state.outbound().deliveries()
    }

    /// Messages that nobody took within 24 simulated hours.
    #[must_use]
    pub fn outbound_given_up(&self) -> u64 {
        self.state.outbound().given_up
    }

    /// Waits until nothing is on its way or due at the present simulated time; retries wait for the clock. False when
    /// that takes longer than `patience`, in real time.
    pub async fn outbound_settled(&self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            let told = !self.state.org().touched.is_waiting();
            if told && self.state.outbound().settled(self.state.clock.now_ms()) {
                return true;
            }
            if start.elapsed() >= patience {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
