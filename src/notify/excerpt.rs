//! The beginning of what the other side said, for people, without our secrets (pure).

/// Stands where a text was cut off.
pub(super) const CUT: char = '…';

/// At most 300 characters on one line, with nothing that a terminal would obey; it ends with [`CUT`] if there was more.
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

/// Shorter texts are not looked for: they would blot out words that are no secrets.
const SHORTEST: usize = 6;

/// A text without any of the secrets, nor the beginning of one where [`CUT`] says that it goes on.
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
    fn a_secret_is_blotted_out() {
        assert_eq!(scrub("at /rest/1/abcdef123/x", ["abcdef123"]), "at /rest/1/***/x");
        assert_eq!(scrub("no word is no secret", ["no"]), "no word is no secret");
    }
}
