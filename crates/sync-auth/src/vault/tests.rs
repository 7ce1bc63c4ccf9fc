use super::*;

const K1: &str = "k1:0101010101010101010101010101010101010101010101010101010101010102";
const K2: &str = "k2:0202020202020202020202020202020202020202020202020202020202020201";

fn vault(text: &str) -> Vault {
    Vault::new(KeyRing::parse(text, None).unwrap())
}

fn secret(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn key(tenant: Option<&str>, connection: &str) -> ConnectionKey {
    ConnectionKey::new(tenant.map(Into::into), connection)
}

/// INV-VLT-1: what was sealed for one place opens there and nowhere else.
#[test]
fn secret_opens_only_where_it_belongs() {
    let vault = vault(K1);
    let home = key(Some("t1"), "main");
    let sealed = vault.seal(&home, Purpose::Tokens, secret("sesame")).unwrap();
    assert_eq!(*vault.open(&home, Purpose::Tokens, &sealed.bytes).unwrap(), b"sesame");
    for elsewhere in [
        key(Some("t2"), "main"),
        key(Some("t1"), "other"),
        key(None, "main"),
        key(Some("t1main"), ""),
        key(Some("t"), "1main"),
        key(Some(""), "t1main"),
    ] {
        let refused = vault.open(&elsewhere, Purpose::Tokens, &sealed.bytes);
        assert_eq!(refused, Err(VaultError::NotAuthentic), "{elsewhere}");
    }
    assert_eq!(vault.open(&home, Purpose::Verifier, &sealed.bytes), Err(VaultError::NotAuthentic));
}

/// INV-VLT-1: no bit can be changed, no byte be missing, without anybody noticing.
#[test]
fn changed_envelope_does_not_open() {
    let vault = vault(K1);
    let sealed = vault.seal(&"acme".into(), Purpose::Tokens, secret("sesame")).unwrap().bytes;
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << bit;
            assert!(vault.open(&"acme".into(), Purpose::Tokens, &changed).is_err(), "byte {at} bit {bit}");
        }
        assert!(vault.open(&"acme".into(), Purpose::Tokens, &sealed[..at]).is_err(), "cut at {at}");
    }
    let longer = [sealed.as_slice(), b"x"].concat();
    assert!(vault.open(&"acme".into(), Purpose::Tokens, &longer).is_err());
}

#[test]
fn equal_secrets_never_look_alike() {
    let vault = vault(K1);
    let seal = || vault.seal(&"acme".into(), Purpose::Tokens, secret("sesame")).unwrap().bytes;
    let (a, b) = (seal(), seal());
    assert_ne!(Envelope::parse(&a).unwrap().nonce, Envelope::parse(&b).unwrap().nonce);
    assert_ne!(Envelope::parse(&a).unwrap().content, Envelope::parse(&b).unwrap().content);
    assert!(!a.windows(6).any(|window| window == b"sesame"));
}

#[test]
fn every_key_of_the_ring_opens_and_the_active_one_seals() {
    let old = vault(K1);
    let sealed = old.seal(&"acme".into(), Purpose::Tokens, secret("sesame")).unwrap();
    let both = vault(&format!("{K2}\n{K1}"));
    assert_eq!(*both.open(&"acme".into(), Purpose::Tokens, &sealed.bytes).unwrap(), b"sesame");
    let anew = both.seal(&"acme".into(), Purpose::Tokens, secret("sesame")).unwrap();
    assert_eq!((sealed.key_id.as_str(), anew.key_id.as_str()), ("k1", "k2"));
    let refused = old.open(&"acme".into(), Purpose::Tokens, &anew.bytes);
    assert_eq!(refused, Err(VaultError::UnknownKey("k2".into())));
    // A key of the same name but other content opens nothing.
    let impostor = vault(&K2.replacen("k2", "k1", 1));
    assert_eq!(impostor.open(&"acme".into(), Purpose::Tokens, &sealed.bytes), Err(VaultError::NotAuthentic));
}

