//! mod_callcenter as its documentation sets it up for callback agents, with nothing that delays a call. Its database is
//! in memory, which its sample configuration suggests for speed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::{ANNOUNCED_EVERY_S, ANNOUNCEMENT, MUSIC, Team};
use crate::esl::Esl;

/// The number of its queue.
pub const NUMBER: &str = "8001";

const QUEUE: &str = "sales@default";

/// Writes what it needs into FreeSWITCH's configuration folder. `memory` is a folder for its database.
pub fn configure(conf: &Path, memory: &Path, team: Team) -> Result<()> {
    let folder = conf.join("dialplan/public");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("10_callcenter.xml"), dialplan())?;
    let folder = conf.join("autoload_configs");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("callcenter.conf.xml"), configuration(memory, team)?)?;
    Ok(())
}

/// Loads it into a running FreeSWITCH.
pub async fn load(api: &mut Esl) -> Result<()> {
    let answer = api.api("load mod_callcenter").await?;
    ensure!(answer.contains("+OK"), "load mod_callcenter: {answer}");
    Ok(())
}

fn dialplan() -> String {
    format!(
        "<include>\n  <extension name=\"callcenter\"><condition field=\"destination_number\" expression=\"^{NUMBER}$\">\n    \
         <action application=\"answer\"/>\n    <action application=\"callcenter\" data=\"{QUEUE}\"/>\n    \
         <action application=\"hangup\" data=\"NORMAL_CLEARING\"/>\n  </condition></extension>\n</include>\n"
    )
}

fn configuration(memory: &Path, team: Team) -> Result<String> {
    let mut agents = String::new();
    let mut tiers = String::new();
    let status = if team.at_work { "Available" } else { "Logged Out" };
    for name in team.names() {
        let contact = format!("[leg_timeout=20]{}", team.contact(&name));
        writeln!(
            agents,
            "<agent name=\"{name}\" type=\"callback\" contact=\"{contact}\" status=\"{status}\" max-no-answer=\"3\" \
             wrap-up-time=\"0\" reject-delay-time=\"0\" busy-delay-time=\"0\"/>"
        )?;
        writeln!(tiers, "<tier agent=\"{name}\" queue=\"{QUEUE}\" level=\"1\" position=\"1\"/>")?;
    }
    let announced = format!(
        "<param name=\"announce-sound\" value=\"{ANNOUNCEMENT}\"/>\n\
         <param name=\"announce-frequency\" value=\"{ANNOUNCED_EVERY_S}\"/>\n"
    );
    let announced = if team.announced { announced.as_str() } else { "" };
    let database = memory.join("callcenter.db");
    let database = database.display();
    Ok(format!(
        "<configuration name=\"callcenter.conf\" description=\"CallCenter\">\n<settings>\n\
         <param name=\"dbname\" value=\"{database}\"/>\n</settings>\n<queues>\n<queue name=\"{QUEUE}\">\n\
         <param name=\"strategy\" value=\"longest-idle-agent\"/>\n<param name=\"moh-sound\" value=\"{MUSIC}\"/>\n\
         {announced}<param name=\"time-base-score\" value=\"queue\"/>\n<param name=\"max-wait-time\" value=\"0\"/>\n\
         <param name=\"max-wait-time-with-no-agent\" value=\"0\"/>\n<param name=\"tier-rules-apply\" value=\"false\"/>\n\
         <param name=\"discard-abandoned-after\" value=\"60\"/>\n\
         <param name=\"abandoned-resume-allowed\" value=\"false\"/>\n</queue>\n</queues>\n\
         <agents>\n{agents}</agents>\n<tiers>\n{tiers}</tiers>\n</configuration>\n"
    ))
}
