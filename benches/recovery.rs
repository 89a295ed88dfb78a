//! What a restart costs, and what an idle controller costs: the real program as a process of its own, killed with
//! SIGKILL, with a simulated FreeSWITCH and its callers in this process.
//!
//! Run with `cargo bench --bench recovery`. It prints its figures, and names each target that it missed.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "a bench fails by panicking"
)]

#[path = "../tests/support/command.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod command;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use command::Workdir;
use dozvon::sim::{Behaviour, CallerHandle, CallerScript, Sim, SimSettings};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CALLERS: usize = 1_000;
const AGENTS: usize = 1_000;
/// How long the cost of doing nothing is watched.
const WATCHED: Duration = Duration::from_secs(12);
/// The longest that anything may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Served after the restart, to see their order.
const SERVED: usize = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let missed = runtime.block_on(async {
        let mut missed = idle().await;
        missed.extend(recovery().await);
        missed
    });
    for what in &missed {
        println!("MISSED       {what}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}

/// A controller of its own, as a process.
struct Controller {
    folder: Workdir,
    listen: SocketAddr,
    status: SocketAddr,
    node: SocketAddr,
    child: Option<Child>,
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Controller {
    /// With these rules, not running.
    async fn prepare(sim: &Sim, rules: &str) -> Self {
        let folder = Workdir::new();
        let (listen, status) = (free_port().await, free_port().await);
        let controller = Self { folder, listen, status, node: sim.node_address(), child: None };
        controller.configure("5s");
        controller.folder.write("rules.toml", rules);
        controller.folder.ok(&["migrate"]);
        controller.folder.ok(&["apply", controller.folder.path("rules.toml").to_str().unwrap()]);
        sim.set_controllers(&[listen]).await;
        controller
    }

    fn configure(&self, reconcile_interval: &str) {
        let text = format!(
            "database = \"sqlite:{}\"\n[switch]\nlisten = \"{}\"\n\
             [[switch.nodes]]\nname = \"sim\"\nhost = \"{}\"\nport = {}\n\
             [web]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"{}\"\n[calls]\nreconcile_interval = \"{reconcile_interval}\"\n",
            self.folder.path("dozvon.db").display(),
            self.listen,
            self.node.ip(),
            self.node.port(),
            self.status
        );
        self.folder.write("dozvon.toml", &text);
    }

    /// Starts it; how long until it takes calls.
    async fn start(&mut self) -> Duration {
        let log = std::fs::File::create(self.folder.path("log")).unwrap();
        let began = Instant::now();
        self.child = Some(self.folder.command("serve").stdout(Stdio::null()).stderr(log).spawn().unwrap());
        while TcpStream::connect(self.listen).await.is_err() {
            assert!(began.elapsed() < LIMIT, "{}", std::fs::read_to_string(self.folder.path("log")).unwrap());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The value of a metric, summed over its labels; none while it cannot be asked.
    async fn metric(&self, name: &str) -> Option<f64> {
        let mut socket = TcpStream::connect(self.status).await.ok()?;
        socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await.ok()?;
        let value = |line: &str| line.strip_prefix(name)?.rsplit(' ').next()?.parse::<f64>().ok();
        let values: Vec<f64> = text.lines().filter_map(value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    async fn until(&self, name: &str, wanted: f64) {
        let began = Instant::now();
        while self.metric(name).await != Some(wanted) {
            assert!(began.elapsed() < LIMIT, "{name} is not {wanted}: {:?}", self.metric(name).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The CPU time that it has taken.
    fn cpu(&self) -> Duration {
        let id = self.child.as_ref().unwrap().id();
        // Nanoseconds that each thread has run: the ticks of /proc/stat are too coarse for what costs nearly nothing.
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let of = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0)
        };
        Duration::from_nanos(tasks.map(|task| of(task.unwrap().path())).sum())
    }

    /// The share of a core that it takes while nothing happens, in percent.
    async fn idles(&self) -> f64 {
        let (began, before) = (Instant::now(), self.cpu());
        tokio::time::sleep(WATCHED).await;
        100.0 * (self.cpu() - before).as_secs_f64() / began.elapsed().as_secs_f64()
    }

    fn resident_mb(&self) -> u64 {
        let id = self.child.as_ref().unwrap().id();
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap();
        statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
    }
}

async fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

/// One queue, these agents in it.
fn rules(agents: usize) -> String {
    let mut text =
        String::from("[defaults]\nwrap_up = \"0s\"\n[[prompt]]\nname = \"sorry\"\nsource = \"sorry.wav\"\n");
    let mut tiers = String::new();
    for number in 0..agents {
        text.push_str(&format!(
            "[[agent]]\nname = \"a{number}\"\ncontacts = [\"user/{}\"]\n",
            10_000 + number
        ));
        tiers.push_str(&format!("{{ agent = \"a{number}\" }}, "));
    }
    text + &format!(
        "[[queue]]\nname = \"q\"\nmax_wait = \"never\"\noverflow = {{ message = \"sorry\" }}\ntiers = [{tiers}]\n\
         [[route]]\nname = \"r\"\nnumber = \"7001\"\nopen = {{ queue = \"q\" }}\n"
    )
}

/// Many agents logged in, nobody calling.
async fn idle() -> Vec<&'static str> {
    let sim = Sim::start(SimSettings::default()).await.unwrap();
    let mut controller = Controller::prepare(&sim, &rules(AGENTS)).await;
    let names: Vec<String> = (0..AGENTS).map(|number| format!("a{number}")).collect();
    let mut login = vec!["agent", "login"];
    login.extend(names.iter().map(String::as_str));
    controller.folder.ok(login.as_slice());
    controller.start().await;
    controller.until("dozvon_agents{activity=\"idle\",status=\"available\"}", AGENTS as f64).await;
    let (share, memory) = (controller.idles().await, controller.resident_mb());
    println!("idle         {AGENTS} agents, nobody calling: {share:.2} % of a core, {memory} MB");
    let missed =
        [(share < 1.0, "under 1 % of a core when idle"), (memory < 60, "under 60 MB with 1,000 agents")];
    missed.into_iter().filter(|(met, _)| !met).map(|(_, what)| what).collect()
}

/// Killed with many waiting, and started at once.
async fn recovery() -> Vec<&'static str> {
    let sim = Sim::start(SimSettings::default()).await.unwrap();
    let mut controller = Controller::prepare(&sim, &rules(1)).await;
    controller.start().await;
    let callers = wait_all(&sim, &controller).await;
    let looking = controller.idles().await;
    controller.configure("1h");
    let (back, _) = restart(&mut controller).await;
    let not_looking = controller.idles().await;
    println!("restart      {CALLERS} callers back after {:.0} ms", back.as_secs_f64() * 1e3);
    controller.configure("5s");
    let (again, started) = restart(&mut controller).await;
    println!(
        "restart      {CALLERS} callers back after {:.0} ms, of which the process {:.0} ms until it takes calls",
        again.as_secs_f64() * 1e3,
        started.as_secs_f64() * 1e3
    );
    let check = looking - not_looking;
    println!(
        "self-check   at {CALLERS} calls, every 5 s: {check:.2} % of a core ({looking:.2} % with it, {not_looking:.2} % without)"
    );
    let in_order = served_in_order(&sim, &controller, &callers).await;
    println!(
        "order        the first {SERVED} served after the restarts are those who came first: {in_order}"
    );
    let worst = back.max(again);
    let missed = [
        (worst < Duration::from_secs(3), "all back within 3 s"),
        (started < Duration::from_millis(300), "the process's own start within 300 ms"),
        (check < 1.0, "a self-check under 1 % of a core"),
        (in_order, "the order of those who wait"),
    ];
    missed.into_iter().filter(|(met, _)| !met).map(|(_, what)| what).collect()
}

async fn wait_all(sim: &Sim, controller: &Controller) -> Vec<CallerHandle> {
    let mut callers = Vec::with_capacity(CALLERS);
    for number in 0..CALLERS {
        callers.push(sim.call(CallerScript::new(&format!("+7900{number:07}"), "7001")).await);
        if number % 50 == 49 {
            controller.until("dozvon_callers_waiting", number as f64 + 1.0).await;
        }
    }
    callers
}

/// SIGKILL, and a start at once: how long until everybody waits again, and until the process takes calls.
async fn restart(controller: &mut Controller) -> (Duration, Duration) {
    let began = Instant::now();
    controller.kill();
    let started = controller.start().await;
    controller.until("dozvon_callers_waiting", CALLERS as f64).await;
    (began.elapsed(), started)
}

/// The only agent comes and takes them one by one: is each one served who came before the next?
async fn served_in_order(sim: &Sim, controller: &Controller, callers: &[CallerHandle]) -> bool {
    let takes = Behaviour::answers(Duration::from_millis(1)).hanging_up_after(Duration::from_millis(5));
    sim.phone("user/10000", takes).await;
    controller.folder.ok(&["agent", "login", "a0"]);
    let began = Instant::now();
    while controller.metric("dozvon_calls_total").await.is_none_or(|calls| calls < SERVED as f64) {
        assert!(began.elapsed() < LIMIT, "{} callers wait, and nobody is served", callers.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    controller.folder.ok(&["agent", "logout", "a0"]);
    let rows: Value =
        serde_json::from_str(&controller.folder.ok(&["call", "list", "--limit", "2000", "--json"])).unwrap();
    let mut served: Vec<(i64, i64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["ending"] == "answered")
        .filter_map(|row| {
            let came =
                chrono::DateTime::parse_from_rfc3339(row["arrived_at"].as_str()?).ok()?.timestamp_millis();
            Some((came + row["wait_ms"].as_i64()?, came))
        })
        .collect();
    served.sort_unstable();
    served.truncate(SERVED);
    served.len() == SERVED && served.windows(2).all(|pair| pair[0].1 <= pair[1].1)
}
