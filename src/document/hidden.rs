//! Hides the parts of a settings file that an error must not show: the values of secret keys, and the text around the
//! wrong part of a line. Pure.

use std::ops::Range;

use crate::document::nearest::nearest;

/// Keys whose values are secrets, or hold them.
const SECRET: [&str; 17] = [
    "password",
    "secret",
    "old_secrets",
    "key",
    "token",
    "access_token",
    "refresh_token",
    "client_secret",
    "client_id",
    "login",
    "headers",
    "authorization",
    "api_key",
    "url",
    "oauth_url",
    "database",
    "body",
];

/// Whether a key, perhaps misspelt, has a secret for its value.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let last = key.rsplit(['.', '_']).next().unwrap_or(key).to_ascii_lowercase();
    let key = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase().replace('-', "_");
    // Too many other words are similar to a short one.
    let near = |word: &str| nearest(word, SECRET).is_some_and(|known| known.len() > 5 || known == word);
    near(&key) || near(&last)
}

/// Returns the key whose value is at a place. The key is on the same line or, if the value is a list of several lines,
/// on an earlier one.
#[must_use]
pub fn key_of(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    for (n, line) in before.rsplit('\n').enumerate() {
        let code = masked(line);
        let code = code.split('#').next().unwrap_or_default();
        if let Some((left, _)) = code.rsplit_once('=') {
            let key = left.trim_end().rsplit([' ', '{', ',', '\t']).next().unwrap_or_default();
            return Some(key.trim_matches(['"', '\'', '•']).to_owned());
        }
        if n > 0 && code.trim_start().starts_with('[') {
            return None;
        }
    }
    None
}

/// Returns a line as people may see it. The bytes `meant` are the wrong part, which is shown unless it is `secret`. In
/// the text before it, quoted parts are hidden. The text after it is left out.
#[must_use]
pub fn shown(line: &str, meant: Range<usize>, secret: bool) -> String {
    let (before, rest) = line.split_at(meant.start.min(line.len()));
    let (inside, after) = rest.split_at(meant.len().min(rest.len()));
    let alone =
        inside.starts_with(['"', '\'']) && !inside[1..].trim_end_matches(['"', '\'']).contains(['"', '\'']);
    let inside = match () {
        () if secret => "•".repeat(inside.chars().count().min(3)),
        () if alone => inside.to_owned(),
        () => masked(inside),
    };
    // Closing brackets and commas hold no secret.
    let closing = |c: char| c.is_whitespace() || "]},=".contains(c);
    let after = if after.chars().all(closing) { after.trim_end() } else { " …" };
    format!("{}{inside}{after}", masked(before))
}

/// The text with `•` for every character between quotes; an open quote goes to the end.
fn masked(text: &str) -> String {
    let mut open: Option<char> = None;
    let hide = |c: char| match open {
        Some(quote) if c == quote => {
            open = None;
            c
        }
        Some(_) => '•',
        None => {
            open = Some(c).filter(|c| matches!(c, '"' | '\''));
            c
        }
    };
    text.chars().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_secret_is_one_and_a_plain_key_is_none() {
        for key in [
            "password",
            "pasword",
            "passwrod",
            "PASSWORD",
            "secret",
            "sekret",
            "api-key",
            "notify.mail.password",
            "X-Api-Key",
            "refresh_tokn",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in
            ["listen", "zone", "forward_timeout", "name", "kind", "events", "strategy", "numbers", "by"]
        {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn the_key_of_a_value_is_found_in_a_list_of_several_lines() {
        let text = "old_secrets = [ # a = b\n \"whsec_a=\",\n 5\n]\n[web]\n[x]\n";
        assert_eq!(key_of(text, text.find('5').unwrap()).as_deref(), Some("old_secrets"));
        assert_eq!(key_of(text, text.find("[x]").unwrap()), None);
        assert_eq!(key_of("a = { password = 5 }", 17).as_deref(), Some("password"));
    }

    #[test]
    fn only_what_is_meant_is_shown() {
        let line = "nodes = [{ password = \"hunter2\", prt = \"x\", b = \"more\" }]";
        let at = line.find("prt").unwrap();
        assert_eq!(shown(line, at..at + 3, false), "nodes = [{ password = \"•••••••\", prt …");
        let line = "listen = \"8087\"";
        assert_eq!(shown(line, 9..15, false), line);
        assert_eq!(shown("password = hunter2", 11..18, true), "password = •••");
    }
}
