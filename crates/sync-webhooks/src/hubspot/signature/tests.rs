//! Vectors are not made by this code: v3 by
//! `printf 'POSThttps://hooks.example.test/hubspot[]1767348246000' | openssl dgst -sha256 -hmac shh-secret -binary | base64`,
//! v2 by `printf 'shh-secretPOSThttps://hooks.example.test/hubspot[]' | sha256sum`, v1 by `printf 'shh-secret[]' | sha256sum`;
//! two of version 2 are those of HubSpot's documents and of its own client library.

use super::*;

const SECRET: &[&str] = &["shh-secret"];
const V1: &str = "6ac086696b26655d59bc9f931ddbe6a1602653a1a6c5dc78f42550769cfea420";
const V2: &str = "d5030c1f32870fcca806528a1cb29a4832487be6bbfa6ea5b195e7a9c1aa7a48";
const V3: &str = "bgzp+Z12oOi/sYokQ5B2yh549NQ5KRzbcivSu/9aT0A=";
const DECODED_URI: &str = "3fuGSDqLbs1flnV/nY7vOtKYFejB03uJtR9ldiechto=";
const RAW_URI: &str = "tz41+c5TdJgfQQ7apW4oZyTCTDMCUFn36bbG4kkMwD8=";
const AT: i64 = 1_767_348_246_000;

const CALL: SignedRequest<'_> = SignedRequest {
    method: "POST",
    uri: "https://hooks.example.test/hubspot",
    body: b"[]",
    signature_v3: Some(V3),
    timestamp: Some("1767348246000"),
    signature: None,
    version: None,
};

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn v3(call: &SignedRequest<'_>) -> Result<Version, Refused> {
    verify(SECRET, call, at(AT), false)
}

#[test]
fn vector_of_version_3_fits() {
    assert_eq!(v3(&CALL), Ok(Version::V3));
}

#[test]
fn vectors_of_older_versions_fit_where_they_are_accepted() {
    let older = SignedRequest { signature_v3: None, timestamp: None, ..CALL };
    let v1 = SignedRequest { signature: Some(V1), version: Some("v1"), ..older };
    let v2 = SignedRequest { signature: Some(V2), version: Some("v2"), ..older };
    assert_eq!(verify(SECRET, &v1, at(AT), true), Ok(Version::V1));
    assert_eq!(verify(SECRET, &v2, at(AT), true), Ok(Version::V2));
    for call in [v1, v2] {
        assert_eq!(verify(SECRET, &call, at(AT), false), Err(Refused::Unsigned));
    }
}

