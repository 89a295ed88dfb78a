//! Checks whether callers can leave messages, and whether old messages can be deleted.

use super::super::Context;
use super::Finding;
use crate::clock::UnixMs;
use crate::recordings::{NotReady, Recordings};
use crate::rules::Rules;
use crate::store::Database;
use crate::store::messages;

/// How many files that cannot be deleted are looked for.
const FILES: i64 = 1000;

/// Returns lines about the folder of messages, if a voicemail uses it, and about files that cannot be deleted.
pub(super) async fn check(context: &Context, rules: Option<&Rules>) -> Vec<Finding> {
    let mut lines = Vec::new();
    let settings = &context.settings.voicemail;
    if rules.is_some_and(|rules| !rules.voicemails.is_empty()) {
        let folder = settings.folder.as_str();
        lines.push(match Recordings::new(settings).ready().await {
            Ok(()) if settings.reachable => Finding::ok("voicemail", format!("messages go to {folder}")),
            Ok(()) => {
                let detail = format!("messages go to {folder}, which only FreeSWITCH has: it is not checked");
                Finding::ok("voicemail", detail)
            }
            // Callers are called back without a message.
            Err(why @ NotReady::Missing(_)) => Finding::advice("voicemail", why.to_string(), why.remedy()),
            Err(why) => Finding::wrong("voicemail", why.to_string(), why.remedy()),
        });
    }
    lines.extend(undeleted(context).await);
    lines
}

/// Returns a line if the files of messages that must go cannot be deleted.
async fn undeleted(context: &Context) -> Option<Finding> {
    let read = |c: &mut Database| messages::files_to_delete(c, UnixMs(i64::MAX), FILES);
    let files = context.store().await.ok()?.read("files_to_delete", read).await.ok()?;
    let failed: Vec<_> = files.into_iter().filter_map(|file| Some((file.path, file.last_error?))).collect();
    let (path, error) = failed.first()?;
    let detail = format!("{} messages that must go cannot be deleted, such as {path}: {error}", failed.len());
    Some(Finding::wrong("voicemail", detail, "let dozvon's user write to the folder, or delete them by hand"))
}
