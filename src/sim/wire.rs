//! The event socket's protocol: commands in, frames out, without their meaning.
//!
//! In: bytes of a connection. Out: [`Command`]s; and the bytes of replies, answers and notices. **Invariant:** a
//! command never exceeds the limits, whatever a peer sends.

use std::sync::Arc;

/// Bytes for a connection; all subscribers of an event share them.
pub(super) type Frame = Arc<[u8]>;

/// FreeSWITCH's limit of one command's headers (mod_event_socket.c, `read_packet`).
const HEADERS_MAX: usize = 10 * 1024 * 1024;
/// FreeSWITCH takes bodies of any size; the stand-in does not.
const BODY_MAX: usize = 10 * 1024 * 1024;

/// One command of a peer: its first line, its headers, its body.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Command {
    /// The value of a header; its name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first word in lower case, and what follows it.
    pub fn split(&self) -> (String, &str) {
        let (word, rest) = self.line.split_once(' ').unwrap_or((&self.line, ""));
        (word.to_ascii_lowercase(), rest.trim_start())
    }
}

/// A command exceeds the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Splits a stream of bytes into commands.
#[derive(Debug, Default)]
pub(super) struct Parser {
    buffer: Vec<u8>,
    scanned: usize,
    newlines: u8,
}

impl Parser {
    /// Adds bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole command, if there is one.
    pub fn next(&mut self) -> Result<Option<Command>, TooLong> {
        let Some(end) = self.end_of_head() else {
            return if self.buffer.len() > HEADERS_MAX { Err(TooLong) } else { Ok(None) };
        };
        let mut command = parse_head(&String::from_utf8_lossy(&self.buffer[..end]));
        let length = command.header("content-length").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if length > BODY_MAX {
            return Err(TooLong);
        }
        let whole = end + length;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        command.body = String::from_utf8_lossy(&self.buffer[end..whole]).into_owned();
        self.buffer.drain(..whole);
        (self.scanned, self.newlines) = (0, 0);
        if self.buffer.is_empty() {
            // so that thousands of idle connections hold no memory
            self.buffer = Vec::new();
        }
        Ok(Some(command))
    }

    /// The end of the headers: after two newlines in a row, ignoring carriage returns. Blank lines before a command
    /// are skipped.
    fn end_of_head(&mut self) -> Option<usize> {
        if self.scanned == 0 {
            let blank = self.buffer.iter().take_while(|&&b| b == b'\n' || b == b'\r').count();
            self.buffer.drain(..blank);
        }
        while self.newlines < 2 {
            match self.buffer.get(self.scanned)? {
                b'\n' => self.newlines += 1,
                b'\r' => {}
                _ => self.newlines = 0,
            }
            self.scanned += 1;
        }
        Some(self.scanned)
    }
}

fn parse_head(text: &str) -> Command {
    let mut lines = text.split(['\n', '\r']);
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim_start().to_owned()))
        .collect();
    Command { line, headers, body: String::new() }
}

/// `command/reply`. A text that begins with `~` holds all headers of the reply.
pub(super) fn reply(text: &str) -> Frame {
    let text = if text.is_empty() { "-ERR command not found" } else { text };
    let frame = match text.strip_prefix('~') {
        Some(headers) => format!("Content-Type: command/reply\n{headers}"),
        None => format!("Content-Type: command/reply\nReply-Text: {text}\n\n"),
    };
    Arc::from(frame.into_bytes())
}

/// `api/response`.
pub(super) fn answer(text: &str) -> Frame {
    let text = if text.is_empty() { "-ERR no reply\n" } else { text };
    Arc::from(format!("Content-Type: api/response\nContent-Length: {}\n\n{text}", text.len()).into_bytes())
}

/// An event's frame around its serialized text.
pub(super) fn event(format: &str, body: &[u8]) -> Frame {
    let head = format!("Content-Length: {}\nContent-Type: text/event-{format}\n\n", body.len());
    let mut frame = Vec::with_capacity(head.len() + body.len());
    frame.extend_from_slice(head.as_bytes());
    frame.extend_from_slice(body);
    Arc::from(frame)
}

/// The notice that the controlled channel is down and the socket lingers.
pub(super) fn linger_notice(uuid: &str, channel: &str, seconds: Option<u64>) -> Frame {
    let time = seconds.map_or_else(|| "-1".to_owned(), |s| s.to_string());
    let text = format!(
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\nContent-Disposition: linger\n\
         Channel-Name: {channel}\nLinger-Time: {time}\nContent-Length: 0\n\n"
    );
    Arc::from(text.into_bytes())
}

/// The disconnect notice.
pub(super) fn disconnect_notice(uuid: Option<&str>) -> Frame {
    const WORDS: &str = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";
    let session = uuid.map_or_else(String::new, |uuid| {
        format!("Controlled-Session-UUID: {uuid}\nContent-Disposition: disconnect\n")
    });
    let text =
        format!("Content-Type: text/disconnect-notice\n{session}Content-Length: {}\n\n{WORDS}", WORDS.len());
    Arc::from(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Command> {
        let mut parser = Parser::default();
        let mut commands = Vec::new();
        for byte in bytes {
            parser.feed(&[*byte]);
            commands.extend(parser.next().unwrap());
        }
        commands
    }

    #[test]
    fn commands_are_cut_wherever_the_bytes_are() {
        let got = parse(
            b"\nlinger 30\n\nsendmsg\ncall-command: execute\nContent-Length: 5\n\na\n\nbcexit\r\n\r\n\nconnect\n\n",
        );
        assert_eq!(got.len(), 4, "{got:?}");
        assert_eq!((got[2].line.as_str(), got[3].line.as_str()), ("exit", "connect"));
        assert_eq!((got[0].line.as_str(), got[1].body.as_str()), ("linger 30", "a\n\nbc"));
        assert_eq!(got[1].header("Call-Command"), Some("execute"));
        assert_eq!(got[1].split(), ("sendmsg".to_owned(), ""));
    }

    #[test]
    fn endless_commands_are_refused() {
        let mut parser = Parser::default();
        parser.feed(&vec![b'x'; HEADERS_MAX + 1]);
        assert_eq!(parser.next(), Err(TooLong));
        let mut parser = Parser::default();
        parser.feed(b"sendmsg\nContent-Length: 99999999999\n\n");
        assert_eq!(parser.next(), Err(TooLong));
    }
}
