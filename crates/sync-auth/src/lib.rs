//! Authorisation strategies and token refresh
