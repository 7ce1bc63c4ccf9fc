//! Every store port on SQLite, and the table sink
