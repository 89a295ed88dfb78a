//! A sentence that people read: written in English where it is made, said in the reader's language where it is shown.

use std::borrow::Cow;

use super::text::show;
use super::{Cell, Language, Look};

/// A sentence with its values. The English text is the key of the table below, which holds the Russian.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sentence {
    template: Cow<'static, str>,
    values: Vec<(&'static str, Cell)>,
}

impl From<&'static str> for Sentence {
    fn from(template: &'static str) -> Self {
        Self { template: template.into(), values: Vec::new() }
    }
}

/// A text that is made of parts, such as a command to type: it is shown as it is, in every language.
impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self::of("{text}").with("text", text)
    }
}

impl Sentence {
    /// A sentence whose places, such as `{number}`, are filled by [`Self::with`].
    #[must_use]
    pub fn of(template: &'static str) -> Self {
        template.into()
    }

    /// Fills a place. A time is shown in the reader's zone, a word in the reader's language.
    #[must_use]
    pub fn with(mut self, place: &'static str, value: impl Into<Cell>) -> Self {
        debug_assert!(self.template.contains(&format!("{{{place}}}")), "{place} of {:?}", self.template);
        self.values.push((place, value.into()));
        self
    }

    /// The sentence as a reader sees it.
    #[must_use]
    pub fn said(&self, look: &Look) -> String {
        let mut text = String::new();
        let mut rest = translated(&self.template, look.language);
        while let Some((before, place, after)) = next_place(rest) {
            text.push_str(before);
            match self.values.iter().find(|(name, _)| *name == place) {
                Some((_, value)) => text.push_str(&show(value, look)),
                None => text.push_str(place),
            }
            rest = after;
        }
        text + rest
    }
}

/// The text before the next place, the place's name, and the text after it.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (place, after) = rest.split_once('}')?;
    Some((before, place, after))
}

fn translated(template: &str, language: Language) -> &str {
    let known = SENTENCES.iter().find(|(english, _)| *english == template);
    match (language, known) {
        (Language::Ru, Some((_, russian))) => russian,
        _ => template,
    }
}

