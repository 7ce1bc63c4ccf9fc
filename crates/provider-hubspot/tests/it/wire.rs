//! Bytes: what is sent, and what odd answers lead to.
