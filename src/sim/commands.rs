//! The event socket's commands, on both sides.
//!
//! In: a command of a connection. Out: FreeSWITCH's reply, word for word, then the effect of the command.

use uuid::Uuid;

use super::channel::Message;
use super::connection::{Connection, Format, Linger, Side};
use super::core::{Core, Due};
use super::ids::{Conn, Key};
use super::kind::{Kind, Kinds};
use super::originate::{Asker, Originate, parse};
use super::wire::{self, Command};

impl Core {
    /// Carries out a command, or queues it while the connection is blocked.
    pub fn command(&mut self, conn: Conn, command: Command) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.blocked {
            connection.backlog.push_back(command);
            return;
        }
        let first = if connection.told_down { None } else { connection.timer.take() };
        first.and_then(|timer| self.timers.cancel(timer));
        self.counts.command(&kind(&command));
        match self.connections.get(&conn).map(|connection| connection.side) {
            Some(Side::Inbound { authed: false }) => self.authenticate(conn, &command),
            Some(_) => self.obey_peer(conn, &command),
            None => {}
        }
    }

    fn authenticate(&mut self, conn: Conn, command: &Command) {
        let (word, rest) = command.split();
        let given = match word.as_str() {
            "exit" => {
                self.reply(conn, "+OK bye");
                return self.close(conn);
            }
            "auth" => Some(rest),
            // user@domain:password
            "userauth" => rest.split_once(':').map(|(_, password)| password),
            _ => None,
        };
        let reply = match (given, word.as_str()) {
            (Some(given), "auth") if given == self.settings.password => "+OK accepted",
            (Some(given), _) if given == self.settings.password => {
                "~Reply-Text: +OK accepted\nAllowed-Events: all\nAllowed-API: all\nAllowed-LOG: true\n\n"
            }
            (Some(_), _) => {
                self.reply(conn, "-ERR invalid");
                return self.close(conn);
            }
            (None, _) => "-ERR command not found",
        };
        if let Some(connection) = self.connections.get_mut(&conn).filter(|_| given.is_some()) {
            connection.side = Side::Inbound { authed: true };
        }
        self.reply(conn, reply);
    }

    fn obey_peer(&mut self, conn: Conn, command: &Command) {
        let (word, rest) = command.split();
        match word.as_str() {
            "connect" => return self.connect_when_due(conn),
            "sendmsg" => return self.sendmsg(conn, rest, command),
            "api" => return self.api_command(conn, rest),
            "bgapi" => return self.bgapi(conn, rest, command),
            "exit" | "..." => {
                self.reply(conn, "+OK bye");
                return self.close(conn);
            }
            "getvar" => {
                let value = self.session_key(conn).map(|key| self.variable(key, rest)).unwrap_or_default();
                return self.reply(conn, &value.unwrap_or_default().chars().take(511).collect::<String>());
            }
            "resume" => self.resume(conn),
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let reply = connection_command(connection, &word, rest);
        self.rescope(conn);
        self.reply(conn, &reply);
    }

    fn connect_when_due(&mut self, conn: Conn) {
        let takes = self.faults.connect_takes;
        if takes.is_zero() {
            return self.connect_command(conn);
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.blocked = true;
        }
        self.timers.set(self.now + takes, Due::Connect(conn));
    }

    /// Answers a `connect` that took a while.
    pub fn connect_late(&mut self, conn: Conn) {
        if self.connections.contains_key(&conn) {
            self.connect_command(conn);
            self.unblock(conn);
        }
    }

    fn connect_command(&mut self, conn: Conn) {
        let Some(key) = self.session_key(conn) else { return self.reply(conn, "-ERR command not found") };
        let data = self.channel_data(key, true);
        let head = "Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n";
        self.send(conn, (data + head).into_bytes().into());
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.connected = true;
            connection.mute = false;
        }
        self.socket_connected(key, conn);
    }

    /// The channel that a caller's connection controls.
    fn session_key(&self, conn: Conn) -> Option<Key> {
        match self.connections.get(&conn)?.side {
            Side::Outbound(key) => Some(key).filter(|key| self.channels.contains_key(key)),
            Side::Inbound { .. } => None,
        }
    }

    fn resume(&mut self, conn: Conn) {
        let key = self.session_key(conn);
        if let Some(channel) = key.and_then(|key| self.channel_mut(key)) {
            channel.variables.set("socket_resume", "true");
        }
    }

    fn sendmsg(&mut self, conn: Conn, uuid: &str, command: &Command) {
        let uuid = if uuid.is_empty() { command.header("session-id").unwrap_or_default() } else { uuid };
        let own = self.session_key(conn);
        let to_own = own.filter(|key| {
            uuid.is_empty() || self.channel(*key).is_some_and(|channel| channel.uuid.to_string() == uuid)
        });
        let Some(key) = to_own.or_else(|| self.locate(uuid)) else {
            return self.reply(conn, &format!("-ERR invalid session id [{uuid}]"));
        };
        let posted = match message(command) {
            Some(message) => self.post(key, message),
            None => true,
        };
        self.reply(conn, if posted { "+OK" } else { "-ERR memory error" });
        self.run_session(key);
    }

    fn api_command(&mut self, conn: Conn, text: &str) {
        let (name, arguments) = text.split_once(' ').unwrap_or((text, ""));
        if name == "originate" {
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.blocked = true;
            }
            return match parse(arguments) {
                Ok((dial, then)) => self.originate(Originate { asker: Asker::Api(conn), dial, then }),
                Err(_) => {
                    self.send(conn, wire::answer(super::api::ORIGINATE_USAGE));
                    self.unblock(conn);
                }
            };
        }
        let takes = self.faults.getvar_takes;
        if name == "uuid_getvar" && !takes.is_zero() {
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.blocked = true;
            }
            self.timers.set(self.now + takes, Due::Answer(conn, text.into()));
            return;
        }
        self.answer_api(conn, text);
    }

    fn answer_api(&mut self, conn: Conn, text: &str) {
        let (name, arguments) = text.split_once(' ').unwrap_or((text, ""));
        let (text, effect) = self.api(name, arguments);
        self.send(conn, wire::answer(&text));
        self.take_effect(effect);
    }

    /// Answers a command that took a while.
    pub fn answer_late(&mut self, conn: Conn, text: &str) {
        if self.connections.contains_key(&conn) {
            self.answer_api(conn, text);
            self.unblock(conn);
        }
    }

    fn bgapi(&mut self, conn: Conn, text: &str, command: &Command) {
        let (name, arguments) = text.split_once(' ').unwrap_or((text, ""));
        let uuid = match command.header("job-uuid") {
            Some(own) => own.to_owned(),
            None => self.new_uuid().to_string(),
        };
        self.reply(conn, &format!("~Reply-Text: +OK Job-UUID: {uuid}\nJob-UUID: {uuid}\n\n"));
        let owner = self.connections.get(&conn).filter(|c| c.is_outbound()).and_then(|c| c.session);
        if name == "originate" {
            let (command, text) = (name.to_owned(), arguments.to_owned());
            return match parse(arguments) {
                Ok((dial, then)) => {
                    let asker = Asker::Job { uuid, owner, command, arguments: text };
                    self.originate(Originate { asker, dial, then });
                }
                Err(_) => self.job_done(&uuid, owner, (name, arguments), super::api::ORIGINATE_USAGE),
            };
        }
        let (text, effect) = self.api(name, arguments);
        self.job_done(&uuid, owner, (name, arguments), &text);
        self.take_effect(effect);
    }

    /// Sends BACKGROUND_JOB.
    pub fn job_done(
        &mut self,
        uuid: &str,
        owner: Option<Uuid>,
        (command, arguments): (&str, &str),
        text: &str,
    ) {
        let owned = owner.map(|owner| owner.to_string()).unwrap_or_default();
        let mut headers = vec![
            ("Job-UUID", uuid),
            ("Job-Owner-UUID", &*owned),
            ("Job-Command", command),
            ("Job-Command-Arg", arguments),
        ];
        headers.retain(|(_, value)| !value.is_empty());
        self.emit_plain(Kind::BACKGROUND_JOB, owner, &headers, Some(text));
    }

    /// Ends a blocking call, and carries out the commands that came meanwhile.
    pub fn unblock(&mut self, conn: Conn) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.blocked = false;
        for command in std::mem::take(&mut connection.backlog) {
            self.command(conn, command);
        }
    }
}

