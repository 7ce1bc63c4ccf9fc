//! The pages: plain HTML that works without scripts, styles and pictures.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::connect::{Connected, OAuthProvider};

/// What happens next, with a button.
pub(super) fn ask(provider: &OAuthProvider, connection: &str, return_to: &str) -> Response {
    let label = escaped(&provider.label);
    let content = format!(
        "<p>You will sign in at {label} and be asked to grant access. The account becomes the connection \
         <strong>{}</strong>.</p>\n<form method=\"post\">\n<input type=\"hidden\" name=\"return_to\" value=\"{}\">\n\
         <button type=\"submit\">Continue to {label}</button>\n</form>",
        escaped(connection),
        escaped(return_to)
    );
    // Browsers check the whole way of a form, redirects included.
    let target = provider.authorise_url.origin().ascii_serialization();
    page(StatusCode::OK, &format!("Connect {}", provider.label), &content, &format!("'self' {target}"))
}

/// It worked.
pub(super) fn done(connected: Option<&Connected>) -> Response {
    let mut content = "<p>The account is connected. You may close this page.</p>".to_owned();
    if let Some(connected) = connected {
        if let Some(others) = connected.crowding {
            content.push_str(&format!(
                "\n<p role=\"alert\"><strong>Warning:</strong> the same user granted this app {others} times before. \
                 The provider keeps only the latest grants, so older connections of this user will stop working. Connect \
                 each account once, or let another user grant access.</p>"
            ));
        }
        let back = escaped(&connected.return_to);
        content.push_str(&format!("\n<p><a href=\"{back}\">Back to the application</a></p>"));
    }
    page(StatusCode::OK, "Connected", &content, "'none'")
}

/// It did not.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let content = format!("<p role=\"alert\">{}.</p>", escaped(message));
    page(status, "Not connected", &content, "'none'")
}

/// Off to another address.
pub(super) fn away(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "the next address can't be written");
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    guarded(response, "'none'")
}

fn page(status: StatusCode, title: &str, content: &str, form_action: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    );
    let mut response = (status, html).into_response();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    guarded(response, form_action)
}

fn guarded(mut response: Response, form_action: &str) -> Response {
    let policy =
        format!("default-src 'none'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'");
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Not `no-referrer`: browsers would then no longer say where a form comes from.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Text as it may stand in HTML, in attributes too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
