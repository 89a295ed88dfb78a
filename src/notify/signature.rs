//! Signatures of webhooks, as Standard Webhooks 1.0.0 says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::settings::Secret;

/// How long a key is, in bytes (Standard Webhooks 1.0.0, "signature scheme").
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret must be whsec_ and 24 to 64 random bytes in base64: make one with `openssl rand -base64 32`"
)]
pub struct BadSecret;

/// What webhooks are signed with.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// [`BadSecret`], without the text.
    pub fn read(secret: &Secret) -> Result<Self, BadSecret> {
        let text = secret.reveal().strip_prefix("whsec_").ok_or(BadSecret)?;
        let bytes = STANDARD.decode(text).map_err(|_| BadSecret)?;
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(BadSecret) }
    }

    /// The signature of a webhook: of its id, the second in which it is sent, and its body as it is on the wire.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        // Any length is a key for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
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
        assert_eq!(format!("{:?}", Secret::from("whsec_x")), "secret");
    }
}
