//! Identifies senders: tokens, signatures, and the stamp of a form. Pure.
//!
//! A signature is that of Standard Webhooks: `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`, see
//! [`signature`](crate::signature). A form's stamp holds the time and the form, authenticated with a secret of this
//! process: it proves that the form was fetched before it was sent.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::UnixMs;
use crate::config::requests::Source;
use crate::signature::Key;

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac)
}

/// Compares two texts in constant time.
fn same(a: &str, b: &str) -> bool {
    let sum = |text: &str| mac(b"compare", &[text.as_bytes()]);
    match (sum(a), sum(b)) {
        (Some(a), Some(b)) => a.verify_slice(&b.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

/// Finds the source of a bearer token.
#[must_use]
pub fn of_token<'s>(sources: &'s [Source], authorization: &str) -> Option<&'s Source> {
    let (scheme, token) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    sources.iter().find(|source| !source.token.is_empty() && same(&source.token, token.trim()))
}

/// A signed request.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or several, separated by blanks.
    pub signature: &'a str,
    /// The body, unchanged.
    pub body: &'a [u8],
}

/// Finds the source of a signature.
///
/// # Errors
/// What is wrong, and the remedy.
pub fn of_signature<'s>(
    sources: &'s [Source],
    signed: &Signed<'_>,
    now: UnixMs,
    age: Duration,
) -> Result<&'s Source, (&'static str, &'static str)> {
    let seconds: i64 = signed
        .timestamp
        .parse()
        .map_err(|_| ("the webhook-timestamp is not a number", "send seconds since 1970"))?;
    let at = UnixMs(seconds.saturating_mul(1000));
    if at < now - age || at > now + age {
        return Err((
            "the signature is too old, or its clock is ahead",
            "sign the request again, and correct the clock",
        ));
    }
    let Signed { id, timestamp, signature, body } = signed;
    let fits = |source: &&Source| {
        let key =
            Some(&source.secret).filter(|secret| !secret.is_empty()).map(|secret| Key::of_sender(secret));
        key.is_some_and(|key| key.is_ok_and(|key| key.fits(signature, id, timestamp, body)))
    };
    sources.iter().find(fits).ok_or((
        "the signature matches the secret of no source",
        "sign `id.timestamp.body` with the secret of the source, by HMAC-SHA256",
    ))
}

/// Makes the stamp of a form; `nonce` makes it unique.
#[must_use]
pub fn stamp(secret: &[u8], form: &str, nonce: &str, now: UnixMs) -> String {
    let at = now.0.to_string();
    let sum = mac(secret, &[form.as_bytes(), b".", nonce.as_bytes(), b".", at.as_bytes()]);
    let sum = sum.map_or_else(String::new, |mac| crate::audit::hex(&mac.finalize().into_bytes()));
    format!("{at}.{nonce}.{sum}")
}

/// When the form with this stamp was made; none if the stamp is forged, or of another form.
#[must_use]
pub fn stamped(secret: &[u8], form: &str, text: &str) -> Option<UnixMs> {
    let (at, rest) = text.split_once('.')?;
    let (nonce, _) = rest.split_once('.')?;
    let at = UnixMs(at.parse().ok()?);
    same(&stamp(secret, form, nonce, at), text).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        let source = |name: &str, token: &str, secret: &str| Source {
            name: name.to_owned(),
            token: token.to_owned(),
            secret: secret.to_owned(),
            bot: name == "bot",
            queue: None,
        };
        vec![source("site", "a-token-of-the-site", ""), source("bot", "", "a-secret-of-the-bot")]
    }

    #[test]
    fn a_token_is_known_and_an_empty_one_is_nobodys() {
        let sources = sources();
        let name = |header: &str| of_token(&sources, header).map(|source| source.name.as_str());
        assert_eq!(name("Bearer a-token-of-the-site"), Some("site"));
        for bad in ["Bearer ", "Bearer", "Basic a-token-of-the-site", "Bearer a-token-of-the-sitE"] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_signature_is_of_this_body_this_id_and_this_time() {
        let sources = sources();
        let now = UnixMs(1_795_424_400_000);
        let good = Key::of_sender("a-secret-of-the-bot").unwrap().sign("m1", 1_795_424_400, b"{}");
        let check = |id, timestamp, signature: &str, body: &[u8], now| {
            let signed = Signed { id, timestamp, signature, body };
            of_signature(&sources, &signed, now, Duration::from_mins(5)).map(|source| source.name.as_str())
        };
        assert_eq!(check("m1", "1795424400", &good, b"{}", now), Ok("bot"));
        assert_eq!(check("m1", "1795424400", &format!("v1,AAAA {good}"), b"{}", now), Ok("bot"));
        assert!(check("m2", "1795424400", &good, b"{}", now).is_err());
        assert!(check("m1", "1795424401", &good, b"{}", now).is_err());
        assert!(check("m1", "1795424400", &good, b"{ }", now).is_err());
        assert!(check("m1", "x", &good, b"{}", now).is_err());
        for wrong in [now + Duration::from_mins(6), now - Duration::from_mins(6)] {
            assert!(check("m1", "1795424400", &good, b"{}", wrong).unwrap_err().0.contains("too old"));
        }
    }

    #[test]
    fn a_stamp_is_of_its_form_and_cannot_be_made_up() {
        let at = UnixMs(5);
        let text = stamp(b"secret", "callback", "n", at);
        assert_eq!(stamped(b"secret", "callback", &text), Some(at));
        assert_eq!(stamped(b"secret", "other", &text), None);
        assert_eq!(stamped(b"another", "callback", &text), None);
        for bad in ["", "5", "5.n", "5.n.00", &text.replacen('5', "1", 1)] {
            assert_eq!(stamped(b"secret", "callback", bad), None, "{bad}");
        }
    }
}
