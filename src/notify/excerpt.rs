//! Shortens answers of other systems for people, and removes secrets from them (pure).

use percent_encoding::percent_decode_str;

/// Marks the end of a text that was cut.
pub(super) const CUT: char = '…';

/// Returns at most 300 characters on one line, without control characters; it ends with [`CUT`] if the text was
/// longer.
pub(super) fn excerpt(said: impl AsRef<[u8]>) -> String {
    let said = said.as_ref();
    let start = said.get(..1200).unwrap_or(said);
    let text = String::from_utf8_lossy(start);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 300 && start.len() == said.len() {
        return line;
    }
    line.chars().take(299).chain([CUT]).collect()
}

/// Shorter secrets are not removed: they would match ordinary words.
const SHORTEST: usize = 6;

/// Removes the secrets from a text, also the beginning of one before [`CUT`].
#[must_use]
pub(super) fn scrub<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let long = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST);
    long.fold(text.to_owned(), |text, secret| {
        let whole = text.replace(secret, "***");
        let mut pieces: Vec<&str> = whole.split(CUT).collect();
        let last = pieces.pop();
        let cleaned = pieces.into_iter().map(|piece| {
            let begins = secret.char_indices().rev().map(|(at, _)| &secret[..at]);
            let begun =
                begins.take_while(|begin| !begin.is_empty()).find_map(|begin| piece.strip_suffix(begin));
            begun.map_or_else(|| format!("{piece}{CUT}"), |rest| format!("{rest}***{CUT}"))
        });
        cleaned.chain(last.map(str::to_owned)).collect()
    })
}

/// Returns the parts of an address or a body that may be tokens: at least 12 characters with letters and digits,
/// outside of templates. People write tokens there instead of into a setting of their own.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let delimiter = |c: char| c.is_whitespace() || "/?&=\"':,;{}[]()@".contains(c);
    let token = |part: &&str| {
        let has = |kind: fn(&u8) -> bool| part.bytes().any(|byte| kind(&byte));
        part.len() >= 12 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    };
    text.split(delimiter).filter(token).map(str::to_owned).collect()
}

/// Returns the secrets of an address: user, password, values of the query, and [`tokens`]; each as it is written
/// there, and percent-decoded.
pub(super) fn secrets_of(url: &str) -> Vec<String> {
    let account = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('=').map(|(_, value)| value));
    let account = account.into_iter().flat_map(|(account, _)| account.split(':'));
    let plain = account.chain(values).filter(|value| !value.contains("{{")).map(str::to_owned);
    plain.chain(tokens(url)).flat_map(|secret| [read(&secret), secret]).fold(Vec::new(), |mut all, secret| {
        if !all.contains(&secret) {
            all.push(secret);
        }
        all
    })
}

/// Decodes a percent-encoded part of an address.
fn read(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_on_one_line() {
        let shown = excerpt(format!("<html>\r\n\u{1b}[31m{}", "x".repeat(5000)));
        assert!(shown.chars().count() == 300 && !shown.chars().any(char::is_control), "{shown}");
        assert!(shown.starts_with("<html> [31mx") && shown.ends_with(CUT), "{shown}");
        assert_eq!(excerpt("no\r\nroom "), "no room");
    }

    #[test]
    fn an_address_holds_secrets_in_its_account_its_query_and_its_path() {
        let found = secrets_of(
            "https://user:pa55word@sms.example.com/hooks/T0123ABCD4567/send.php?apikey=qwerty&to={{ to }}",
        );
        assert_eq!(found, ["user", "pa55word", "qwerty", "T0123ABCD4567"]);
        assert_eq!(secrets_of("https://sms.example.com/send.php"), [""; 0]);
        let found = secrets_of("https://u%40x:S3cr3t%21pw@h.example/?key=S3cr3t%2Bkey");
        for secret in ["u@x", "S3cr3t!pw", "S3cr3t%21pw", "S3cr3t+key", "S3cr3t%2Bkey"] {
            assert!(found.iter().any(|one| one == secret), "{secret}: {found:?}");
        }
        assert_eq!(tokens("{\"token\": \"abcdef-123456\", \"to\": \"{{ to }}\"}"), ["abcdef-123456"]);
    }

    #[test]
    fn a_secret_is_blotted_out() {
        assert_eq!(scrub("at /rest/1/abcdef123/x", ["abcdef123"]), "at /rest/1/***/x");
        assert_eq!(scrub("no word is no secret", ["no"]), "no word is no secret");
    }
}
