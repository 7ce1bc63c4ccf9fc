//! Every store port in memory, the reference adapter
