//! The beginning of what the other side said, for people (pure).

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
}
