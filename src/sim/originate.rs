//! `originate` and its dial string: pure.
//!
//! In: the text of the command's arguments. Out: one leg to dial, or FreeSWITCH's usage error. Arguments are split as
//! FreeSWITCH does: the line at blanks, which strips quotes and undoes escapes; then `{…}` at commas (switch_utils.c,
//! `switch_separate_string`; switch_event.c, `switch_event_create_brackets`).

use uuid::Uuid;

use super::ids::{Conn, Key};

/// Who gets the result of an originate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asker {
    /// A background job.
    Job { uuid: String, owner: Option<Uuid>, command: String, arguments: String },
    /// A connection that waits for the answer.
    Api(Conn),
    /// The application `bridge` of a channel.
    Bridge(Key, u64),
}

/// What an answered leg does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// Runs an application.
    App(String, String),
    /// Goes to an extension.
    Extension(String),
    /// Is connected with the channel whose `bridge` dialled it.
    Talk,
}

/// One leg to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Originate {
    pub asker: Asker,
    pub dial: Dial,
    pub then: Then,
}

/// A parsed dial string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Dial {
    pub variables: Vec<(String, String)>,
    /// The endpoint, such as `user/1001` or `sofia/gateway/trunk/+7900`.
    pub endpoint: String,
    /// Whether the dial string has more than one destination.
    pub forked: bool,
    /// The seventh argument.
    pub timeout_s: Option<u64>,
}

impl Dial {
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The contact as in agents' rules.
    pub fn contact(&self) -> String {
        match self.endpoint.strip_prefix("sofia/gateway/") {
            Some(rest) => format!("gateway/{rest}"),
            None => self.endpoint.clone(),
        }
    }
}

/// FreeSWITCH answers such arguments with its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage;

/// Parses the arguments of `originate`.
pub(super) fn parse(arguments: &str) -> Result<(Dial, Then), Usage> {
    let words = split_blanks(arguments, 10);
    if !(2..=7).contains(&words.len()) {
        return Err(Usage);
    }
    let mut dial = parse_dial(&words[0]);
    dial.timeout_s = words.get(6).and_then(|text| text.parse().ok());
    let then = match words[1].strip_prefix('&') {
        Some(app) if !app.is_empty() => {
            let app = app.split(')').next().unwrap_or_default();
            let (name, argument) = app.split_once('(').unwrap_or((app, ""));
            Then::App(name.to_owned(), argument.to_owned())
        }
        _ => Then::Extension(words[1].clone()),
    };
    Ok((dial, then))
}

/// Parses a dial string.
pub(super) fn parse_dial(text: &str) -> Dial {
    let mut dial = Dial::default();
    let mut rest = text.trim_start();
    while let Some((block, after)) = brackets(rest) {
        let (block, delimiter) = match block.strip_prefix("^^").and_then(|b| Some((b, b.chars().next()?))) {
            Some((block, delimiter)) => (&block[delimiter.len_utf8()..], delimiter),
            None => (block, ','),
        };
        for pair in split_at(block, delimiter) {
            if let [name, value] = split_at_most(&pair, '=', 2).as_slice() {
                dial.variables.push((name.clone(), value.clone()));
            }
        }
        rest = after;
    }
    let ends = [",", "|", ":_:"].iter().filter_map(|end| rest.find(end)).min();
    dial.forked = ends.is_some();
    dial.endpoint = rest[..ends.unwrap_or(rest.len())].to_owned();
    dial
}

/// The inside of `{…}`, `[…]` or `<…>` at the start, and the rest.
fn brackets(text: &str) -> Option<(&str, &str)> {
    let open = text.chars().next()?;
    let close = match open {
        '{' => '}',
        '[' => ']',
        '<' => '>',
        _ => return None,
    };
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some((&text[1..at], &text[at + 1..]));
            }
        }
    }
    None
}

/// Splits at blanks as FreeSWITCH does: not inside quotes, runs of blanks count as one, at most `most` parts.
pub(super) fn split_blanks(text: &str, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(' ');
    while !rest.is_empty() {
        let end = if parts.len() + 1 < most { unquoted(rest, ' ') } else { None };
        let (part, after) = end.map_or((rest, ""), |at| (&rest[..at], rest[at..].trim_start_matches(' ')));
        parts.push(clean(part, None));
        rest = after;
    }
    parts
}

