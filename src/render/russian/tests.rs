use crate::language::Language;
use crate::render::russian::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Files whose errors only logs and operators of the other end read.
const NOT_FOR_PEOPLE: [&str; 10] = [
    "/src/sim/",
    "/src/web/",
    "/src/switch/",
    "/src/notify/",
    "/src/render/",
    "/src/metrics/",
    "/src/callback/",
    "/src/queue/board/",
    "/src/dispatch/",
    "tests",
];

fn pattern(text: &str) -> regex::Regex {
    regex::Regex::new(text).unwrap()
}

/// The sources below a folder, without their tests, by path.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            found.extend(sources(&name));
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let (code, _) = text.split_once("#[cfg(test)]\nmod tests").unwrap_or((&text, ""));
            found.push((name, code.to_owned()));
        }
    }
    found
}

/// The text of a literal as it is said, with 7 in each place.
fn example(literal: &str) -> String {
    let text = pattern(r"\\\n\s*").replace_all(literal, "");
    let text = text.replace("\\\"", "\"").replace("\\n", "\n").replace("{{", "\u{1}").replace("}}", "\u{2}");
    let text = pattern(r"\{[A-Za-z_0-9.()]*(:[^}]*)?\}").replace_all(&text, "7");
    text.replace('\u{1}', "{").replace('\u{2}', "}")
}

/// Words of English that no Russian sentence holds.
fn english(text: &str) -> Vec<String> {
    const WORDS: [&str; 22] = [
        "the", "is", "not", "of", "to", "in", "it", "are", "be", "with", "for", "no", "there", "this",
        "that", "has", "was", "write", "name", "such", "more", "by",
    ];
    let plain = pattern("`[^`]*`|\"[^\"]*\"|name =|\\[[^\\]]*\\]").replace_all(text, "");
    let words = pattern("[A-Za-z_-]+");
    words
        .find_iter(&plain)
        .map(|word| word.as_str().to_owned())
        .filter(|word| WORDS.contains(&word.as_str()))
        .collect()
}

/// What says something to people: calls, and statements that make their texts before.
const CALLS: &str = r"(?:#\[error|Failure::new|Refused|Faults::of_file|\.fault|refuse|\bbad|custom|faults\s*\.?push|missing|Finding::(?:ok|wrong|advice|down|unreachable))\(";
const STATEMENTS: &str = r"let (?:problem|remedy|message|why|what|detail|bound) = ";

/// Why people would not read this text in Russian.
fn fault(english_text: &str) -> Option<String> {
    match of_text(english_text) {
        None => Some(format!("{english_text:?} has no Russian")),
        Some(russian) if !english(&russian).is_empty() => {
            Some(format!("{english_text:?} is half in English: {russian:?}"))
        }
        Some(_) => None,
    }
}

/// The literals between the parentheses that open at `start`, or to the end of the statement.
fn literals(text: &str, start: usize) -> Vec<String> {
    let literal = pattern(r#"^"((?:[^"\\]|\\[\s\S])*)""#);
    let (mut depth, mut at, mut found) = (0_i32, start, Vec::new());
    while let Some(c) = text[at..].chars().next() {
        if let Some(whole) = literal.captures(&text[at..]) {
            found.push(whole[1].to_owned());
            at += whole[0].len();
            continue;
        }
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        if depth == 0 && ");".contains(c) {
            break;
        }
        at += c.len_utf8();
    }
    found
}

/// Everything that a call of one of these names says to people.
fn told(calls: &str) -> Vec<String> {
    let (call, is_text) = (pattern(calls), pattern("[a-z]{2} [a-z`{]"));
    let for_people = |(path, _): &(String, String)| !NOT_FOR_PEOPLE.iter().any(|part| path.contains(part));
    let files = sources(FOLDER).into_iter().filter(for_people);
    files
        .flat_map(|(_, text)| {
            call.find_iter(&text).flat_map(|found| literals(&text, found.end() - 1)).collect::<Vec<_>>()
        })
        .filter(|literal| is_text.is_match(literal))
        .map(|literal| example(&literal))
        .collect()
}

#[test]
fn forms_are_in_order_stand_once_and_keep_their_places() {
    let places = |text: &str| {
        let mut found = Vec::new();
        fill(text, |_| String::new());
        let mut rest = text;
        while let Some((_, place, after)) = next_place(rest) {
            assert!(
                after.is_empty() || !after.starts_with('{'),
                "two places side by side cannot be told apart: {text:?}"
            );
            found.push(place.trim_start_matches('*').to_owned());
            rest = after;
        }
        found.sort_unstable();
        found
    };
    let mut seen = std::collections::HashSet::new();
    for table in TABLES {
        for pair in table.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?} then {:?}", pair[0].0, pair[1].0);
        }
        for (english, russian) in table {
            assert!(seen.insert(english), "{english:?} stands twice");
            let (left, right) = (places(english), places(russian));
            assert!(right.iter().all(|place| left.contains(place)), "{english:?}: {right:?}");
        }
    }
}

