//! An event of FreeSWITCH: its text as received. Only what is asked for is decoded.

use std::borrow::Cow;

use super::text;

/// Longest header value that is looked at, in bytes. The longest one that is used is a command that rings a phone.
const VALUE_BYTES: usize = 8192;

/// An event: its header lines, and what follows them.
#[derive(Debug)]
pub(super) struct Event(String);

impl Event {
    /// The event whose text is this. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn read(text: &[u8]) -> Self {
        Self(String::from_utf8_lossy(text).into_owned())
    }

    /// The value of a header, decoded.
    pub(super) fn get(&self, header: &str) -> Option<Cow<'_, str>> {
        value(&self.0, header).map(decoded)
    }

    /// The values of several headers, decoded. The text is read once, and only as far as needed.
    pub(super) fn all<const N: usize>(&self, headers: [&str; N]) -> [Option<Cow<'_, str>>; N] {
        let mut values = [const { None }; N];
        let mut missing = N;
        for (name, value) in header_lines(&self.0).filter_map(|line| line.split_once(':')) {
            let wanted = headers.iter().position(|header| *header == name);
            let Some(place) = wanted.and_then(|at| values.get_mut(at)).filter(|place| place.is_none()) else {
                continue;
            };
            *place = Some(decoded(value.trim_start()));
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
        values
    }

    /// Its kind, such as `CHANNEL_BRIDGE`.
    pub(super) fn kind(&self) -> &str {
        value(&self.0, "Event-Name").unwrap_or_default()
    }

    /// What follows the headers, such as a job's result.
    pub(super) fn body(&self) -> &str {
        self.0.split_once("\n\n").map_or("", |(_, body)| body)
    }

    /// Makes an event out of its headers, for tests.
    #[cfg(test)]
    pub(super) fn new(headers: &[(&str, &str)], body: Option<&str>) -> Self {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        Self(format!("{lines}\n{}", body.unwrap_or_default()))
    }
}

/// The value of a header in a block of lines, as received.
pub(super) fn value<'a>(block: &'a str, header: &str) -> Option<&'a str> {
    header_lines(block).find_map(|line| line.strip_prefix(header)?.strip_prefix(':').map(str::trim_start))
}

/// The lines before the first empty one.
fn header_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| !line.is_empty())
}

fn decoded(value: &str) -> Cow<'_, str> {
    if value.len() <= VALUE_BYTES && !value.contains('%') {
        return Cow::Borrowed(value);
    }
    Cow::Owned(text::percent_decoded(value, VALUE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_and_a_body_holds_none() {
        let event = Event::read(b"Event-Name: X\nA: %D0%B0\nB:\nA: 2\nContent-Length: 5\n\nC: 1\n\xff");
        assert_eq!((event.kind(), event.get("A").as_deref(), event.get("C")), ("X", Some("\u{430}"), None));
        let [b, c, a, kind] = event.all(["B", "C", "A", "Event-Name"]);
        assert_eq!(
            (b.as_deref(), c, a.as_deref(), kind.as_deref()),
            (Some(""), None, Some("\u{430}"), Some("X"))
        );
        assert_eq!(event.body(), "C: 1\n\u{fffd}");
        assert_eq!(Event::read(b"Event-Name: X\n").body(), "");
        let long = Event::new(&[("A", &"x".repeat(VALUE_BYTES + 1))], None);
        assert_eq!(long.get("A").map(|value| value.len()), Some(VALUE_BYTES));
    }
}
