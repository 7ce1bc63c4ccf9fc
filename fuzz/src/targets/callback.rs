//! Where a browser comes back from a provider's page.

use sync_auth::ExposeSecret;
use sync_auth::connect::{CallbackOutcome, parse_callback};

use super::Target;

pub(crate) const TARGET: Target = Target {
    name: "oauth-callback",
    about: "callbacks of OAuth: read, or refused; what is shown of them is short and printable",
    run,
    seeds: &[
        b"code=aPrx%3D%3D&state=xyz&scope=api+id",
        b"error=access_denied&error_description=no%0Athanks&state=s",
        b"state=&code=",
    ],
    words: &[
        b"state=",
        b"&code=",
        b"&error=",
        b"&error_description=",
        b"%00",
        b"%0d%0a",
        b"%",
        b"%e2%80%ae",
        b"+",
        b";",
    ],
};

fn run(input: &[u8]) {
    let Ok(query) = std::str::from_utf8(input) else { return };
    let Ok(callback) = parse_callback(query) else { return };
    assert!(!callback.state.expose_secret().is_empty(), "no state");
    match callback.outcome {
        CallbackOutcome::Code(code) => assert!(!code.expose_secret().is_empty(), "no code"),
        CallbackOutcome::Refused { code, detail } => {
            for text in [Some(code), detail].into_iter().flatten() {
                assert!(!text.chars().any(char::is_control), "{text:?} could forge a line");
                assert!(text.chars().count() <= 1_000, "{} characters to be shown", text.chars().count());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fed;

    #[test]
    fn hostile_callbacks_show_nothing_odd() {
        fed(&super::TARGET);
    }
}
