//! Signatures of webhooks that are sent and received (Standard Webhooks 1.0.0).
//!
//! A signature is `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`. A key is written as `whsec_` and base64 of
//! its bytes, which the libraries of the standard decode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// How long a key is, in bytes (Standard Webhooks 1.0.0, "signature scheme").
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret must be whsec_ and 24 to 64 random bytes in base64: make one with `openssl rand -base64 32`"
)]
pub struct InvalidSecret;

/// The prefix of every key.
const PREFIX: &str = "whsec_";

/// A key.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads a key for signing.
    ///
    /// # Errors
    /// [`InvalidSecret`], without the text.
    pub fn read(secret: &Secret) -> Result<Self, InvalidSecret> {
        Self::decode(secret.expose().strip_prefix(PREFIX).ok_or(InvalidSecret)?)
    }

    /// Reads the key of a sender: `whsec_` and base64, or any other text, whose bytes are the key.
    ///
    /// # Errors
    /// [`InvalidSecret`], without the text, if the text has the prefix and is no key.
    pub fn of_sender(secret: &str) -> Result<Self, InvalidSecret> {
        match secret.strip_prefix(PREFIX) {
            Some(text) => Self::decode(text),
            None => Ok(Self(secret.as_bytes().to_vec())),
        }
    }

    fn decode(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidSecret)?;
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(InvalidSecret) }
    }

    /// Signs a webhook: its id, the second in which it is sent, and its body as sent.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let sum = self.sum(id, &timestamp_s.to_string(), body).map(|sum| sum.finalize().into_bytes());
        sum.map_or_else(String::new, |sum| format!("v1,{}", STANDARD.encode(sum)))
    }

    /// Whether one of the signatures, which blanks separate, is valid. The comparison takes constant time.
    #[must_use]
    pub fn fits(&self, signatures: &str, id: &str, timestamp: &str, body: &[u8]) -> bool {
        let given = signatures.split_whitespace().filter_map(|one| one.strip_prefix("v1,"));
        given
            .filter_map(|one| STANDARD.decode(one).ok())
            .any(|given| self.sum(id, timestamp, body).is_some_and(|sum| sum.verify_slice(&given).is_ok()))
    }

    /// Always present: HMAC takes keys of any length.
    fn sum(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let key = Key::read(&Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused_and_none_is_shown() {
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_***"] {
            assert!(Key::read(&Secret::from(bad)).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Secret::from("whsec_x")), "(secret)");
    }

    /// The example of the official library: secret, id, second, body and signature.
    const OFFICIAL: (&str, &str, i64, &[u8], &str) = (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1_649_367_553,
        br#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    );

    #[test]
    fn the_official_library_and_we_sign_alike() {
        let (secret, id, at, body, signature) = OFFICIAL;
        let official = standardwebhooks::Webhook::new(secret).unwrap();
        for (id, at, body) in
            [(id, at, body), ("m.1", 0, &b""[..]), ("m", 4_102_444_800, "Дозвон".as_bytes())]
        {
            let ours = Key::read(&Secret::from(secret)).unwrap().sign(id, at, body);
            assert_eq!(official.sign(id, at, body).unwrap(), ours);
            assert!(Key::of_sender(secret).unwrap().fits(&ours, id, &at.to_string(), body));
        }
        assert_eq!(Key::read(&Secret::from(secret)).unwrap().sign(id, at, body), signature);
    }

    #[test]
    fn one_of_several_signatures_is_enough_and_each_must_be_whole() {
        let (secret, id, at, body, good) = OFFICIAL;
        let fits =
            |signatures: &str| Key::of_sender(secret).unwrap().fits(signatures, id, &at.to_string(), body);
        let other = "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=";
        assert!(fits(good) && fits(&format!("{other} v1a,AAAA {good}")));
        for bad in ["", "v1,", &good[..8], other, &good[3..], &good.replacen("v1", "v2", 1)] {
            assert!(!fits(bad), "{bad}");
        }
    }

    #[test]
    fn a_senders_secret_without_the_prefix_is_its_own_text() {
        let plain = Key::of_sender("a-secret-of-the-bot").unwrap();
        assert_eq!(plain.0, b"a-secret-of-the-bot");
        assert!(Key::of_sender("whsec_a-secret-of-the-bot").is_err());
    }
}
