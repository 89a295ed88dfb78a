//! `dozvon case play`: rings a phone, and plays the messages of a case there.

use std::time::Duration;

use chrono::Timelike as _;
use serde_json::json;

use super::super::{Context, Exit, Failure};
use crate::calendar::schedule::civil_date;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CaseId, MessageId, NodeName};
use crate::prompts::Prompts;
use crate::recordings::Recordings;
use crate::render::Sentence;
use crate::rules::contact::Contact;
use crate::sound::Sound;
use crate::spoken::{Day, TimeOfDay};
use crate::store::messages::{self, MessageRow};
use crate::store::{Database, StoreError, cases, rules};
use crate::switch::{Probe, ProbeError, dial_string};

/// How long the phone may ring, in seconds.
const RINGS: u64 = 30;
/// How often the channel is asked how far it is.
const POLL: Duration = Duration::from_millis(200);
/// The variable that tells which message was heard to its end.
const HEARD: &str = "dozvon_heard";

/// Play the messages of a case on a phone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The phone rings. Whoever picks up hears when each message was left, or a short tone, then the message. A message that was
played to its end counts as heard.

Examples:
  dozvon case play 17                       at the phone of the agent who has the case
  dozvon case play 17 --at user/1001
  dozvon case play 17 --at gateway/trunk/+79001234567 --json")]
pub(super) struct Play {
    /// The number of the case.
    #[arg(value_parser = super::number)]
    id: CaseId,
    /// The phone, as a contact of the rules [default: that of the agent who has the case].
    #[arg(long, value_name = "CONTACT")]
    at: Option<Contact>,
}

/// What is to be played, and where.
struct Wanted {
    messages: Vec<MessageRow>,
    node: Option<NodeName>,
    contact: Option<Contact>,
}

pub(super) async fn play(args: Play, context: &Context) -> Result<Exit, Failure> {
    let id = args.id;
    let wanted = context.read("case_play", move |c| wanted(c, id)).await?;
    let refused = |text: String| Failure::new(Exit::Refused, text);
    if wanted.messages.is_empty() {
        return Err(refused(format!("case {id} has no message that can be played")));
    }
    let messages = playable(wanted.messages.clone(), &Recordings::new(&context.settings.voicemail)).await;
    if messages.is_empty() {
        return Err(refused(format!("case {id} has no message that can be played: the files are missing")));
    }
    let nobody = || format!("nobody has case {id}: name a phone, such as --at user/1001");
    let contact = args.at.or(wanted.contact).ok_or_else(|| refused(nobody()))?;
    let nodes = &context.settings.switch.nodes;
    let node = nodes.iter().find(|node| Some(&node.name) == wanted.node.as_ref()).or_else(|| nodes.first());
    let Some(node) = node else {
        return Err(refused("no FreeSWITCH is named: add [[switch.nodes]] to the settings".to_owned()));
    };
    let patient = crate::config::switch::NodeSettings {
        command_timeout: Duration::from_secs(RINGS + 10),
        ..node.clone()
    };
    let unreachable = |error: ProbeError| Failure::new(Exit::Unreachable, error.to_string());
    let mut probe = Probe::connect(&patient).await.map_err(unreachable)?;
    let sounds: Vec<(MessageId, Sound)> =
        messages.iter().filter_map(|message| Some((message.id, sound(message, context)?))).collect();
    let heard = ring(&mut probe, &contact, &sounds).await.map_err(unreachable)?;
    probe.close().await;
    let heard = heard.map_err(|cause| refused(format!("{contact} did not answer: {cause}")))?;
    let (by, at) = (context.by.clone(), context.now());
    let ids = heard.clone();
    context
        .write("messages_heard", move |c| ids.iter().try_for_each(|id| messages::heard(c, *id, &by, at)))
        .await?;
    let line = Sentence::of("played on {contact}: {heard} of {count} messages")
        .with("contact", contact.to_string().as_str())
        .with("heard", crate::render::Cell::count(heard.len()))
        .with("count", crate::render::Cell::count(wanted.messages.len()));
    context.say(&line, &json!({ "case": id, "at": contact, "heard": heard, "messages": wanted.messages }))?;
    Ok(Exit::Done)
}

fn wanted(c: &mut Database, id: CaseId) -> Result<Wanted, StoreError> {
    let case = cases::get(c, id)?;
    let mut all = messages::of_case(c, id)?;
    all.retain(|message| message.path.is_some());
    let node = all.first().map(|message| messages::node_of(c, message.call)).transpose()?;
    let rules = rules::load(c)?;
    let of_agent = |name: &AgentName| rules.agents.get(name)?.contacts.first().cloned();
    Ok(Wanted { messages: all, node, contact: case.assignee.as_ref().and_then(of_agent) })
}

