//! SIP messages (RFC 3261), as much of them as two ends on one machine need: parsing, answers, requests.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// A request or a response, its headers in order.
#[derive(Debug, Clone)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Names as sent; compact forms written out.
    pub headers: Vec<(String, String)>,
    /// What follows the blank line.
    pub body: String,
}

impl Message {
    /// Reads a datagram; `None` for keep-alives and what is no SIP.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(datagram);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().filter(|line| line.contains("SIP/2.0"))?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (long_form(name.trim()).to_owned(), value.trim().to_owned()));
        Some(Self { start, headers: headers.collect(), body: body.to_owned() })
    }

    /// A header's first value; empty without it.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status of a response; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// A request's method, or that of the request which a response answers.
    pub fn method(&self) -> &str {
        self.get("CSeq").split_whitespace().nth(1).unwrap_or_default()
    }

    /// The number in `CSeq`.
    pub fn sequence(&self) -> u32 {
        self.get("CSeq").split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// The URI in `Contact`.
    pub fn contact(&self) -> Option<String> {
        let contact = self.get("Contact");
        let uri = contact.split_once('<').map_or(contact, |(_, rest)| rest.split('>').next().unwrap_or(rest));
        (!uri.is_empty()).then(|| uri.to_owned())
    }

    /// Where the session description wants its sound.
    pub fn sound_address(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start));
        let address = line("c=IN IP4 ")?.trim();
        let port = line("m=audio ")?.split(' ').next()?;
        format!("{address}:{port}").parse().ok()
    }

    /// An answer to this request; `tag` marks our end of the dialog.
    pub fn answer(&self, status: u16, tag: &str, extra: &[(&str, String)], body: &str) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {status} {}\r\n", reason(status));
        for via in self.all("Via") {
            let _infallible = write!(text, "Via: {via}\r\n");
        }
        let to = self.get("To");
        let tagged =
            if to.contains(";tag=") || status == 100 { to.to_owned() } else { format!("{to};tag={tag}") };
        for (name, value) in [("From", self.get("From")), ("To", &tagged), ("Call-ID", self.get("Call-ID"))] {
            let _infallible = write!(text, "{name}: {value}\r\n");
        }
        let _infallible = write!(text, "CSeq: {}\r\n", self.get("CSeq"));
        text.push_str(&ending(extra, body));
        text.into_bytes()
    }
}

/// A message's remaining headers and its body.
pub fn ending(extra: &[(&str, String)], body: &str) -> String {
    let mut text: String = extra.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    if !body.is_empty() {
        let kind = if body.starts_with("Signal=") { "dtmf-relay" } else { "sdp" };
        let _infallible = write!(text, "Content-Type: application/{kind}\r\n");
    }
    let _infallible = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

/// A session description that offers μ-law at `port`.
pub fn session(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

/// A mark that no other branch or tag has.
pub fn mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn long_form(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        other => other,
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Unknown",
    }
}
