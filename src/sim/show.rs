//! `show …`: lists of channels and applications.

use std::fmt::Write as _;

use chrono::DateTime;
use serde_json::json;

use super::apps::APPLICATIONS;
use super::channel::Channel;
use super::core::Core;

const COLUMNS: &str = "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,ip_addr,dest,application,\
    application_data,dialplan,context,read_codec,read_rate,read_bit_rate,write_codec,write_rate,write_bit_rate,\
    secure,hostname,presence_id,presence_data,accountcode,callstate,callee_name,callee_num,callee_direction,\
    call_uuid,sent_callee_name,sent_callee_num,initial_cid_name,initial_cid_num,initial_ip_addr,initial_dest,\
    initial_dialplan,initial_context";

/// `show channels [as json]`.
pub(super) fn channels(core: &Core, json: bool) -> String {
    let rows = core.channels.values().filter(|channel| !channel.is_down()).map(|channel| row(core, channel));
    let rows: Vec<serde_json::Value> = rows.collect();
    if json {
        let list = if rows.is_empty() {
            json!({"row_count": 0})
        } else {
            json!({"row_count": rows.len(), "rows": rows})
        };
        return list.to_string() + "\n";
    }
    let names: Vec<&str> = COLUMNS.split(',').collect();
    let mut text = if rows.is_empty() { String::new() } else { format!("{COLUMNS}\n") };
    for row in &rows {
        let cells: Vec<&str> = names.iter().map(|name| row[*name].as_str().unwrap_or_default()).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text + &format!("\n{} total.\n", rows.len())
}

fn row(core: &Core, channel: &Channel) -> serde_json::Value {
    let created = DateTime::from_timestamp_micros(channel.stamps.created).unwrap_or_default();
    let number = channel.number.as_ref();
    let name = String::from_utf8_lossy(&channel.caller_name);
    let codec =
        if channel.has_media() || channel.is_caller() { ("PCMA", "8000", "64000") } else { ("", "", "") };
    let talks = channel.other.as_ref().filter(|_| channel.bridge.is_some());
    let (dialplan, context) = if channel.is_caller() { ("XML", "public") } else { ("", "default") };
    let app = match talks {
        Some(other) if channel.running.is_empty() => ("uuid_bridge".to_owned(), other.uuid.to_string()),
        _ => (channel.last_app.0.to_string(), channel.last_app.1.to_string()),
    };
    json!({
        "uuid": channel.uuid.to_string(),
        "direction": channel.direction(),
        "created": created.format("%Y-%m-%d %H:%M:%S").to_string(),
        "created_epoch": created.timestamp().to_string(),
        "name": &*channel.name,
        "state": channel.state.name(),
        "cid_name": name, "cid_num": number, "ip_addr": "127.0.0.1", "dest": &*channel.destination,
        "application": app.0, "application_data": app.1,
        "dialplan": dialplan, "context": context,
        "read_codec": codec.0, "read_rate": codec.1, "read_bit_rate": codec.2,
        "write_codec": codec.0, "write_rate": codec.1, "write_bit_rate": codec.2,
        "secure": "", "hostname": core.settings.hostname, "presence_id": "", "presence_data": "", "accountcode": "",
        "callstate": channel.callstate.name(),
        "callee_name": "", "callee_num": "", "callee_direction": "",
        "call_uuid": talks.map(|_| channel.call_uuid().to_string()).unwrap_or_default(),
        "sent_callee_name": "", "sent_callee_num": "",
        "initial_cid_name": name, "initial_cid_num": number, "initial_ip_addr": "127.0.0.1",
        "initial_dest": &*channel.destination, "initial_dialplan": dialplan, "initial_context": context,
    })
}

/// `show application [NAME] [as json]`.
pub(super) fn applications(name: Option<&str>, json: bool) -> String {
    let known = APPLICATIONS.iter().map(|(app, _)| *app).filter(|app| name.is_none_or(|name| name == *app));
    let known: Vec<&str> = known.collect();
    if json {
        let rows: Vec<_> = known
            .iter()
            .map(|app| json!({"name": app, "description": "", "syntax": "", "ikey": "mod_dptools"}))
            .collect();
        return json!({"row_count": rows.len(), "rows": rows}).to_string() + "\n";
    }
    let mut text = "name,description,syntax,ikey\n".to_owned();
    for app in &known {
        // writing into a string cannot fail
        let _ = writeln!(text, "{app},,,mod_dptools");
    }
    text + &format!("\n{} total.\n", known.len())
}