/// English, Russian; in the order of the English.
const SENTENCES: &[(&str, &str)] = &[
    (
        "     copy listen-port and password from FreeSWITCH's autoload_configs/event_socket.conf.xml to [[switch.nodes]] in {settings}",
        "     перенесите listen-port и password из autoload_configs/event_socket.conf.xml FreeSWITCH в [[switch.nodes]] в {settings}",
    ),
    (
        "     if FreeSWITCH has no such file: dozvon dialplan{config} --socket --write FOLDER",
        "     если у FreeSWITCH нет этого файла: dozvon dialplan{config} --socket --write FOLDER",
    ),
    (
        "     on another machine: write it into any folder, and copy its dialplan/ over; all its files are new there",
        "     на другой машине: запишите в любую папку и скопируйте её dialplan/; все её файлы там новые",
    ),
    (
        "     this machine's zone is no place: set `zone`, and `region` in [phone], to those of your callers",
        "     часовой пояс машины не указывает на место: задайте `zone` и `region` в [phone] по вашим звонящим",
    ),
    (
        "  1. read {settings} and {rules}, and make them yours",
        "  1. прочитайте {settings} и {rules} и измените под себя",
    ),
    (
        "  2. dozvon dialplan{config} --write FOLDER && fs_cli -x reloadxml, where FOLDER is FreeSWITCH's configuration folder",
        "  2. dozvon dialplan{config} --write FOLDER && fs_cli -x reloadxml, где FOLDER — папка конфигурации FreeSWITCH",
    ),
    ("Next:", "Дальше:"),
    ("a dry run: nothing was changed", "пробный запуск: ничего не изменено"),
    (
        "case {case}, {number}: attempt {ordinal} of {cap} on {business_day}: {result}",
        "обращение {case}, {number}: попытка {ordinal} из {cap} за {business_day}: {result}",
    ),
    (
        "case {case}, {number}: attempt, not counted: {result}",
        "обращение {case}, {number}: попытка не учтена: {result}",
    ),
    ("case {case}: {result}", "обращение {case}: {result}"),
    (
        "deleted: {cases} cases, {calls} calls, {requests} requests, {outbox} events told, {refusals} refused dials, {do_not_call} expired do-not-call entries, {audit} audit entries; numbers taken out of {erased} attempts",
        "удалено: обращений {cases}, звонков {calls}, заявок {requests}, отправленных событий {outbox}, отклонённых наборов {refusals}, истёкших запретов {do_not_call}, записей аудита {audit}; номера убраны из попыток: {erased}",
    ),
    ("delivery {id} is tried again", "доставка {id} повторяется"),
    ("every number may be called", "звонить можно на все номера"),
    ("everything is in place", "всё в порядке"),
    ("it has no limits", "пределов нет"),
    (
        "law and house allow every limit of {policies} policies",
        "все пределы допустимы законом и правилами; политик: {policies}",
    ),
    ("no calls", "звонков нет"),
    ("no dial was refused", "отказов в наборе не было"),
    ("no missed calls", "пропущенных звонков нет"),
    ("no offers", "вызовов нет"),
    ("no requests", "заявок нет"),
    ("no such calls", "таких звонков нет"),
    ("no such cases", "таких обращений нет"),
    ("no such deliveries", "таких доставок нет"),
    ("no such entries", "таких записей нет"),
    ("nobody has called back yet", "ещё не перезванивали"),
    ("nobody serves it: callers wait until the overflow", "операторов нет: звонящие ждут до переполнения"),
    (
        "nobody serves the queue: callers wait until the overflow",
        "в очереди нет операторов: звонящие ждут до переполнения",
    ),
    ("nobody waits", "никто не ждёт"),
    ("none", "нет"),
    ("none of the {all} agents is so", "таких операторов нет (всего {all})"),
    ("not in order: {count}", "требует внимания: {count}"),
    (
        "not shown for lack of width: {columns} (--json has them)",
        "не поместились столбцы: {columns} (--json выводит все)",
    ),
    ("nothing from {from} to {to}", "за период с {from} по {to} данных нет"),
    ("nothing happened", "событий нет"),
    ("nothing is wrong; lines with advice: {count}", "ошибок нет; строк с советами: {count}"),
    ("nothing was changed yet", "изменений ещё не было"),
    ("nothing was known of the number", "об этом номере ничего не известно"),
    (
        "now tell FreeSWITCH: fs_cli -x reloadxml; then see: dozvon check",
        "теперь выполните: fs_cli -x reloadxml; затем: dozvon check",
    ),
    (
        "state what is allowed in the rules file and apply it: `dozvon apply`",
        "укажите допустимое в файле правил и примените его: `dozvon apply`",
    ),
    (
        "the agent serves no queue: give them one with `dozvon agent add NAME --replace --queue QUEUE`",
        "оператор не состоит в очередях: добавьте командой `dozvon agent add NAME --replace --queue QUEUE`",
    ),
    (
        "the audit is in order: {rows} entries after {from}, all sealed, head {head}",
        "аудит в порядке: записей после {from}: {rows}, все с печатью, последняя {head}",
    ),
    (
        "the audit is in order: {rows} entries after {from}, none sealed, head {head}",
        "аудит в порядке: записей после {from}: {rows}, без печатей, последняя {head}",
    ),
    (
        "the audit is in order: {rows} entries after {from}, sealed from {first} on, head {head}",
        "аудит в порядке: записей после {from}: {rows}, с печатью начиная с {first}, последняя {head}",
    ),
    ("the case is closed: {reason}", "обращение закрыто: {reason}"),
    ("the case: {stage}", "обращение: {stage}"),
    ("the case: {stage}, next at {at}", "обращение: {stage}, следующая попытка {at}"),
    ("the database {database} is up to date", "база данных {database} в актуальном состоянии"),
    (
        "the database {database} is up to date now: {count} migration(s) were run",
        "база данных {database} обновлена, миграций: {count}",
    ),
    (
        "the rules are those of the file already: nothing changes",
        "правила уже совпадают с файлом: изменений нет",
    ),
    (
        "there are no agents: add one with `dozvon agent add`",
        "операторов нет: добавьте командой `dozvon agent add`",
    ),
    ("there are no policies", "политик нет"),
    (
        "there are no queues: state them in a rules file and `dozvon apply` it",
        "очередей нет: опишите их в файле правил и выполните `dozvon apply`",
    ),
    ("there are no routes", "маршрутов нет"),
    (
        "there are no routes: state them in a rules file and `dozvon apply` it",
        "маршрутов нет: опишите их в файле правил и выполните `dozvon apply`",
    ),
    (
        "waits of answered calls: half at most {half}, 95 % at most {most}",
        "ожидание отвеченных звонков: половина не дольше {half}, 95 % не дольше {most}",
    ),
    ("written: {file}", "записано: {file}"),
    ("{database} is copied to {file} ({bytes} bytes)", "{database} скопирована в {file} (байт: {bytes})"),
    ("{destination} is sent to again", "отправка получателю {destination} возобновлена"),
    (
        "{destination} wants nothing since {at}: {why}; to send again: dozvon outbox enable {destination}",
        "{destination} ничего не принимает с {at}: {why}; возобновить: dozvon outbox enable {destination}",
    ),
    (
        "{file} is in force, but no setting makes it any more: --force removes it",
        "{file} действует, но настройками больше не создаётся: --force удалит его",
    ),
    (
        "{file} is kept: copy its listen-port and password to [[switch.nodes]] in dozvon.toml",
        "{file} не изменён: перенесите из него listen-port и password в [[switch.nodes]] в dozvon.toml",
    ),
    (
        "{file} is kept: put this inside its <network-lists>: {list}",
        "{file} не изменён: добавьте внутрь его <network-lists>: {list}",
    ),
    ("{number} is not called before {until}: {reason}", "на {number} не звоним до {until}: {reason}"),
    ("{number} is not called: {reason}", "на {number} не звоним: {reason}"),
    ("{number} may be called again", "на {number} снова можно звонить"),
    ("{retried} deliveries are tried again", "повторяется доставок: {retried}"),
];

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::clock::UnixMs;

    fn look(language: Language) -> Look {
        Look { language, zone: Tz::Europe__Moscow, colour: false, width: None }
    }

    #[test]
    fn a_sentence_is_said_in_the_language_and_zone_of_its_reader() {
        let sentence = Sentence::of("the case: {stage}, next at {at}")
            .with("stage", Cell::word("due"))
            .with("at", UnixMs(1_767_225_600_000));
        assert_eq!(sentence.said(&look(Language::En)), "the case: due, next at 2026-01-01 03:00:00");
        assert_eq!(
            sentence.said(&look(Language::Ru)),
            "обращение: пора звонить, следующая попытка 2026-01-01 03:00:00"
        );
    }

    #[test]
    fn a_value_cannot_name_a_place() {
        let sentence = Sentence::of("{number} may be called again").with("number", "{number}\u{1b}[31m");
        assert_eq!(sentence.said(&look(Language::En)), "{number}·[31m may be called again");
    }

    #[test]
    fn sentences_are_in_order_and_keep_their_places() {
        for pair in SENTENCES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?} then {:?}", pair[0].0, pair[1].0);
        }
        let places = |text: &str| {
            let (mut found, mut rest) = (Vec::new(), text);
            while let Some((_, place, after)) = next_place(rest) {
                found.push(place.to_owned());
                rest = after;
            }
            found.sort_unstable();
            found
        };
        for (english, russian) in SENTENCES {
            assert_eq!(places(english), places(russian), "{english:?}");
        }
    }

    /// The sources of the command line, as one text.
    fn sources() -> String {
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli"))];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    text.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        text
    }

    #[test]
    fn whatever_the_command_line_says_is_said_in_russian_too() {
        let text = sources();
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
                assert!(SENTENCES.iter().any(|(known, _)| known == &english), "{english:?} has no Russian");
                seen += 1;
            }
        }
        assert!(seen > 40, "only {seen} sentences were found: have the sources another form?");
    }

    #[test]
    fn every_heading_has_russian() {
        let text = sources();
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
        assert!(
            fields.len() > 150,
            "only {} fields were found: have the sources another form?",
            fields.len()
        );
        fields.sort_unstable();
        fields.dedup();
        let english = |text: &str| text.chars().any(|c| c.is_ascii_lowercase());
        let missing: Vec<_> =
            fields.iter().filter(|field| english(&super::super::heading(Language::Ru, field))).collect();
        assert!(missing.is_empty(), "no Russian for {missing:?}");
    }
}
