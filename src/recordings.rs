//! The folder of messages: whether FreeSWITCH can record there, and what is in it.
//!
//! In: the settings. Out: paths for FreeSWITCH, and answers about files. The folder may hang, as one on another machine
//! does, so each answer has a limit.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::voicemail::Settings;
use crate::sound::Sound;

/// How long the folder may take to answer.
const LIMIT: Duration = Duration::from_secs(2);
/// For how long nobody is recorded after FreeSWITCH could not make a file.
const PAUSE: Duration = Duration::from_mins(1);
/// The head of a WAV file as libsndfile writes it.
const HEAD: u64 = 44;

/// Why a caller cannot leave a message now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// There is no folder.
    #[error("there is no folder {0}")]
    Missing(String),
    /// Nothing can be written there.
    #[error("nothing can be written into {0}: {1}")]
    Unwritable(String, String),
    /// The disk is full, or nearly.
    #[error("{0} has {1} MB of free space, and [voicemail] min_free_mb is {2}")]
    Full(String, u64, u64),
    /// The folder does not answer.
    #[error("{0} does not answer: it may be on a machine that is down")]
    Hangs(String),
    /// FreeSWITCH could not make a file a moment ago.
    #[error("FreeSWITCH could not make a file in {0}")]
    Refused(String),
}

impl NotReady {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "make it, or name another in [voicemail] folder: `install -d -o freeswitch -g dozvon -m 2770 FOLDER`"
            }
            Self::Unwritable(..) | Self::Refused(_) => {
                "let the users of FreeSWITCH and dozvon write there: `chown freeswitch:dozvon FOLDER; chmod 2770 FOLDER`"
            }
            Self::Full(..) => "free some space, or lower [retention] calls so that old messages are deleted",
            Self::Hangs(_) => "start that machine, or name another folder in [voicemail] folder",
        }
    }
}

/// The folder of messages.
#[derive(Debug)]
pub struct Recordings {
    settings: Settings,
    refused_at: Mutex<Option<Instant>>,
}

impl Recordings {
    /// The folder of the settings. It is looked at only when somebody asks.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), refused_at: Mutex::default() }
    }

    /// A new file for FreeSWITCH.
    #[must_use]
    pub fn new_file(&self) -> Sound {
        self.settings.folder.file(&format!("{}.wav", uuid::Uuid::new_v4()))
    }

    /// What FreeSWITCH takes for silence.
    #[must_use]
    pub const fn silence_level(&self) -> u32 {
        self.settings.silence_level
    }

    /// Whether files can be looked at, and deleted.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        self.settings.reachable
    }

    /// Notes that FreeSWITCH has hung up on a caller whose file it could not make.
    pub fn refused(&self) {
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a caller can leave a message.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let folder = self.settings.folder.as_str().to_owned();
        let refused = *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(NotReady::Refused(folder));
        }
        if !self.settings.reachable {
            return Ok(());
        }
        let (path, least) = (PathBuf::from(&folder), self.settings.min_free_mb);
        within(move || look(&path, least)).await.unwrap_or(Err(NotReady::Hangs(folder)))
    }

    /// How long a recording is; none if the file is missing, or holds no sound.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn length_ms(&self, file: &str) -> std::io::Result<Option<u64>> {
        let file = PathBuf::from(file);
        within(move || length_ms(&file)).await.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// Deletes a recording. One that is missing counts as deleted.
    ///
    /// # Errors
    /// If it cannot be deleted, or dozvon does not have the folder.
    pub async fn delete(&self, file: &str) -> std::io::Result<()> {
        if !self.settings.reachable {
            return Err(std::io::Error::other(
                "[voicemail] reachable is false: delete it on the machine that has it",
            ));
        }
        let file = PathBuf::from(file);
        let delete = move || match std::fs::remove_file(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done,
        };
        within(delete).await.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

/// Asks the folder in a thread of its own. None if it does not answer in time.
async fn within<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let asked = tokio::task::spawn_blocking(ask);
    tokio::time::timeout(LIMIT, asked).await.ok().and_then(Result::ok)
}

