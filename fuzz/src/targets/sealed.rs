//! Sealed secrets, as they lie in the database.

use sync_auth::Envelope;

use super::Target;

pub(crate) const TARGET: Target = Target {
    name: "sealed-secret",
    about: "sealed bytes from the database: taken apart within their bounds, or refused",
    run,
    seeds: &[b"\x01\x02k1NNNNNNNNNNNNccccccccccccccccc", b"\x01\xffk", b"\x02"],
    words: &[b"\x01", b"\x00", b"\xff", b"k1", b"\xc3\x28"],
};

fn run(input: &[u8]) {
    let Ok(envelope) = Envelope::parse(input) else { return };
    let whole = 2 + envelope.key_id.len() + envelope.nonce.len() + envelope.content.len();
    assert_eq!(whole, input.len(), "a byte belongs to no part");
    assert!(!envelope.key_id.is_empty() && envelope.content.len() >= 16, "a part is missing");
}

#[cfg(test)]
mod tests {
    use super::super::fed;

    #[test]
    fn hostile_bytes_are_taken_apart_or_refused() {
        fed(&super::TARGET);
    }
}
