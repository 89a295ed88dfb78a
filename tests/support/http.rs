//! HTTP on loopback: a server that answers as the test says, and a client that sends exactly what the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The longest body that a server here reads.
const BODY_LIMIT: usize = 1 << 20;

/// Starts a server that answers every request with what `answer` makes of it. It ends with the test's runtime.
pub async fn serve<A>(answer: impl Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static) -> SocketAddr
where
    A: Future<Output: IntoResponse> + Send,
{
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let router = Router::new().fallback(move |request: Request| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap();
            answer(Request::from_parts(parts, body)).await
        }
    });
    tokio::spawn(async move { axum::serve(socket, router).await });
    address
}

/// A request that came to a server.
#[derive(Debug, Clone)]
pub struct Came {
    pub headers: HeaderMap,
    /// With the query.
    pub path: String,
    pub body: String,
}

impl From<Request<Bytes>> for Came {
    fn from(request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { headers: parts.headers, path: parts.uri.to_string(), body }
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A page; nothing if nobody listens at the address.
pub async fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    send(address, &format!("GET {path}"), &[], "").await
}

/// Sends a request (`head` is its method and path) and reads the answer; nothing if nobody listens at the address.
pub async fn send(address: SocketAddr, head: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let mut text =
        format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    // A server that refuses early closes the connection before it has read all.
    let _ = stream.write_all(body.as_bytes()).await;
    Some(hear(&mut stream).await)
}

/// The answer on a connection that the server closes after it.
pub async fn hear(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that closes while we still write resets the connection after its answer.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
}

/// The sum of a metric over those of its labels that contain `labels`, on a page of Prometheus.
pub fn metric(page: &str, name: &str, labels: &str) -> Option<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
        let (of, value) = rest.rsplit_once(' ')?;
        of.contains(labels).then(|| value.parse::<f64>().ok())?
    };
    let values: Vec<f64> = page.lines().filter_map(value).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}