/// Carries out commands that change only the connection. Returns FreeSWITCH's reply.
fn connection_command(connection: &mut Connection, word: &str, rest: &str) -> String {
    match word {
        "filter" => connection.filters.command(rest),
        "event" => subscribe(connection, rest),
        "nixevent" => unsubscribe(connection, rest),
        "noevents" => {
            let heard = std::mem::replace(&mut connection.listening, false);
            connection.kinds = Kinds::NONE;
            if heard { "+OK no longer listening for events" } else { "-ERR not listening for events" }
                .to_owned()
        }
        "myevents" => my_events(connection, rest),
        "resume" if connection.is_outbound() => {
            connection.resume = true;
            "+OK".to_owned()
        }
        "linger" | "nolinger" | "divert_events" if !connection.is_outbound() => {
            let session = if word == "divert_events" { "session." } else { "session" };
            format!("-ERR not controlling a {session}")
        }
        "linger" => linger(connection, rest),
        "nolinger" => {
            connection.linger = Linger::No;
            "+OK will not linger".to_owned()
        }
        "divert_events" if rest.is_empty() => "-ERR missing value.".to_owned(),
        "divert_events" if rest.eq_ignore_ascii_case("on") => "+OK events diverted".to_owned(),
        "divert_events" => "+OK events not diverted".to_owned(),
        "log" => format!("+OK log level {rest} [7]"),
        "nolog" => "-ERR not loging".to_owned(),
        "sendevent" => format!("+OK {}", Uuid::nil()),
        _ => "-ERR command not found".to_owned(),
    }
}

