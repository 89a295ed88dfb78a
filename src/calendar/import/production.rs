//! Production calendars in XML: `<calendar year="2027"><days><day d="01.01" t="1"/>…`, as xmlcalendar.ru publishes them.

use chrono::NaiveDate;

use super::{Dates, Day, InvalidCalendar};

/// Reads the days of the year.
pub(super) fn read(text: &str) -> Result<Dates, InvalidCalendar> {
    let document = roxmltree::Document::parse(text)
        .map_err(|error| InvalidCalendar::Xml { reason: error.to_string() })?;
    let root = document.root_element();
    let year: i32 = root.attribute("year").and_then(|year| year.parse().ok()).ok_or(InvalidCalendar::Year)?;
    let days = root.descendants().filter(|node| node.has_tag_name("day"));
    days.map(|node| {
        let (date, kind) = (node.attribute("d").unwrap_or_default(), node.attribute("t").unwrap_or_default());
        let unread = || InvalidCalendar::Day { given: format!("{date} {kind}") };
        let day = match kind {
            "1" => Day::Off,
            "2" => Day::Short,
            "3" => Day::Working,
            _ => return Err(unread()),
        };
        let date = NaiveDate::parse_from_str(&format!("{year}.{date}"), "%Y.%m.%d").map_err(|_| unread())?;
        Ok((date, day))
    })
    .collect()
}
