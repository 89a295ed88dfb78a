//! What callers hear, as text: numbers are compared with those of another library, the rest with hand-written phrases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use chrono::{Days, NaiveDate, Weekday};
use dozvon::calendar::schedule::Interval;
use dozvon::language::Language;
use dozvon::spoken::{
    Case, Choice, Day, Gender, Key, Phrase, Sentence, TimeOfDay, cardinal, choice, date, duration,
    expected_wait, hours_today, in_time, next_opening, place, position, weekday,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

type Texts = BTreeMap<String, String>;

fn texts(language: Language) -> Texts {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("prompts/{language}.toml"));
    let table: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    let text =
        |value: &toml::Value| value.as_str().or_else(|| value.get("text")?.as_str()).unwrap().to_owned();
    table.iter().map(|(id, value)| (id.clone(), text(value))).collect()
}

/// The texts of a phrase, joined by spaces.
fn said(texts: &Texts, phrase: &Phrase) -> String {
    let text = |id: &str| texts.get(id).unwrap_or_else(|| panic!("{id} has no text")).as_str();
    phrase.ids().iter().map(|id| text(id.as_str())).collect::<Vec<_>>().join(" ")
}

fn ru(phrase: &Phrase) -> String {
    said(&texts(Language::Ru), phrase)
}

fn en(phrase: &Phrase) -> String {
    said(&texts(Language::En), phrase)
}