/// `event [plain|json] NAMES`: adds to the subscriptions. Names after CUSTOM are subclasses.
fn subscribe(connection: &mut Connection, rest: &str) -> String {
    let (format, names) = formatted(rest);
    connection.format = format.unwrap_or(connection.format);
    let Some(kinds) = Kinds::of(before_subclasses(names)) else {
        return "-ERR no keywords supplied".to_owned();
    };
    connection.kinds = connection.kinds.and(kinds);
    connection.listening = true;
    format!("+OK event listener enabled {}", connection.format.name())
}

fn unsubscribe(connection: &mut Connection, rest: &str) -> String {
    let names = before_subclasses(rest);
    if Kinds::of(names).is_none() {
        return "-ERR no keywords supplied".to_owned();
    }
    for name in names.split(' ') {
        if name.eq_ignore_ascii_case("ALL") {
            connection.kinds = Kinds::NONE;
        } else if let Some(kind) = Kind::named(name).filter(|kind| *kind != Kind::CUSTOM) {
            connection.kinds = connection.kinds.without(kind);
        }
    }
    connection.listening = true;
    "+OK events nixed".to_owned()
}

/// `myevents [json]` on a caller's socket, `myevents UUID [json]` on any other.
fn my_events(connection: &mut Connection, rest: &str) -> String {
    if connection.myevents {
        return "-ERR aready enabled.".to_owned();
    }
    if !connection.is_outbound() {
        let Ok(uuid) = Uuid::try_parse(rest.split(' ').next().unwrap_or_default()) else {
            return "-ERR command not found".to_owned();
        };
        connection.session = Some(uuid);
    }
    if rest.to_ascii_lowercase().contains("json") {
        connection.format = Format::Json;
    }
    connection.kinds = connection.kinds.and(Kinds::MYEVENTS);
    connection.myevents = true;
    connection.listening = true;
    "+OK Events Enabled".to_owned()
}

fn linger(connection: &mut Connection, rest: &str) -> String {
    if rest.is_empty() {
        connection.linger = Linger::Forever;
        return "+OK will linger".to_owned();
    }
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let seconds = digits.parse().unwrap_or(0);
    connection.linger = Linger::Seconds(seconds);
    format!("+OK will linger {seconds} seconds")
}

fn formatted(rest: &str) -> (Option<Format>, &str) {
    let (first, names) = rest.split_once(' ').unwrap_or((rest, ""));
    match first.to_ascii_lowercase().as_str() {
        "plain" => (Some(Format::Plain), names),
        "json" => (Some(Format::Json), names),
        _ => (None, rest),
    }
}

fn before_subclasses(names: &str) -> &str {
    let upper = names.to_ascii_uppercase();
    upper.find("CUSTOM").map_or(names, |at| &names[..at + "CUSTOM".len()])
}

/// Reads a `sendmsg`; none if FreeSWITCH would not understand it.
fn message(command: &Command) -> Option<Message> {
    match command.header("call-command")? {
        "execute" => {
            let app = command.header("execute-app-name")?.into();
            let plain =
                command.header("content-type").is_some_and(|kind| kind.eq_ignore_ascii_case("text/plain"));
            let argument = command.header("execute-app-arg").filter(|arg| !arg.is_empty());
            let data = argument.unwrap_or(if plain { &command.body } else { "" }).into();
            let loops = match command.header("loops").map(|n| n.trim().parse::<i64>().unwrap_or(0)) {
                None => Some(0),
                Some(n) if n < 0 => None,
                Some(n) => Some(u32::try_from(n - 1).unwrap_or(0)),
            };
            let lock = command.header("event-lock").is_some_and(|lock| lock.eq_ignore_ascii_case("true"));
            let uuid = command.header("event-uuid").map(Into::into);
            Some(Message::Execute { app, data, uuid, lock, loops })
        }
        "hangup" => Some(Message::Hangup {
            cause: command.header("hangup-cause").unwrap_or("NORMAL_CLEARING").into(),
        }),
        _ => None,
    }
}

/// The name under which a command is counted.
fn kind(command: &Command) -> String {
    let (word, rest) = command.split();
    match word.as_str() {
        "api" | "bgapi" => format!("{word} {}", rest.split(' ').next().unwrap_or_default()),
        "sendmsg" => {
            let what = command.header("call-command").unwrap_or_default();
            format!("sendmsg {what} {}", command.header("execute-app-name").unwrap_or_default())
                .trim_end()
                .to_owned()
        }
        _ => word,
    }
}
