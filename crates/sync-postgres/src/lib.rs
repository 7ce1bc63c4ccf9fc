//! Every store port on PostgreSQL, and the table sink
