//! `dozvon prompt`: the default sounds, made sounds, and recordings that must stay.

use std::path::Path;
use std::time::Duration;

use dozvon::language::Language;
use dozvon::prompts::{inspect, place, texts};

use crate::support::command::Workdir;

/// A folder whose settings name the folder `prompts` in it.
fn workdir() -> Workdir {
    let work = Workdir::of("olga");
    let settings = format!("[sounds]\nprompts = \"{}\"\n", work.path("prompts").display());
    work.write("dozvon.toml", &settings);
    work
}

/// How many prompts there are.
fn all() -> usize {
    Language::ALL.iter().map(|&language| texts(language).unwrap().len()).sum()
}

fn duration(file: &Path) -> Duration {
    let header = inspect(file, Duration::from_secs(60))
        .unwrap_or_else(|problem| panic!("{problem}: {}", file.display()));
    assert_eq!((header.channels, header.rate, header.coding), (1, 8000, "GSM"), "{}", file.display());
    Duration::from_millis(header.duration_ms)
}

#[test]
fn the_default_sounds_are_complete_small_and_of_a_sensible_length() {
    let work = workdir();
    assert_eq!(
        work.ok("prompt list --wrong --json").lines().filter(|line| line.contains("\"prompt\"")).count(),
        all()
    );
    work.ok("prompt install");
    let mut size = 0;
    for &language in Language::ALL {
        for text in texts(language).unwrap() {
            let file = work.path("prompts").join(place(language, &text.id));
            let lasts = duration(&file);
            // Nobody speaks faster than 30 letters a second, or slower than 3.
            let letters = u32::try_from(text.text.chars().count()).unwrap();
            let (least, most) = (letters * Duration::from_millis(33), letters * Duration::from_millis(250));
            let pause = Duration::from_millis(500);
            assert!(lasts >= least && lasts <= most + pause, "{language} {}: {lasts:?}", text.id);
            size += std::fs::metadata(&file).unwrap().len();
        }
    }
    assert!(size < 1_500_000, "{size} bytes");
    assert_eq!(work.ok("prompt list --wrong --json").trim(), "[]");
    let notice = std::fs::read_to_string(work.path("prompts/NOTICE")).unwrap();
    assert!(notice.contains("Nickolay V. Shmyrev") && notice.contains("Carnegie Mellon"));
}

#[test]
fn a_recording_stays_until_it_is_replaced_on_purpose() {
    let work = workdir();
    work.ok("prompt install");
    let file = work.path("prompts/en/goodbye.wav");
    let default = std::fs::read(&file).unwrap();
    std::fs::write(&file, "a recording").unwrap();
    let said = work.ok("prompt install --json");
    assert!(
        said.contains("\"left_alone\": 1") && said.contains(&format!("\"unchanged\": {}", all() - 1)),
        "{said}"
    );
    let said = work.ok("prompt list --wrong");
    assert!(said.contains("goodbye") && said.contains("it is not a WAV file"), "{said}");
    work.ok("prompt install --force");
    assert_eq!(std::fs::read(&file).unwrap(), default);
}

/// A program that speaks: it gives the same sound for every text, and keeps the text.
const SPEAKER: &str = "cat \"$1\" >> \"$3\" && cp \"$4\" \"$2\"\n";

/// A second of silence and one of a buzz, 16-bit samples at 16 kHz.
fn buzz() -> Vec<u8> {
    let sample = |at: i32| if at < 16_000 { 0 } else { (at * 331 % 9001 - 4500) as i16 };
    let data: Vec<u8> = (0..32_000).flat_map(|at| sample(at).to_le_bytes()).collect();
    let size = u32::try_from(data.len()).unwrap();
    let format: Vec<u8> =
        [16_u32, 0x1_0001, 16_000, 32_000, 0x10_0002].iter().flat_map(|it| it.to_le_bytes()).collect();
    [b"RIFF", &(36 + size).to_le_bytes()[..], b"WAVEfmt ", &format, b"data", &size.to_le_bytes(), &data]
        .concat()
}

#[test]
fn another_program_makes_the_sounds_and_is_named_when_it_fails() {
    let work = workdir();
    work.write("speak.sh", SPEAKER);
    std::fs::write(work.path("buzz.wav"), buzz()).unwrap();
    let [script, kept, sound] =
        ["speak.sh", "kept", "buzz.wav"].map(|name| work.path(name).display().to_string());
    let command = format!("sh {script} {{text}} {{file}} {kept} {sound}");
    let make = |command: &str, more: &[&str]| {
        let mut words = vec!["prompt", "make", "--language", "ru", "--to", "made", "--with", command];
        words.extend(more);
        work.run(&words[..])
    };
    let run = make(&command, &["number-40-gen", "goodbye"]);
    assert_eq!(run.code, 0, "{}", run.err);
    // The text, without the marks that are for the default voice. The order is that of the texts.
    assert_eq!(std::fs::read_to_string(work.path("kept")).unwrap(), "сорока\nДо свидания.\n");
    let (word, sentence) =
        (duration(&work.path("made/ru/number-40-gen.wav")), duration(&work.path("made/ru/goodbye.wav")));
    // The second of silence is cut, and a sentence is followed by a pause.
    assert_eq!(word.as_millis(), 1040);
    assert_eq!(sentence.as_millis(), 1280);
    for (command, ids, code, message) in [
        ("no-such-program {text} {file}", "goodbye", 1, "no-such-program: No such file"),
        ("false {text} {file}", "goodbye", 1, "false has failed"),
        ("true {text} {file}", "goodbye", 1, "wrote no sound for \"До свидания.\": it is empty"),
        ("espeak-ng -w {file}", "goodbye", 2, "name {text} and {file} in it"),
        ("true {text} {file}", "godbye", 3, "there is no prompt godbye"),
    ] {
        let run = make(command, &[ids]);
        assert_eq!(run.code, code, "{}", run.err);
        assert!(run.err.contains(message), "{}", run.err);
    }
}
