//! A private PostgreSQL server from Debian's package. Its data is in a temporary folder, it listens only on a socket
//! file there, and it ends with the tests' process, however that ends.
#![allow(
    clippy::explicit_write,
    clippy::zombie_processes,
    clippy::allow_attributes,
    reason = "it speaks past the capture of output, and the server ends with the tests"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Once};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::Store;

use super::next;

/// The server of this process. It ends when `_alive` is closed.
pub struct Server {
    folder: PathBuf,
    _alive: ChildStdin,
}

/// Ends the server when its standard input ends, which the system closes with the tests' process.
const SCRIPT: &str = r#"
"$1/initdb" -D "$2/data" -U dozvon -A trust -E UTF8 --no-sync >"$2/initdb.log" 2>&1 || { cat "$2/initdb.log" >&2; exit 1; }
if [ -n "$3" ]; then
  umask 077
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$2/key.pem" -out "$2/cert.pem" 2>"$2/openssl.log" \
    || { cat "$2/openssl.log" >&2; exit 1; }
  set -- "$1" "$2" -h 127.0.0.1 -p "$3" -c ssl=on -c "ssl_cert_file=$2/cert.pem" -c "ssl_key_file=$2/key.pem"
else
  set -- "$1" "$2" -h ""
fi
programs=$1
folder=$2
shift 2
"$programs/postgres" -D "$folder/data" -k "$folder" "$@" -F -c max_connections=300 -c log_min_messages=log &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$folder"
"#;

/// The server, or none where the package is not installed.
pub fn server() -> Option<&'static Server> {
    static SERVER: LazyLock<Option<Server>> =
        LazyLock::new(|| programs().map(|programs| Server::begin(&programs)));
    SERVER.as_ref()
}

/// Runs a test on a server of its own that speaks TLS: with its address and the file of its certificate, which is its own.
pub fn with_tls(test: impl FnOnce(&str, &Path)) {
    let Some(programs) = programs() else { return say_left_out() };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&programs, &free.port().to_string());
    test(&free.to_string(), &server.folder.join("cert.pem"));
}

/// Says once, past the capture of output, that half of the tests were left out.
pub fn say_left_out() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let words = "POSTGRESQL WAS LEFT OUT: there is no /usr/lib/postgresql/*/bin/initdb (apt-get install postgresql)";
        writeln!(std::io::stderr(), "{words}").unwrap();
    });
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
    found.sort();
    found.pop()
}

impl Server {
    fn begin(programs: &Path) -> Self {
        let server = Self::start(programs, "");
        server.make_template();
        server
    }

    /// A server on a socket file, or one that speaks TLS on a port.
    fn start(programs: &Path, port: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("dozvon-pg-").tempdir().unwrap().keep();
        let mut command = unprivileged(&folder);
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(programs).arg(&folder).arg(port);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut heard = String::new();
        while !heard.contains("ready to accept connections") {
            let line = said.next().unwrap_or_else(|| panic!("PostgreSQL did not start: {heard}")).unwrap();
            heard.push_str(&line);
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self { folder, _alive: child.stdin.take().unwrap() }
    }

    /// A database with the schema, from which the tests' are copied.
    fn make_template(&self) {
        self.run("CREATE DATABASE template_dozvon");
        let url = self.url("template_dozvon");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(&url, Settings::default()).await.unwrap();
            store.migrate().await.unwrap();
            store.close().await;
        });
    }

    /// A new database with the schema.
    pub fn database(&self) -> DatabaseUrl {
        self.copy_of("template_dozvon")
    }

    /// A new database with nothing in it.
    pub fn empty(&self) -> DatabaseUrl {
        self.copy_of("template0")
    }

    fn copy_of(&self, template: &str) -> DatabaseUrl {
        let name = format!("test_{}", next());
        self.run(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        self.url(&name)
    }

    fn url(&self, database: &str) -> DatabaseUrl {
        DatabaseUrl::Postgres(format!("postgres:///{database}?user=dozvon&host={}", self.folder.display()))
    }

    fn run(&self, sql: &str) {
        // One at a time: a template must not be in use while it is copied.
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let url = String::from(self.url("postgres"));
        PgConnection::establish(&url).unwrap().batch_execute(sql).unwrap();
    }
}

/// PostgreSQL refuses to run as root: then it runs as a user who may do nothing, and has the folder.
fn unprivileged(folder: &Path) -> Command {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new("env");
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = ["postgres", "nobody"]
        .iter()
        .find_map(|name| users.lines().find(|line| line.starts_with(&format!("{name}:"))))
        .expect("neither user postgres nor nobody is there");
    let numbers: Vec<u32> = user.split(':').skip(2).take(2).map(|number| number.parse().unwrap()).collect();
    chown(folder, Some(numbers[0]), Some(numbers[1])).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &numbers[0].to_string(), "--regid", &numbers[1].to_string(), "--clear-groups"]);
    command
}