/// A way to say numbers, as the facts name it.
type Form = (&'static str, Language, fn(u64) -> Phrase);

fn russian(number: u64, gender: Gender, case: Case) -> Phrase {
    cardinal(Language::Ru, number, gender, case)
}

const FORMS: [Form; 8] = [
    ("ru masculine nominative", Language::Ru, |it| russian(it, Gender::Masculine, Case::Nominative)),
    ("ru feminine nominative", Language::Ru, |it| russian(it, Gender::Feminine, Case::Nominative)),
    ("ru neuter nominative", Language::Ru, |it| russian(it, Gender::Neuter, Case::Nominative)),
    ("ru masculine genitive", Language::Ru, |it| russian(it, Gender::Masculine, Case::Genitive)),
    ("ru feminine genitive", Language::Ru, |it| russian(it, Gender::Feminine, Case::Genitive)),
    ("ru feminine accusative", Language::Ru, |it| russian(it, Gender::Feminine, Case::Accusative)),
    ("ru place", Language::Ru, |it| place(Language::Ru, it)),
    ("en cardinal", Language::En, |it| cardinal(Language::En, it, Gender::Neuter, Case::Nominative)),
];

#[test]
fn every_number_is_said_as_another_library_says_it() {
    let facts = include_str!("spoken/facts.txt");
    let facts: BTreeMap<&str, &str> =
        facts.lines().filter_map(|line| line.split_once(" = ").or_else(|| line.split_once(": "))).collect();
    for (form, language, number) in FORMS {
        let texts = texts(language);
        let mut samples = 0;
        let mut hash = Sha256::new();
        for each in 0..=9_999 {
            let ours = said(&texts, &number(each));
            if let Some(theirs) = facts.get(format!("{form} {each}").as_str()) {
                assert_eq!(ours, *theirs, "{form} {each}");
                samples += 1;
            }
            hash.update(format!("{ours}\n"));
        }
        assert_eq!(samples, 62, "{form}");
        let digest = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        assert_eq!(digest, facts[form], "{form}: a number that is no sample differs");
    }
}

#[test]
fn the_famous_traps_are_said_correctly() {
    for (number, masculine, feminine, genitive, ordinal) in [
        (11, "одиннадцать", "одиннадцать", "одиннадцати", "одиннадцатый"),
        (14, "четырнадцать", "четырнадцать", "четырнадцати", "четырнадцатый"),
        (20, "двадцать", "двадцать", "двадцати", "двадцатый"),
        (21, "двадцать один", "двадцать одна", "двадцати одной", "двадцать первый"),
        (40, "сорок", "сорок", "сорока", "сороковой"),
        (90, "девяносто", "девяносто", "девяноста", "девяностый"),
        (100, "сто", "сто", "ста", "сотый"),
        (111, "сто одиннадцать", "сто одиннадцать", "ста одиннадцати", "сто одиннадцатый"),
        (1000, "одна тысяча", "одна тысяча", "одной тысячи", "тысячный"),
        (2001, "две тысячи один", "две тысячи одна", "двух тысяч одной", "две тысячи первый"),
    ] {
        assert_eq!(ru(&russian(number, Gender::Masculine, Case::Nominative)), masculine);
        assert_eq!(ru(&russian(number, Gender::Feminine, Case::Nominative)), feminine);
        assert_eq!(ru(&russian(number, Gender::Feminine, Case::Genitive)), genitive);
        assert_eq!(ru(&place(Language::Ru, number)), ordinal);
    }
    assert_eq!(en(&place(Language::En, 21)), "number twenty one");
    let more = |number| cardinal(Language::En, number, Gender::Neuter, Case::Nominative);
    assert_eq!(more(10_000), more(9_999));
    assert_eq!(more(u64::MAX), more(9_999));
}

#[test]
fn durations_have_the_right_form_of_the_noun() {
    let mut expected = Vec::new();
    for (minutes, nominative, genitive, accusative, english) in [
        (0, "ноль минут", "ноля минут", "ноль минут", "zero minutes"),
        (1, "одна минута", "одной минуты", "одну минуту", "one minute"),
        (2, "две минуты", "двух минут", "две минуты", "two minutes"),
        (5, "пять минут", "пяти минут", "пять минут", "five minutes"),
        (11, "одиннадцать минут", "одиннадцати минут", "одиннадцать минут", "eleven minutes"),
        (12, "двенадцать минут", "двенадцати минут", "двенадцать минут", "twelve minutes"),
        (21, "двадцать одна минута", "двадцати одной минуты", "двадцать одну минуту", "twenty one minutes"),
        (60, "один час", "одного часа", "один час", "one hour"),
        (62, "один час две минуты", "одного часа двух минут", "один час две минуты", "one hour two minutes"),
        (120, "два часа", "двух часов", "два часа", "two hours"),
        (300, "пять часов", "пяти часов", "пять часов", "five hours"),
        (1260, "двадцать один час", "двадцати одного часа", "двадцать один час", "twenty one hours"),
    ] {
        let in_case = |case| ru(&duration(Language::Ru, minutes, case));
        expected.push((in_case(Case::Nominative), nominative));
        expected.push((in_case(Case::Genitive), genitive));
        expected.push((in_case(Case::Accusative), accusative));
        expected.push((en(&duration(Language::En, minutes, Case::Nominative)), english));
    }
    for (ours, right) in expected {
        assert_eq!(ours, right);
    }
    assert_eq!(ru(&in_time(Language::Ru, 21)), "примерно через двадцать одну минуту");
    assert_eq!(en(&in_time(Language::En, 21)), "in about twenty one minutes");
}

/// The rule of Russian grammars, read from the digits as written.
#[test]
fn a_noun_after_any_number_has_the_form_that_its_last_digits_ask_for() {
    let texts = texts(Language::Ru);
    for number in 1..=9_999_u64 {
        let digits = number.to_string();
        let teen = digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
        let (nominative, genitive) = match digits.as_bytes()[digits.len() - 1] {
            b'1' if !teen => (" час", " часа"),
            b'2'..=b'4' if !teen => (" часа", " часов"),
            _ => (" часов", " часов"),
        };
        for (case, noun) in [(Case::Nominative, nominative), (Case::Genitive, genitive)] {
            let text = said(&texts, &duration(Language::Ru, number * 60, case));
            assert!(text.ends_with(noun), "{number} {case:?}: {text}");
        }
    }
}

#[test]
fn times_of_the_day_are_said_as_people_say_them() {
    for (minutes, russian, english) in [
        (0, "в ноль часов", "at midnight"),
        (5, "в ноль часов пять минут", "at twelve oh five a.m."),
        (60, "в один час", "at one a.m."),
        (9 * 60 + 30, "в девять часов тридцать минут", "at nine thirty a.m."),
        (12 * 60, "в двенадцать часов", "at noon"),
        (12 * 60 + 21, "в двенадцать часов двадцать одну минуту", "at twelve twenty one p.m."),
        (18 * 60, "в восемнадцать часов", "at six p.m."),
        (23 * 60 + 59, "в двадцать три часа пятьдесят девять минут", "at eleven fifty nine p.m."),
        (24 * 60, "в ноль часов", "at midnight"),
        (25 * 60, "в один час", "at one a.m."),
    ] {
        let time = TimeOfDay::of_minutes(minutes);
        assert_eq!(ru(&time.at(Language::Ru)), russian);
        assert_eq!(en(&time.at(Language::En)), english);
    }
}

fn hours(intervals: &[(u16, u16)]) -> Vec<Interval> {
    let interval = |&(from, to): &(u16, u16)| Interval { opens_min: from, closes_min: to };
    intervals.iter().map(interval).collect()
}

#[test]
fn opening_hours_are_said_in_the_genitive() {
    for (intervals, russian, english) in [
        (vec![], "Сегодня мы не работаем.", "We are closed today."),
        (
            vec![(540, 1080)],
            "Сегодня мы работаем с девяти до восемнадцати часов",
            "Today we are open from nine a.m. to six p.m.",
        ),
        (
            vec![(570, 780), (840, 1260)],
            "Сегодня мы работаем с девяти часов тридцати минут до тринадцати часов и с четырнадцати до двадцати одного часа",
            "Today we are open from nine thirty a.m. to one p.m. and from two p.m. to nine p.m.",
        ),
        (
            vec![(60, 1440)],
            "Сегодня мы работаем с одного до двадцати четырёх часов",
            "Today we are open from one a.m. to midnight",
        ),
        (
            vec![(1320, 1470)],
            "Сегодня мы работаем с двадцати двух часов до ноля часов тридцати минут",
            "Today we are open from ten p.m. to twelve thirty a.m.",
        ),
        (vec![(0, 1440)], "Сегодня мы работаем круглосуточно.", "Today we are open all day and all night."),
    ] {
        let intervals = hours(&intervals);
        assert_eq!(ru(&hours_today(Language::Ru, &intervals)), russian);
        assert_eq!(en(&hours_today(Language::En, &intervals)), english);
    }
}

#[test]
fn the_next_opening_names_the_day_as_seen_from_today() {
    let today = NaiveDate::from_ymd_opt(2026, 11, 27).unwrap();
    for (days, russian, english) in [
        (0, "сегодня", "today"),
        (1, "завтра", "tomorrow"),
        (3, "в понедельник", "on Monday"),
        (4, "во вторник", "on Tuesday"),
        (6, "в четверг", "on Thursday"),
        (7, "четвёртого декабря", "on the fourth of December"),
        (24, "двадцать первого декабря", "on the twenty first of December"),
        (33, "тридцатого декабря", "on the thirtieth of December"),
    ] {
        let day = Day::seen_from(today, today + Days::new(days));
        let time = TimeOfDay::of_minutes(540);
        assert_eq!(
            ru(&next_opening(Language::Ru, day, time)),
            format!("Мы откроемся {russian} в девять часов")
        );
        assert_eq!(
            en(&next_opening(Language::En, day, time)),
            format!("We will open {english} at nine a.m.")
        );
    }
}

#[test]
fn callers_hear_their_place_and_the_wait() {
    for (number, russian, english) in [
        (1, "Ваш звонок следующий.", "You are next."),
        (2, "Вы второй в очереди.", "You are number two in the queue."),
        (21, "Вы двадцать первый в очереди.", "You are number twenty one in the queue."),
    ] {
        assert_eq!(ru(&position(Language::Ru, number)), russian);
        assert_eq!(en(&position(Language::En, number)), english);
    }
    assert_eq!(ru(&expected_wait(Language::Ru, 2)), "Примерное время ожидания: около двух минут");
    assert_eq!(en(&expected_wait(Language::En, 1)), "The expected wait is about one minute");
    assert_eq!(en(&expected_wait(Language::En, 0)), "The expected wait is less than one minute.");
    assert_eq!(
        ru(&choice(Language::Ru, Choice::LeaveRequest, Key::Digit(1))),
        "Чтобы оставить заявку, нажмите один"
    );
    assert_eq!(
        en(&choice(Language::En, Choice::OnDuty, Key::Hash)),
        "To speak to the person on duty, press hash"
    );
    assert_eq!(Key::of('7'), Some(Key::Digit(7)));
    assert_eq!((Key::of('*'), Key::of('#'), Key::of('A')), (Some(Key::Star), Some(Key::Hash), None));
}

/// Every phrase that the room can make in a language, one by one.
fn everything(language: Language) -> Vec<Phrase> {
    let cases = [Case::Nominative, Case::Genitive, Case::Accusative];
    let genders = [Gender::Masculine, Gender::Feminine, Gender::Neuter];
    let times: Vec<TimeOfDay> = (0..24 * 60).map(TimeOfDay::of_minutes).collect();
    let first = NaiveDate::from_ymd_opt(2028, 1, 1).unwrap();
    let dates = (0..366).map(|days| first + Days::new(days));
    let weekdays = (0..7).map(|day| Weekday::try_from(day).unwrap());
    let keys = "0123456789*#".chars().map(|key| Key::of(key).unwrap());
    let mut all: Vec<Phrase> = Sentence::ALL.iter().map(|&sentence| sentence.into()).collect();
    for number in 0..=9_999 {
        let forms = genders.into_iter().flat_map(|gender| cases.map(|case| (gender, case)));
        all.extend(forms.map(|(gender, case)| cardinal(language, number, gender, case)));
        all.extend(cases.map(|case| duration(language, number, case)));
        all.extend([place(language, number), position(language, number), expected_wait(language, number)]);
        all.push(in_time(language, number));
    }
    all.extend(times.iter().map(|time| time.at(language)));
    all.extend(times.iter().map(|time| TimeOfDay::span(*time, *time, language)));
    all.extend(dates.map(|day| date(language, day)));
    all.extend(weekdays.map(weekday));
    all.extend([Day::Today, Day::Tomorrow].map(|day| next_opening(language, day, times[0])));
    all.extend([&[][..], &[(0, 1440)], &[(60, 120), (180, 240)]].map(|it| hours_today(language, &hours(it))));
    all.extend(keys.flat_map(|key| Choice::ALL.iter().map(move |&it| choice(language, it, key))));
    all
}

#[test]
fn every_sound_has_a_text_and_every_text_a_use() {
    for &language in Language::ALL {
        let used: BTreeSet<String> =
            everything(language).iter().flat_map(Phrase::ids).map(ToString::to_string).collect();
        let there: BTreeSet<String> = texts(language).into_keys().collect();
        let missing: Vec<_> = used.difference(&there).collect();
        let idle: Vec<_> = there.difference(&used).collect();
        assert!(
            missing.is_empty() && idle.is_empty(),
            "{language}: without text {missing:?}, without use {idle:?}"
        );
    }
}

proptest! {
    /// Hours of any day are said, with one more span for each interval.
    #[test]
    fn any_hours_are_said(times in prop::collection::btree_set(0_u16..1440, 2..9)) {
        let times: Vec<u16> = times.into_iter().collect();
        let spans: Vec<(u16, u16)> = times.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        for (language, and) in [(Language::En, " and from "), (Language::Ru, " и с ")] {
            let text = said(&texts(language), &hours_today(language, &hours(&spans)));
            prop_assert_eq!(text.matches(and).count(), spans.len() - 1, "{}", text);
        }
    }
}