#[test]
fn envelope_names_what_is_wrong_with_it() {
    let parse = |bytes: &[u8]| Envelope::parse(bytes).map(|envelope| envelope.key_id.to_owned());
    assert_eq!(parse(b""), Err(EnvelopeError::Short));
    assert_eq!(parse(&[2, 1, b'k']), Err(EnvelopeError::Version(2)));
    assert_eq!(parse(&[1]), Err(EnvelopeError::Short));
    assert_eq!(parse(&[1, 5, b'k']), Err(EnvelopeError::Short));
    assert_eq!(parse(&[&[1, 1, 0xff][..], &[0; 28]].concat()), Err(EnvelopeError::KeyId));
    assert_eq!(parse(&[&[1, 0][..], &[0; 28]].concat()), Err(EnvelopeError::KeyId));
    assert_eq!(parse(&[&[1, 1, b'k'][..], &[0; 27]].concat()), Err(EnvelopeError::Short));
    assert_eq!(parse(&[&[1, 1, b'k'][..], &[0; 28]].concat()), Ok("k".to_owned()));
}

#[test]
fn keys_are_read_in_either_form() {
    let hex = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    let base64 = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
    let sealed = vault(&format!("k:{hex}")).seal(&"a".into(), Purpose::Tokens, secret("x")).unwrap();
    for form in [base64.to_owned(), base64.trim_end_matches('=').to_owned(), base64.replace('/', "_")] {
        let opened = vault(&format!("k:{form}")).open(&"a".into(), Purpose::Tokens, &sealed.bytes);
        assert_eq!(*opened.unwrap(), b"x", "{form}");
    }
    let text = format!("# ours\n\n b : {hex} # from 2026 on\n{K1},{K2}");
    let ring = KeyRing::parse(&text, None).unwrap();
    assert_eq!((ring.active_id(), ring.ids().collect::<Vec<_>>()), ("b", vec!["b", "k1", "k2"]));
    assert_eq!(KeyRing::parse(&text, Some("k2")).unwrap().active_id(), "k2");
}

#[test]
fn wrong_keys_are_named_and_never_quoted() {
    let error = |text: &str, active| KeyRing::parse(text, active).unwrap_err();
    let hex = &K1[3..];
    assert_eq!(error("", None), KeyError::Empty);
    assert_eq!(error("# only a comment", Some("k1")), KeyError::Empty);
    assert_eq!(error(hex, None), KeyError::Form(1));
    assert_eq!(error(&format!("{K1}\n:{hex}"), None), KeyError::Id(2));
    assert_eq!(error(&format!("a b:{hex}"), None), KeyError::Id(1));
    assert_eq!(error(&format!("{}:{hex}", "x".repeat(65)), None), KeyError::Id(1));
    assert_eq!(error(&format!("{K1}\n{K1}"), None), KeyError::Twice("k1".into()));
    assert_eq!(error(K1, Some("k2")), KeyError::NoActive("k2".into()));
    assert_eq!(error(&format!("k:{}", "0".repeat(64)), None), KeyError::Weak("k".into()));
    for wrong in [&hex[..62], &format!("{hex}00"), &hex.replacen('0', "g", 1), "c2hvcnQ=", ""] {
        let error = error(&format!("k:{wrong}"), None);
        assert_eq!(error, KeyError::Length("k".into()), "{wrong}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong));
    }
}

#[test]
fn new_keys_are_accepted_and_differ() {
    let (a, b) = (new_key().unwrap(), new_key().unwrap());
    assert_ne!(*a, *b);
    assert!(KeyRing::parse(&format!("a:{},b:{}", *a, *b), None).is_ok());
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", vault(&format!("{K1}\n{K2}")));
    assert!(shown.contains("k1") && !shown.contains("0101") && !shown.contains("0202"), "{shown}");
    let sealed = vault(K1).seal(&"a".into(), Purpose::Tokens, secret("sesame")).unwrap();
    assert!(!format!("{sealed:?}").contains("sesame"));
}
