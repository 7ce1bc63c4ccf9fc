//! Mocks of every port, made with mockall: `MockCursorStore`, `MockSyncSink`, ….

pub use crate::diff::MockFieldDiffer;
pub use crate::port::audit::MockAuditLog;
pub use crate::port::authorisations::MockAuthorisationStore;
pub use crate::port::clock::{MockClock, MockIdGenerator, MockJitter};
pub use crate::port::conflicts::MockConflictStore;
pub use crate::port::connections::MockConnectionStore;
pub use crate::port::cursors::MockCursorStore;
pub use crate::port::dead_letters::MockDeadLetterStore;
pub use crate::port::emitter::MockChangeEmitter;
pub use crate::port::eraser::MockTenantEraser;
pub use crate::port::field_catalog::MockFieldCatalog;
pub use crate::port::inbox::{MockCarriedRecords, MockWebhookInbox};
pub use crate::port::leases::MockLeaseStore;
pub use crate::port::local_changes::MockLocalChangeStore;
pub use crate::port::loopback::{MockLoopbackFingerprintStore, MockWriteRecorder};
pub use crate::port::outbox::{MockDeliveryStore, MockOutbox};
pub use crate::port::recorder::MockRunRecorder;
pub use crate::port::refreshes::MockRefreshStore;
pub use crate::port::signal::{MockSignal, MockSignalListener};
pub use crate::port::sink::{MockLocalListing, MockSyncSink};
pub use crate::port::source::{
    MockChangeSource, MockCustomFieldSource, MockRecordFetcher, MockRemoteListing,
};
pub use crate::port::subscriptions::MockSubscriptionStore;
pub use crate::port::unit_of_work::MockUnitOfWork;
pub use crate::port::writer::MockRemoteWriter;

/// The transaction of mocked stores: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MockTx;
