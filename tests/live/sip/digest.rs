//! Digest authentication (RFC 2617 §3.2.2, `qop=auth`) for phones that register.

use super::message::mark;

/// A phone's user and password.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user part of the address.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Login {
    /// The credentials that answer `challenge`, the value of a `Proxy-Authenticate`, for this request.
    pub fn answer(&self, challenge: &str, method: &str, target: &str) -> String {
        let Self { user, password } = self;
        let (realm, nonce, cnonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"), mark());
        let (who, what) = (md5(&format!("{user}:{realm}:{password}")), md5(&format!("{method}:{target}")));
        let response = md5(&format!("{who}:{nonce}:00000001:{cnonce}:auth:{what}"));
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", algorithm=MD5, \
             qop=auth, nc=00000001, cnonce=\"{cnonce}\", response=\"{response}\""
        )
    }
}

/// What stands in quotes after `name=`.
fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let quoted = challenge.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
    quoted.split('"').next().unwrap_or_default()
}

/// By how much each of 16 steps turns, in each of four rounds (RFC 1321 §3.4).
const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The MD5 of a text (RFC 1321), in hexadecimal.
fn md5(text: &str) -> String {
    let mut padded = text.as_bytes().to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((text.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64_usize {
            let (mixed, place) = match step / 16 {
                0 => (b & c | !b & d, step),
                1 => (d & b | !d & c, 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            let sine = ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(words[place % 16]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(TURNS[step / 16][step % 4]));
        }
        for (kept, new) in state.iter_mut().zip([a, b, c, d]) {
            *kept = kept.wrapping_add(new);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}
