use super::*;
use crate::calendar::schedule::tests::schedule;

const ZONE: Tz = Tz::Europe__Moscow;

fn office() -> Schedule {
    schedule(
        "Europe/Moscow",
        &["mon-fri 09:00-13:00, 14:00-18:00"],
        &["2027-01-11 closed", "2027-03-01 closed"],
    )
}

/// The exceptions of the office with a calendar, as text.
fn told(format: Format, text: &str) -> Vec<String> {
    let dates = read(format, text, ZONE).unwrap();
    let with = with_dates(&office(), &dates, 60).unwrap();
    let hours = |hours: &[Interval]| hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    with.exceptions.iter().map(|(date, day)| format!("{date} {}", hours(day)).trim_end().to_owned()).collect()
}

#[test]
fn a_production_calendar_closes_shortens_and_moves_days() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
        <calendar year="2027" lang="ru" date="2026.10.01" country="ru">
            <holidays><holiday id="1" title="Новый год"/></holidays>
            <days>
                <day d="01.01" t="1" h="1"/><day d="01.02" t="1" h="1"/><day d="02.20" t="3"/>
                <day d="02.22" t="2"/><day d="03.01" t="3"/><day d="11.06" t="2"/>
            </days>
        </calendar>"#;
    // 2 January is a Saturday, on which the office is closed anyway; 20 February and 6 November are Saturdays too.
    assert_eq!(
        told(Format::Xml, xml),
        [
            "2027-01-01",
            "2027-01-11",
            "2027-02-20 09:00-13:00, 14:00-18:00",
            "2027-02-22 09:00-13:00, 14:00-17:00",
            "2027-11-06 09:00-13:00, 14:00-17:00",
        ]
    );
}

#[test]
fn lines_of_dates_and_of_years_are_read() {
    let lines = "date,hours\n# ours\n2027-01-01,closed\n2027-02-20,10:00-12:00,13:00-15:00\n2027-02-22,short\n2027-02-27,working\n";
    let dated = told(Format::Csv, lines);
    assert_eq!(
        dated[..5],
        [
            "2027-01-01",
            "2027-01-11",
            "2027-02-20 10:00-12:00, 13:00-15:00",
            "2027-02-22 09:00-13:00, 14:00-17:00",
            "2027-02-27 09:00-13:00, 14:00-18:00",
        ]
    );
    // Every Saturday and Sunday of 2027 but Saturday, 20 February; the 22nd is short, the 23rd off, the 26th moved.
    let weekends = |month: u32| {
        let first = NaiveDate::from_ymd_opt(2027, month, 1).unwrap();
        let days = first.iter_days().take_while(|date| date.month() == month);
        let off = days.filter(|date| matches!(date.weekday(), chrono::Weekday::Sat | chrono::Weekday::Sun));
        off.map(|date| date.day().to_string())
            .filter(|day| (month, day.as_str()) != (2, "20"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let months = (1..=12).map(|month| match month {
        1 => format!("\"{},1,11\"", weekends(1)),
        2 => format!("\"{},22*,23,26+\"", weekends(2)),
        3 => format!("\"{},1\"", weekends(3)),
        month => format!("\"{}\"", weekends(month)),
    });
    let year = format!("Год/Месяц,Январь\n2027,{}\n", months.collect::<Vec<_>>().join(","));
    assert_eq!(
        told(Format::Csv, &year),
        [
            "2027-01-01",
            "2027-01-11",
            "2027-02-20 09:00-13:00, 14:00-18:00",
            "2027-02-22 09:00-13:00, 14:00-17:00",
            "2027-02-23",
            "2027-02-26",
            "2027-03-01",
        ]
    );
}

fn ics(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{events}END:VCALENDAR\r\n")
}

fn event(times: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:New Year\r\n{times}END:VEVENT\r\n")
}

#[test]
fn whole_days_are_closed_and_times_are_open() {
    let days = event("DTSTART;VALUE=DATE:20261231\r\nDTEND;VALUE=DATE:20270102\r\n");
    let times = event("DTSTART:20270102T070000Z\r\nDTEND:20270102T090000Z\r\n");
    let theirs =
        event("DTSTART;TZID=Europe/Berlin:20270103T100000\r\nDTEND;TZID=Europe/Berlin:20270103T110000\r\n");
    let civil = event("DTSTART:20270103T200000\r\nDTEND:20270104T010000\r\n");
    assert_eq!(
        told(Format::Ics, &ics(&(days + &times + &theirs + &civil)))[..4],
        ["2026-12-31", "2027-01-01", "2027-01-02 10:00-12:00", "2027-01-03 12:00-13:00, 20:00-01:00"]
    );
}

#[test]
fn what_is_not_understood_is_named() {
    let said = |format, text: &str| read(format, text, ZONE).unwrap_err().to_string();
    assert!(said(Format::Xml, "<calendar").contains("not XML"));
    assert!(said(Format::Xml, "<calendar/>").contains("no year"));
    assert!(
        said(Format::Xml, "<calendar year=\"2027\"><day d=\"02.30\" t=\"1\"/></calendar>").contains("02.30")
    );
    assert!(
        said(Format::Xml, "<calendar year=\"2027\"><day d=\"02.20\" t=\"9\"/></calendar>")
            .contains("02.20 9")
    );
    assert!(said(Format::Xml, "<calendar year=\"2027\"/>").contains("names no day"));
    assert!(
        said(Format::Csv, "2027-01-01,closed\n2027-02-30,closed\n")
            .starts_with("line 2: \"2027-02-30,closed\"")
    );
    assert!(said(Format::Csv, "date,hours\n").contains("names no day"));
    assert!(
        said(Format::Ics, "hello").contains("not iCalendar")
            || said(Format::Ics, "hello").contains("names no day")
    );
    let yearly = ics(&event("DTSTART;VALUE=DATE:20261231\r\nRRULE:FREQ=YEARLY\r\n"));
    assert!(said(Format::Ics, &yearly).contains("\"New Year\" repeats"));
    let long = ics(&event("DTSTART:20270102T070000Z\r\nDTEND:20270105T090000Z\r\n"));
    assert!(said(Format::Ics, &long).contains("\"New Year\" has no beginning and end"));
    let overlap = ics(&(event("DTSTART:20270103T100000\r\nDTEND:20270103T120000\r\n")
        + &event("DTSTART:20270103T110000\r\nDTEND:20270103T130000\r\n")));
    let dates = read(Format::Ics, &overlap, ZONE).unwrap();
    assert!(with_dates(&office(), &dates, 60).is_err());
}

#[test]
fn a_short_day_may_lose_its_last_hours() {
    let hours = |minutes| {
        shortened(office().weekly[0].clone(), minutes).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(hours(60), ["09:00-13:00", "14:00-17:00"]);
    assert_eq!(hours(270), ["09:00-12:30"]);
    assert_eq!(hours(600), [""; 0]);
}
