//! The derive macro for canonical records
