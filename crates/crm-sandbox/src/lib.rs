//! Simulated CRMs with fault injection, written from the providers' documents