#[test]
fn whatever_goes_wrong_is_said_in_russian_too() {
    let all: Vec<String> = [CALLS, STATEMENTS].into_iter().flat_map(told).collect();
    assert!(all.len() > 200, "only {} texts were found: have the sources another form?", all.len());
    let missing: Vec<String> = all.iter().filter_map(|text| fault(text)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn names_and_numbers_stay_what_they_are() {
    let said = |text: &str| crate::render::translate(Language::Ru, text);
    assert_eq!(said("there is no case 99"), "не найдено: обращение 99");
    assert_eq!(said("there is no queue case"), "не найдено: очередь case");
    assert_eq!(
        said(
            "\"x\" is not a duration: it is empty; write something like \"500ms\", \"20s\", \"15m\" or \"1h30m\""
        ),
        "\"x\" — не длительность: пусто; напишите, например, \"500ms\", \"20s\", \"15m\" или \"1h30m\""
    );
    assert_eq!(said("whatever: a stranger wrote"), "whatever: a stranger wrote");
    assert_eq!(crate::render::translate(Language::En, "there is no case 99"), "there is no case 99");
}

#[test]
fn whatever_the_command_line_says_is_said_in_russian_too() {
    let text: String = sources(&format!("{FOLDER}/cli")).into_iter().map(|(_, text)| text).collect();
    let sentences = [
        r#"Sentence::of\(\s*"([^"]+)""#,
        r#"Table::new\([^;]*?,\s*"([^"]+)",?\s*\)"#,
        r#"let empty = "([^"]+)";"#,
        r#"notes\.push\("([^"]+)"\.into"#,
    ];
    let mut seen = 0;
    for pattern in sentences {
        for found in regex::Regex::new(pattern).unwrap().captures_iter(&text) {
            let english = &found[1];
            assert!(of_template(english).is_some(), "{english:?} has no Russian");
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} sentences were found: have the sources another form?");
}

#[test]
fn every_heading_has_russian() {
    let text: String = sources(&format!("{FOLDER}/cli")).into_iter().map(|(_, text)| text).collect();
    let mut fields: Vec<String> = Vec::new();
    let list = regex::Regex::new(r#"(?:Table::new\(\s*&|let fields =\s*)\[([^\]]*)\]"#).unwrap();
    let word = regex::Regex::new(r#""([a-z_]+)""#).unwrap();
    for found in list.captures_iter(&text) {
        fields.extend(word.captures_iter(&found[1]).map(|field| field[1].to_owned()));
    }
    let named = regex::Regex::new(r#"\.(?:with|and)\(\s*"([a-z_]+)","#).unwrap();
    let sheets = text.split("Sheet::default()").skip(1).filter_map(|part| part.split(';').next());
    for sheet in sheets {
        fields.extend(named.captures_iter(sheet).map(|field| field[1].to_owned()));
    }
    assert!(fields.len() > 150, "only {} fields were found: have the sources another form?", fields.len());
    fields.sort_unstable();
    fields.dedup();
    let latin = |text: &str| text.chars().any(|c| c.is_ascii_lowercase());
    let missing: Vec<_> =
        fields.iter().filter(|field| latin(&crate::render::heading(Language::Ru, field))).collect();
    assert!(missing.is_empty(), "no Russian for {missing:?}");
}