/// Leaves out messages whose file is missing or holds no sound: FreeSWITCH goes on after what it cannot play, so they would
/// count as heard. Where the files cannot be looked at, none is left out.
async fn playable(mut all: Vec<MessageRow>, recordings: &Recordings) -> Vec<MessageRow> {
    if recordings.is_reachable() {
        let mut there = Vec::new();
        for message in all {
            let Some(path) = message.path.as_deref() else { continue };
            if !matches!(recordings.length_ms(path).await, Ok(None)) {
                there.push(message);
            }
        }
        all = there;
    }
    all
}

/// When the message was left, then the message.
fn sound(message: &MessageRow, context: &Context) -> Option<Sound> {
    let sounds = &context.settings.sounds;
    let prompts = Prompts::open(sounds.prompts.clone(), sounds.missing_prompt.clone(), sounds.longest_prompt);
    let zone = context.zone();
    let day = |at: UnixMs| civil_date(zone, at);
    let local = message.begun_at.utc().with_timezone(&zone);
    let minutes = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or_default();
    let said = Day::seen_from(day(context.now()), day(message.begun_at)).said(sounds.language);
    let header =
        prompts.sound(sounds.language, &said.then(TimeOfDay::of_minutes(minutes).at(sounds.language)));
    let file: Sound = message.path.as_ref()?.parse().ok()?;
    Sound::chain(header.into_iter().chain([file]).collect())
}

/// Rings the phone and plays. Returns the messages that were played to their end, or why nobody picked up.
async fn ring(
    probe: &mut Probe,
    contact: &Contact,
    sounds: &[(MessageId, Sound)],
) -> Result<Result<Vec<MessageId>, String>, ProbeError> {
    let variables =
        format!("ignore_early_media=true,originate_timeout={RINGS},origination_caller_id_name=dozvon");
    let answer = probe.ask(&format!("originate {{{variables}}}{} &park()", dial_string(contact))).await?;
    let Some(channel) =
        answer.trim().strip_prefix("+OK ").and_then(|id| uuid::Uuid::try_parse(id.trim()).ok())
    else {
        return Ok(Err(answer.trim().trim_start_matches("-ERR ").to_owned()));
    };
    // The pause lets the last of the marks be read before the channel is gone.
    let steps: Vec<String> = sounds
        .iter()
        .map(|(id, sound)| format!("playback:{sound}^set:{HEARD}={id}"))
        .chain(["sleep:1000".to_owned(), "hangup:".to_owned()])
        .collect();
    probe.ask(&format!("uuid_transfer {channel} 'm:^:{}' inline", steps.join("^"))).await?;
    let mut last = None;
    while probe.ask(&format!("uuid_exists {channel}")).await?.trim() == "true" {
        let mark = probe.ask(&format!("uuid_getvar {channel} {HEARD}")).await?;
        last = mark.trim().parse().ok().map(MessageId).or(last);
        tokio::time::sleep(POLL).await;
    }
    let heard = sounds.iter().map(|(id, _)| *id).filter(|id| last.is_some_and(|last| *id <= last));
    Ok(Ok(heard.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::voicemail::Settings;
    use crate::ids::CallId;

    fn message(id: i64, path: &std::path::Path) -> MessageRow {
        MessageRow {
            id: MessageId(id),
            call: CallId(uuid::Uuid::nil()),
            voicemail: "requests".parse().unwrap(),
            path: Some(path.display().to_string()),
            language: None,
            begun_at: UnixMs(0),
            ended_at: None,
            length_ms: Some(5000),
            heard_at: None,
            heard_by: None,
        }
    }

    #[tokio::test]
    async fn a_message_whose_file_is_missing_is_not_played() {
        let folder = tempfile::tempdir().unwrap();
        let (there, gone) = (folder.path().join("there.wav"), folder.path().join("gone.wav"));
        let mut wav = vec![0_u8; 44 + 16_000];
        wav[..4].copy_from_slice(b"RIFF");
        wav[8..12].copy_from_slice(b"WAVE");
        wav[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
        std::fs::write(&there, &wav).unwrap();
        let all = || vec![message(1, &gone), message(2, &there)];
        let of = |reachable| {
            let folder = folder.path().to_str().unwrap().parse().unwrap();
            Recordings::new(&Settings { folder, reachable, ..Settings::default() })
        };
        let ids = |messages: Vec<MessageRow>| messages.iter().map(|m| m.id.0).collect::<Vec<_>>();
        assert_eq!(ids(playable(all(), &of(true)).await), [2]);
        assert_eq!(ids(playable(all(), &of(false)).await), [1, 2], "only FreeSWITCH can know");
    }
}