fn split_at(text: &str, delimiter: char) -> Vec<String> {
    split_at_most(text, delimiter, usize::MAX)
}

fn split_at_most(text: &str, delimiter: char, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = if parts.len() + 1 < most { unquoted(rest, delimiter) } else { None } {
        parts.push(clean(&rest[..at], Some(delimiter)));
        rest = &rest[at + delimiter.len_utf8()..];
    }
    if !rest.is_empty() || !parts.is_empty() {
        parts.push(clean(rest, Some(delimiter)));
    }
    parts
}

/// The first position of the delimiter outside quotes and not after a backslash. An unclosed quote counts as a quote
/// only if the delimiter is a blank.
fn unquoted(text: &str, delimiter: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '\'' if delimiter == ' ' || quoted || text[at + 1..].contains('\'') => quoted = !quoted,
            _ if c == delimiter && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Undoes escapes, removes quotes, trims blanks (`cleanup_separated_string`).
fn clean(text: &str, delimiter: Option<char>) -> String {
    let text = text.trim_start_matches(' ');
    let mut out = String::with_capacity(text.len());
    let (mut kept, mut quoted) = (None, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if let Some(plain) =
            (c == '\\').then(|| chars.peek().and_then(|(_, next)| unescape(*next, delimiter))).flatten()
        {
            chars.next();
            out.push(plain);
            kept = Some(out.len());
        } else if c == '\'' && (quoted || text[at + 1..].contains('\'')) {
            quoted = !quoted;
            if quoted {
                kept = Some(out.len());
            }
        } else {
            out.push(c);
            if c != ' ' || quoted {
                kept = Some(out.len());
            }
        }
    }
    out.truncate(kept.unwrap_or(out.len()));
    out
}

fn unescape(c: char, delimiter: Option<char>) -> Option<char> {
    match c {
        '\'' | '"' | '\\' => Some(c),
        _ if Some(c) == delimiter => Some(c),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        's' => Some(' '),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_form_is_taken_apart() {
        let line = "{origination_uuid=413748d3-092b-4bc3-834a-03343ec14f5e,originate_timeout=20,\
                    ignore_early_media=true,origination_caller_id_name=Ivan\\sP}user/1001@dom &park()";
        let (dial, then) = parse(line).unwrap();
        assert_eq!(dial.contact(), "user/1001@dom");
        assert_eq!(dial.variable("originate_timeout"), Some("20"));
        assert_eq!(dial.variable("origination_caller_id_name"), Some("Ivan P"));
        assert_eq!((dial.forked, dial.timeout_s, dial.variables.len()), (false, None, 4));
        assert_eq!(then, Then::App("park".into(), String::new()));
    }

    #[test]
    fn other_forms_too() {
        let (dial, then) = parse("sofia/gateway/trunk/+7900 7001 XML default Bob 100 30").unwrap();
        assert_eq!((dial.contact().as_str(), dial.timeout_s), ("gateway/trunk/+7900", Some(30)));
        assert_eq!(then, Then::Extension("7001".into()));
        let (dial, _) = parse("{a=1}{b=2}[c=3]loopback/9004/default &playback(x)").unwrap();
        assert_eq!(dial.variables.len(), 3);
        assert_eq!(dial.contact(), "loopback/9004/default");
        assert_eq!(parse("user/1001"), Err(Usage));
        assert_eq!(parse("a b c d e f g h"), Err(Usage));
    }

    #[test]
    fn quotes_protect_nothing_as_in_freeswitch() {
        let (dial, _) = parse("{name='Bob,injected=1'}user/1 &park()").unwrap();
        assert_eq!(dial.variable("injected"), Some("1"), "the first pass has stripped the quotes");
        assert_eq!(parse("{name=O'Brien}user/1 &park()"), Err(Usage), "an odd quote swallows the rest");
        let (dial, _) = parse("{a=1}user/1,user/2 &park()").unwrap();
        assert!(dial.forked);
        let (dial, _) = parse("{^^:a=1,2:b=3}user/1 &park()").unwrap();
        assert_eq!((dial.variable("a"), dial.variable("b")), (Some("1,2"), Some("3")));
        let (dial, _) = parse("{x={y}}user/1 &park()").unwrap();
        assert_eq!((dial.variable("x"), dial.endpoint.as_str()), (Some("{y}"), "user/1"));
    }
}
