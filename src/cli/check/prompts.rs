//! Checks whether every prompt can be played, here and on each FreeSWITCH.

use std::path::Path;

use super::Finding;
use crate::config::Settings;
use crate::language::Language;
use crate::prompts::{Problem, inspect, place, texts};
use crate::switch::{Probe, ProbeError};

/// How many missing prompts are named.
const NAMED: usize = 5;

/// Returns a line for each prompt's file that cannot be played, and one for all that are missing.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let folder = Path::new(settings.sounds.prompts.as_str());
    if !folder.is_dir() {
        let detail = format!("there is no folder {folder:?}: callers hear a tone instead of words");
        return vec![Finding::advice(
            "prompts",
            detail,
            "write the default sounds with `dozvon prompt install`",
        )];
    }
    let (mut lines, mut missing, mut good) = (Vec::new(), Vec::new(), 0);
    for place in Language::ALL.iter().flat_map(|&language| places(language)) {
        match inspect(&folder.join(&place), settings.sounds.longest_prompt) {
            Ok(_) => good += 1,
            Err(Problem::Missing) => missing.push(place),
            Err(problem) => {
                let detail = format!("{} cannot be played: {problem}", folder.join(&place).display());
                lines.push(Finding::wrong("prompts", detail, problem.remedy()));
            }
        }
    }
    if !missing.is_empty() {
        let some: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
        let more = if missing.len() > NAMED { " and others" } else { "" };
        let count = missing.len();
        let detail = format!("{count} are missing in {}: {}{more}", folder.display(), some.join(", "));
        lines.push(Finding::wrong("prompts", detail, Problem::Missing.remedy()));
    }
    if lines.is_empty() {
        lines.push(Finding::ok("prompts", format!("{good} prompts in {}", folder.display())));
    }
    lines
}

fn places(language: Language) -> Vec<String> {
    texts(language).unwrap_or_default().iter().map(|text| place(language, &text.id)).collect()
}

/// Returns a line if this FreeSWITCH does not see the folder of prompts.
pub(super) async fn on_node(
    probe: &mut Probe,
    what: &str,
    settings: &Settings,
) -> Result<Option<Finding>, ProbeError> {
    let folder = settings.sounds.prompts.as_str().trim_end_matches('/');
    let Some(place) = places(Language::En).into_iter().find(|place| Path::new(folder).join(place).is_file())
    else {
        return Ok(None);
    };
    if probe.ask(&format!("file_exists {folder}/{place}")).await?.trim() == "true" {
        return Ok(None);
    }
    let detail = format!("it has no {folder}/{place}: its callers hear nothing instead of words");
    let remedy = "run `dozvon prompt install` on its machine too, and let FreeSWITCH's user read the folder";
    Ok(Some(Finding::wrong(format!("{what}: prompts"), detail, remedy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::shipped;

    #[test]
    fn each_bad_file_is_named_with_its_place_and_remedy() {
        let root = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.sounds.prompts = root.path().join("prompts").to_str().unwrap().parse().unwrap();
        let lines = |settings: &Settings| {
            let line = |it: &Finding| format!("{}|{}|{}", it.state, it.detail, it.remedy);
            check(settings).iter().map(line).collect::<Vec<_>>()
        };
        assert!(lines(&settings)[0].starts_with("advice|there is no folder"), "{:?}", lines(&settings));
        let folder = root.path().join("prompts");
        for &language in Language::ALL {
            std::fs::create_dir_all(folder.join(language.as_str())).unwrap();
            for text in texts(language).unwrap() {
                let place = place(language, &text.id);
                std::fs::write(folder.join(&place), shipped(language, &text.id).unwrap()).unwrap();
            }
        }
        assert!(lines(&settings)[0].starts_with("ok|"), "{:?}", lines(&settings));
        let good = std::fs::read(folder.join("en/goodbye.wav")).unwrap();
        let with = |at: usize, byte: u8| {
            let mut changed = good.clone();
            changed[at] = byte;
            changed
        };
        let long: Vec<u8> = [good.clone(), vec![0; 200_000]].concat();
        let long =
            [&long[..4], &300_000_u32.to_le_bytes(), &long[8..56], &200_000_u32.to_le_bytes(), &long[60..]];
        for (name, bytes, problem) in [
            ("en/and.wav", Vec::new(), "it is empty"),
            ("en/am.wav", b"ID3 tag of an mp3".to_vec(), "it is not a WAV file"),
            ("en/at.wav", with(20, 0x55), "its coding (WAV format 85) is not"),
            ("en/done.wav", with(22, 2), "it has 2 channels instead of one"),
            ("en/from.wav", with(25, 0x3e), "its rate is 15936 Hz instead of 8000"),
            ("en/hash.wav", long.concat(), "it lasts 2m3s80ms, and [sounds] longest_prompt is 1m"),
        ] {
            std::fs::write(folder.join(name), bytes).unwrap();
            let said = lines(&settings);
            assert!(
                said.iter().any(|line| line.contains(name) && line.contains(problem)),
                "{name}: {said:?}"
            );
        }
        std::fs::remove_file(folder.join("ru/and.wav")).unwrap();
        let said = lines(&settings);
        assert!(
            said.iter().any(|line| line.starts_with("wrong|1 are missing in") && line.contains("ru/and.wav"))
        );
        assert_eq!(said.len(), 7, "{said:?}");
    }
}
