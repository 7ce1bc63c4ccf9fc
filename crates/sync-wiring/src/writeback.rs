//! Changes both ways: what an application needs beside the engine that reads.

use std::sync::Arc;

use sync_core::{
    Canonical, ConflictPolicy, ExecuteSync, ExecuteSyncBuilder, LocalEditor, RemoteWriter, SystemClock,
    WriteBack, WritebackPorts, WritebackStore,
};

use crate::{EntityStore, Loopback, OwnFingerprints, SyncModule, WiringError};

/// Both directions of one provider's entities.
#[cfg(any(feature = "provider-salesforce", feature = "provider-hubspot"))]
macro_rules! both_ways {
    ($feature:literal, $product:literal, $module:ident, $client:ident, $fetcher:ident, $writer:ident, $entity:ident) => {
        #[doc = concat!("An entity that is read from ", $product, " and edited here as well.")]
        #[cfg(feature = $feature)]
        pub mod $module {
            use std::sync::Arc;

            use sync_core::{ExecuteSync, TableEntity, WriteBack, WritebackStore};

            use crate::$module::{PROVIDER, connect, $client, $entity, $fetcher, $writer};
            use crate::{EntityStore, OwnFingerprints, SyncModule, WiringError};

            /// An engine that reads `T` and does not overwrite what waits to be sent; the conflict rules of its YAML
            /// decide who counts.
            ///
            /// # Errors
            /// [`WiringError`] names what is missing.
            pub fn engine<T, S>(
                module: &SyncModule<S>,
                crm: &$client,
            ) -> Result<ExecuteSync<T, S>, WiringError>
            where
                T: TableEntity + $entity,
                S: EntityStore<T> + WritebackStore + OwnFingerprints,
            {
                let engine =
                    connect(module.engine::<T>(), crm).writer(Arc::new($writer::<T>::new(crm.clone())));
                Ok(module.both_ways(engine, T::CONFLICTS).build()?)
            }

            /// Applies what this account's calls said of `T`, without overwriting what waits to be sent.
            ///
            /// # Errors
            /// [`WiringError`] names what is missing.
            #[cfg(feature = "webhooks")]
            pub fn drain<T, S>(
                module: &SyncModule<S>,
                crm: &$client,
                subscription: sync_core::Subscription,
            ) -> Result<sync_webhooks::Drain<T, S>, WiringError>
            where
                T: TableEntity + $entity,
                S: EntityStore<T>
                    + WritebackStore
                    + OwnFingerprints
                    + sync_core::WebhookInbox<<S as sync_core::UnitOfWork>::Tx>,
            {
                let engine = module.engine::<T>().writer(Arc::new($writer::<T>::new(crm.clone())));
                let engine = module.both_ways(engine, T::CONFLICTS);
                crate::$module::drain_by(module, engine, crm, subscription)
            }

            /// What sends changes of `T` that were made here.
            ///
            /// # Errors
            /// [`WiringError`] names what is missing.
            pub fn writeback<T, S>(
                module: &SyncModule<S>,
                crm: &$client,
            ) -> Result<WriteBack<T, S>, WiringError>
            where
                T: TableEntity + $entity,
                S: EntityStore<T> + WritebackStore + OwnFingerprints,
            {
                let writer = Arc::new($writer::<T>::new(crm.clone()));
                // A record that has left the feed's filters is sent all the same: its row is here.
                let any =
                    crate::fields::contracted(module, Arc::new($fetcher::<T>::new(crm.clone())), PROVIDER);
                Ok(module.writeback(engine(module, crm)?, writer, T::CONFLICTS)?.fetcher(any))
            }
        }
    };
}

#[cfg(feature = "provider-salesforce")]
both_ways!(
    "provider-salesforce",
    "Salesforce",
    salesforce,
    SalesforceClient,
    SalesforceFetcher,
    SalesforceWriter,
    ToSalesforce
);
#[cfg(feature = "provider-hubspot")]
both_ways!("provider-hubspot", "HubSpot", hubspot, HubspotClient, HubspotFetcher, HubspotWriter, ToHubspot);

impl<S: WritebackStore + OwnFingerprints> SyncModule<S> {
    /// Lets an engine respect changes of the application's own that wait to be sent. Give every engine of an entity
    /// that is edited here the same policy.
    #[must_use]
    pub fn both_ways<T: Canonical>(
        &self,
        engine: ExecuteSyncBuilder<T, S>,
        policy: ConflictPolicy,
    ) -> ExecuteSyncBuilder<T, S> {
        let engine = engine.local_changes(WritebackPorts::of(Arc::clone(&self.store)), policy);
        match self.loopback::<T>() {
            Some(loopback) => engine.loopback(loopback.known),
            None => engine,
        }
    }

    /// What sends changes of the application's own, beside the engine that reads the same entity.
    ///
    /// # Errors
    /// [`WiringError`] when the engine can't look records up by id.
    pub fn writeback<T: Canonical>(
        &self,
        engine: ExecuteSync<T, S>,
        writer: Arc<dyn RemoteWriter<T>>,
        policy: ConflictPolicy,
    ) -> Result<WriteBack<T, S>, WiringError> {
        let ports = WritebackPorts::of(Arc::clone(&self.store));
        let writeback = WriteBack::new(engine, ports, writer, policy)?;
        Ok(match self.loopback::<T>() {
            Some(loopback) => writeback.recorder(loopback.recorder),
            None => writeback,
        })
    }

    fn loopback<T: Canonical>(&self) -> Option<Loopback<T, S::Tx>> {
        let clock = self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        self.fingerprints.as_ref().map(|kept| kept.of(&*self.store, clock))
    }

    /// Changes rows of an entity so that the CRM hears of it, in a transaction of the caller's.
    #[must_use]
    pub fn editor<T: Canonical>(&self) -> LocalEditor<T, S>
    where
        S: EntityStore<T>,
    {
        let sink = Arc::new(EntityStore::<T>::sink(&*self.store));
        let mut editor = LocalEditor::new(sink, Arc::clone(&self.store) as _);
        if let Some(emitter) = &self.emitter {
            editor = editor.emitter(Arc::clone(emitter));
        }
        if let Some(clock) = &self.clock {
            editor = editor.clock(Arc::clone(clock));
        }
        if let Some(ids) = &self.ids {
            editor = editor.ids(Arc::clone(ids));
        }
        editor
    }
}
