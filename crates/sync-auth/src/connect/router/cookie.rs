//! The cookie that ties a flow to a browser.

use axum::http::{HeaderMap, HeaderValue, header};
use secrecy::SecretString;

/// The prefix binds a cookie to this host and `https` (RFC 6265bis, section 4.1.3.2).
const SECURE: &str = "__Host-hexsync_connect";
const PLAIN: &str = "hexsync_connect";
const LENGTH: usize = 43;

/// The value, if the browser has one of ours.
pub(super) fn read(headers: &HeaderMap, secure: bool) -> Option<SecretString> {
    let name = if secure { SECURE } else { PLAIN };
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let value = lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (value.len() == LENGTH && value.bytes().all(plain)).then(|| value.into())
}

/// The header that gives it to the browser. `Lax`, because the way back begins at the provider's site.
pub(super) fn write(value: &str, secure: bool) -> HeaderValue {
    let (name, only) = if secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    let text = format!("{name}={value}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax{only}");
    // What is read and made here is plain text, so it is always a header's value.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