fn look(folder: &Path, least_mb: u64) -> Result<(), NotReady> {
    let shown = folder.display().to_string();
    if !folder.is_dir() {
        return Err(NotReady::Missing(shown));
    }
    let unwritable = |error: &dyn std::fmt::Display| NotReady::Unwritable(shown.clone(), error.to_string());
    let space = rustix::fs::statvfs(folder).map_err(|error| unwritable(&error))?;
    let free_mb = space.f_bavail.saturating_mul(space.f_frsize) / 1_000_000;
    if free_mb < least_mb {
        return Err(NotReady::Full(shown, free_mb, least_mb));
    }
    let probe = tempfile::Builder::new().prefix(".dozvon-").tempfile_in(folder);
    probe.map(drop).map_err(|error| unwritable(&error))
}

/// The length by the size of the file: while FreeSWITCH records, and after its crash, the head tells none.
fn length_ms(file: &Path) -> std::io::Result<Option<u64>> {
    use std::io::Read as _;
    let mut opened = match std::fs::File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let size = opened.metadata()?.len();
    let mut head = Vec::new();
    opened.by_ref().take(HEAD).read_to_end(&mut head)?;
    let bytes_a_second = match (head.get(..4), head.get(8..12), head.get(28..32)) {
        (Some(b"RIFF"), Some(b"WAVE"), Some(&[a, b, c, d])) => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => return Ok(None),
    };
    let sound = size.saturating_sub(HEAD).saturating_mul(1000);
    Ok(sound.checked_div(bytes_a_second).filter(|length| *length > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recordings(folder: &Path, min_free_mb: u64) -> Recordings {
        let folder = folder.to_str().unwrap().parse().unwrap();
        Recordings::new(&Settings { folder, min_free_mb, ..Settings::default() })
    }

    #[tokio::test]
    async fn what_keeps_callers_from_leaving_a_message_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let good = recordings(folder.path(), 1);
        assert_eq!(good.ready().await, Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of the look");
        let missing = recordings(&folder.path().join("none"), 1).ready().await.unwrap_err();
        assert!(matches!(missing, NotReady::Missing(_)), "{missing}");
        let full = recordings(folder.path(), u64::MAX).ready().await.unwrap_err();
        assert!(full.to_string().contains("min_free_mb"), "{full}");
        // A folder into which not even root can write.
        let unwritable = recordings(Path::new("/proc/self"), 0).ready().await.unwrap_err();
        assert!(matches!(unwritable, NotReady::Unwritable(..)), "{unwritable}");
        let elsewhere =
            Settings { folder: "/nowhere".parse().unwrap(), reachable: false, ..Settings::default() };
        assert_eq!(Recordings::new(&elsewhere).ready().await, Ok(()), "only FreeSWITCH can know");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_recorded_for_a_while_after_freeswitch_could_not() {
        let settings = Settings { reachable: false, ..Settings::default() };
        let recordings = Recordings::new(&settings);
        recordings.refused();
        assert!(matches!(recordings.ready().await, Err(NotReady::Refused(_))));
        tokio::time::advance(PAUSE).await;
        assert_eq!(recordings.ready().await, Ok(()));
    }

    #[tokio::test]
    async fn the_length_of_a_recording_without_an_end_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = recordings(folder.path(), 0);
        let file = folder.path().join("a.wav");
        let name = file.to_str().unwrap();
        assert_eq!(recordings.length_ms(name).await.unwrap(), None);
        let mut wav = vec![0_u8; 44 + 16_000 * 3];
        wav[..4].copy_from_slice(b"RIFF");
        wav[8..12].copy_from_slice(b"WAVE");
        wav[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
        std::fs::write(&file, &wav).unwrap();
        assert_eq!(recordings.length_ms(name).await.unwrap(), Some(3000));
        for broken in [&wav[..44], &wav[..20], b"no sound at all", &[0; 60][..]] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(recordings.length_ms(name).await.unwrap(), None, "{} bytes", broken.len());
        }
        recordings.delete(name).await.unwrap();
        recordings.delete(name).await.unwrap();
        assert!(!file.exists());
        std::fs::create_dir(&file).unwrap();
        assert!(recordings.delete(name).await.is_err(), "a folder is no recording");
    }
}
