//! What a caller says, as a file.

use crate::switch::caller::command::Recording;
use crate::switch::caller::{CallerEvent, PlayId, RecordEnd};
use crate::switch::event::Event;
use crate::switch::frames::SocketError;
use crate::switch::socket::Execute;

use super::CallerTask;

/// FreeSWITCH's variable for the length of the last recording. It would tell of an earlier one if a file cannot be opened.
const LENGTH: &str = "record_ms";

impl CallerTask {
    pub(super) async fn record(&mut self, id: PlayId, recording: &Recording) -> Result<(), SocketError> {
        let Recording { file, longest, silence, level, end_keys } = recording;
        self.end_sounds_by(end_keys).await?;
        self.set_variable(LENGTH, "0").await?;
        let seconds = |span: &std::time::Duration| span.as_millis().div_ceil(1000).max(1);
        let arg = format!("{file} {} {} {}", seconds(longest), (*level).max(1), seconds(silence));
        let name = id.0.to_string();
        let execute = Execute { app: "record", arg: &arg, id: &name, lock: true, forever: false };
        self.socket.execute(&execute).await?;
        self.recording = Some(id);
        Ok(())
    }

    pub(super) fn hear_recorded(&mut self, id: PlayId, event: &Event) {
        self.recording = None;
        let variable = |name: &str| event.get(name).map(String::from).unwrap_or_default();
        let length_ms = variable("variable_record_ms").parse().unwrap_or(0);
        let by = if variable("variable_silence_hits_exhausted") == "true" {
            RecordEnd::Silence
        } else if variable("variable_playback_terminator_used").is_empty() {
            RecordEnd::Other
        } else {
            RecordEnd::Key
        };
        self.push(CallerEvent::Recorded { id, length_ms, by });
    }
}
