use axum::http::HeaderValue;

use super::pages::escaped;
use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn forms_of_other_sites_are_refused() {
    let own = |pairs: &[(&'static str, &str)]| is_own_form(&headers(pairs));
    assert!(own(&[("sec-fetch-site", "same-origin")]));
    assert!(own(&[("origin", "https://app.example.test"), ("host", "app.example.test")]));
    assert!(own(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
    for foreign in ["cross-site", "same-site", "none", ""] {
        let said = [("sec-fetch-site", foreign), ("origin", "https://a.test"), ("host", "a.test")];
        assert!(!own(&said), "{foreign}");
    }
    for origin in ["https://evil.test", "null", "https://app.example.test.evil.test", "app.example.test"] {
        assert!(!own(&[("origin", origin), ("host", "app.example.test")]), "{origin}");
    }
    assert!(!own(&[("host", "app.example.test")]), "a browser says where a form comes from");
}

#[test]
fn cookie_is_read_as_it_was_written_and_nothing_else() {
    let value = "A-_9".repeat(10) + "abc";
    for secure in [true, false] {
        let written = cookie::write(&value, secure);
        let written = written.to_str().unwrap();
        assert!(written.contains("HttpOnly") && written.contains("SameSite=Lax"));
        assert_eq!(written.contains("Secure"), secure);
        let pair = written.split(';').next().unwrap();
        let sent = headers(&[("cookie", &format!("a=b; {pair}; c=d"))]);
        assert_eq!(cookie::read(&sent, secure).unwrap().expose_secret(), value);
        assert!(cookie::read(&sent, !secure).is_none());
    }
    for wrong in ["hexsync_connect=short", "hexsync_connect=", "xhexsync_connect=abc", "hexsync_connect"] {
        assert!(cookie::read(&headers(&[("cookie", wrong)]), false).is_none(), "{wrong}");
    }
    let odd = format!("hexsync_connect={}", "<".repeat(43));
    assert!(cookie::read(&headers(&[("cookie", &odd)]), false).is_none());
}

#[test]
fn nothing_in_a_page_can_become_markup() {
    assert_eq!(
        escaped(r#"<a href="x" onclick='y'>&"#),
        "&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;"
    );
}
