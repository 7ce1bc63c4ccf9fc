//! Salesforce: change sources, metadata and record access
