//! Cleaning text that peers send (pure).

use std::fmt;

/// Longest name or number of a caller that we keep, in characters.
pub(super) const FIELD_CHARS: usize = 64;

/// Whether a character could break a line, be invisible, or reverse the text beside it.
fn is_hazard(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// The first `max` characters on one line, without hazardous ones.
pub(super) fn printable(text: &str, max: usize) -> String {
    let blank = |c: char| c.is_whitespace() || is_hazard(c);
    let shown = text.trim_matches(blank).chars().take(max);
    let clean: String = shown.map(|c| if is_hazard(c) { ' ' } else { c }).collect();
    clean.trim_end().to_owned()
}

/// A person's name: letters, digits and ` . - _`; everything else becomes a space, runs of spaces one.
/// At most 64 characters. (The allow-list of docs/architecture/freeswitch.md, "What callers can inject".)
pub(super) fn name(text: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { ' ' };
    let clean: String = text.chars().take(4 * FIELD_CHARS).map(kept).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    words.join(" ").chars().take(FIELD_CHARS).collect::<String>().trim_end().to_owned()
}

/// A number as FreeSWITCH may dial or show it: `+`, digits, `*`, `#`; at most 32. None if anything else is in it.
pub(super) fn number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = (1..=32).contains(&digits.len());
    (fits && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')).then_some(text)
}

/// A word of FreeSWITCH such as a hangup cause: capitals, digits, `_`; at most 48. `UNKNOWN` if it is not one.
pub(super) fn word(text: &str) -> String {
    let fits = (1..=48).contains(&text.len());
    let is_word = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if fits && is_word { text.to_owned() } else { "UNKNOWN".to_owned() }
}

/// Decodes `%41` and the like. At most `max` bytes are read; bytes that are not UTF-8 become U+FFFD.
pub(super) fn percent_decoded(text: &str, max: usize) -> String {
    let mut bytes = Vec::with_capacity(text.len().min(max));
    let mut rest = text.as_bytes().iter().copied().take(max);
    while let Some(byte) = rest.next() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Shows a peer's text in a log line or an error: one line, at most 120 characters, without hazardous ones.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&printable(self.0, 120))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_keep_their_letters_and_lose_the_rest() {
        assert_eq!(name("Иван Петров"), "Иван Петров");
        assert_eq!(name("O'Brien, \"Bob\" ${expr(40+2)}\r\n\0x"), "O Brien Bob expr 40 2 x");
        assert_eq!(name(&"я".repeat(5000)).chars().count(), 64);
        assert_eq!(name("\u{202e}abc\u{200b}d"), "abc d");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(printable(" a\nb\u{7}\u{202e}c ", 64), "a b  c");
        assert_eq!(printable(&"x".repeat(4096), 64).len(), 64);
    }

    #[test]
    fn percent_codes_are_read_as_far_as_they_go() {
        assert_eq!(percent_decoded("%D0%98%D0%B2%D0%B0%D0%BD", 1024), "Иван");
        assert_eq!(percent_decoded("100%", 1024), "100%");
        assert_eq!(percent_decoded("%zz%4", 1024), "%zz%4");
        assert_eq!(percent_decoded("%FF%FEok", 1024), "\u{fffd}\u{fffd}ok");
        assert_eq!(percent_decoded("abcdef", 3), "abc");
    }

    #[test]
    fn causes_are_words() {
        assert_eq!(word("USER_BUSY"), "USER_BUSY");
        assert_eq!(word("user busy\n"), "UNKNOWN");
        assert_eq!(word(""), "UNKNOWN");
    }

    proptest! {
        #[test]
        fn no_text_survives_that_could_do_harm(text in any::<String>()) {
            let clean = name(&text);
            prop_assert!(clean.chars().count() <= FIELD_CHARS);
            prop_assert!(clean.chars().all(|c| c.is_alphanumeric() || " .-_".contains(c)));
            let line = printable(&text, 64);
            prop_assert!(line.chars().count() <= 64 && !line.chars().any(is_hazard));
            prop_assert!(percent_decoded(&text, 100).len() <= 300);
        }
    }
}