#[test]
fn published_vectors_of_version_2_fit() {
    let secret = &["yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"];
    let call = SignedRequest {
        method: "GET",
        uri: "https://www.example.com/webhook_uri",
        signature: Some("eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
        version: Some("v2"),
        ..SignedRequest::default()
    };
    assert_eq!(verify(secret, &call, at(AT), true), Ok(Version::V2));
    let with_body = SignedRequest {
        method: "POST",
        body: br#"{"example_field":"example_value"}"#,
        signature: Some("9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"),
        ..call
    };
    assert_eq!(verify(secret, &with_body, at(AT), true), Ok(Version::V2));
}

#[test]
fn anything_that_is_signed_counts() {
    let changed = [
        SignedRequest { method: "PUT", ..CALL },
        SignedRequest { uri: "https://hooks.example.test/hubspot?", ..CALL },
        SignedRequest { uri: "http://hooks.example.test/hubspot", ..CALL },
        SignedRequest { body: b"[ ]", ..CALL },
        SignedRequest { body: b"", ..CALL },
        SignedRequest { timestamp: Some("1767348246001"), ..CALL },
        SignedRequest { timestamp: Some("01767348246000"), ..CALL },
        SignedRequest { signature_v3: Some("bgzp+Z12oOi/sYokQ5B2yh549NQ5KRzbcivSu/9aT0E="), ..CALL },
        SignedRequest { signature_v3: Some(""), ..CALL },
        SignedRequest { signature_v3: Some("not base64"), ..CALL },
    ];
    for call in changed {
        assert_eq!(v3(&call), Err(Refused::Mismatch), "{call:?}");
    }
    assert_eq!(verify(&["other-secret"], &CALL, at(AT), true), Err(Refused::Mismatch));
    assert_eq!(verify(&[] as &[&str], &CALL, at(AT), true), Err(Refused::Mismatch));
    assert_eq!(verify(&["other-secret", "shh-secret"], &CALL, at(AT), true), Ok(Version::V3));
}

#[test]
fn every_bit_of_the_body_counts() {
    let body = *CALL.body.first_chunk::<2>().unwrap();
    for bit in 0..16 {
        let mut body = body;
        body[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(v3(&SignedRequest { body: &body, ..CALL }), Err(Refused::Mismatch), "bit {bit}");
    }
}

#[test]
fn window_is_five_minutes_on_both_sides() {
    for (now, expected) in [
        (AT + MAX_AGE_MS, Ok(Version::V3)),
        (AT - MAX_AGE_MS, Ok(Version::V3)),
        (AT + MAX_AGE_MS + 1, Err(Refused::OutOfTime)),
        (AT - MAX_AGE_MS - 1, Err(Refused::OutOfTime)),
    ] {
        assert_eq!(verify(SECRET, &CALL, at(now), true), expected, "{}", now - AT);
    }
    for odd in [
        None,
        Some(""),
        Some("-1767348246000"),
        Some("+1767348246000"),
        Some("soon"),
        Some("9".repeat(30).as_str()),
    ] {
        assert_eq!(v3(&SignedRequest { timestamp: odd, ..CALL }), Err(Refused::BadTimestamp), "{odd:?}");
    }
    let far = i64::MAX.to_string();
    assert_eq!(v3(&SignedRequest { timestamp: Some(&far), ..CALL }), Err(Refused::OutOfTime));
}

#[test]
fn versions_are_not_taken_for_each_other() {
    let check = |signature, version, signature_v3| {
        let call = SignedRequest { signature, version, signature_v3, ..CALL };
        verify(SECRET, &call, at(AT), true)
    };
    // An older signature does not save a wrong newer one, whatever it says.
    assert_eq!(check(Some(V1), Some("v1"), Some("AAAA")), Err(Refused::Mismatch));
    assert_eq!(check(Some(V2), Some("v2"), Some("")), Err(Refused::Mismatch));
    // One version's signature is none of another.
    assert_eq!(check(Some(V1), Some("v2"), None), Err(Refused::Mismatch));
    assert_eq!(check(Some(V2), Some("v1"), None), Err(Refused::Mismatch));
    assert_eq!(check(Some(V3), Some("v1"), None), Err(Refused::Mismatch));
    assert_eq!(check(None, None, Some(V2)), Err(Refused::Mismatch));
    // One that nobody has heard of, or none, is not the first.
    for version in [None, Some("v3"), Some("v0"), Some("V1"), Some("")] {
        assert_eq!(check(Some(V1), version, None), Err(Refused::Unsigned), "{version:?}");
    }
    assert_eq!(check(None, Some("v1"), None), Err(Refused::Unsigned));
}

#[test]
fn named_escapes_are_taken_back_and_no_others() {
    let encoded = "https://h.test/a%3Ab%2fc%3Fd%40e%21f%24g%27h%28i%29j%2Ak%2Cl%3Bm?q=%20%3D%25%2";
    assert_eq!(decoded(encoded), "https://h.test/a:b/c?d@e!f$g'h(i)j*k,l;m?q=%20%3D%25%2");
    assert_eq!(decoded("%"), "%");
    assert_eq!(decoded("%3"), "%3");
    assert_eq!(decoded("%é3A"), "%é3A");
}

/// `printf 'POSThttps://hooks.example.test/hubspot?to=a:b[]1767348246000' | openssl dgst -sha256 -hmac shh-secret -binary | base64`,
/// and the same with `a%3Ab`.
#[test]
fn address_fits_decoded_and_as_it_was_called() {
    let call = SignedRequest { uri: "https://hooks.example.test/hubspot?to=a%3Ab", ..CALL };
    for signature in [DECODED_URI, RAW_URI] {
        assert_eq!(
            v3(&SignedRequest { signature_v3: Some(signature), ..call }),
            Ok(Version::V3),
            "{signature}"
        );
    }
}
