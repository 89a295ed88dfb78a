use super::*;
use crate::calendar::zone;
use plan::tests::{examples, national};

fn home(region: &str) -> Home {
    Home { region: region.parse().unwrap(), area_code: None }
}

fn read(raw: &str) -> Party {
    Party::read(raw, false, &home("RU"), 5)
}

fn number(text: &str) -> Party {
    Party::Number(text.parse().unwrap())
}

/// Homes of the test.
const HOMES: [&str; 5] = ["RU", "DE", "US", "KZ", "GB"];

#[test]
fn numbers_of_one_person_are_one_number() {
    for raw in [
        "+79001234567",
        "79001234567",
        "89001234567",
        "9001234567",
        "+7 (900) 123-45-67",
        "0079001234567",
        "810 7 900 1234567",
    ] {
        assert_eq!(read(raw), number("+79001234567"), "{raw}");
    }
    for raw in ["+4930123456", "004930123456", "8~10 49 30 123456", "+49 (0)30 123456"] {
        assert_eq!(read(raw), number("+4930123456"), "{raw}");
    }
    assert_eq!(read("493012345678"), number("+493012345678"));
}

#[test]
fn what_carries_a_country_code_is_itself_in_every_home() {
    let all = examples();
    assert!(all.len() > 900, "{}", all.len());
    // Those of Iran that are too short for E.164 as we read it cannot be called from abroad.
    let all: Vec<_> = all.into_iter().filter(|(_, number)| number.len() > 7).collect();
    for home_name in HOMES {
        let home = home(home_name);
        for (_, number) in &all {
            let digits = &number[1..];
            for text in
                [number.clone(), format!("00{digits}"), format!(" +{} {}", &digits[..3], &digits[3..])]
            {
                let read = home.number(&text).map(String::from);
                assert_eq!(read.as_ref(), Some(number), "{text} at home in {home_name}");
            }
        }
    }
    let dialled = [("RU", "810"), ("KZ", "810"), ("US", "011"), ("GB", "00"), ("DE", "00")];
    for (home_name, prefix) in dialled {
        for (_, number) in &all {
            let text = format!("{prefix}{}", &number[1..]);
            let read = home(home_name).number(&text).map(String::from);
            assert_eq!(read.as_ref(), Some(number), "{text} at home in {home_name}");
        }
    }
}

/// Some countries dial 001 or 004 before the country code: `00` and a number must not become somebody else there.
#[test]
fn what_carries_a_country_code_is_itself_or_nothing_in_every_territory() {
    let all: Vec<_> = examples().into_iter().filter(|(_, number)| number.len() > 7).collect();
    let mut homes: Vec<Region> = all.iter().filter_map(|(region, _)| *region).collect();
    homes.dedup();
    homes.sort_by_key(ToString::to_string);
    homes.dedup();
    assert!(homes.len() > 200, "{}", homes.len());
    for region in homes {
        let home = Home { region, area_code: None };
        for (_, number) in &all {
            assert_eq!(home.number(number).as_ref().map(E164::as_str), Some(number.as_str()), "{region}");
            let read = home.number(&number.replacen('+', "00", 1));
            assert!(
                read.as_ref().is_none_or(|read| read.as_str() == number),
                "00 of {number} in {region}: {read:?}"
            );
        }
    }
}

#[test]
fn a_number_is_itself_in_its_own_country_and_never_another() {
    let mut refused = Vec::new();
    for (region, number) in examples() {
        let Some(region) = region else { continue };
        for text in national(&number) {
            match (Home { region, area_code: None }).number(&text) {
                Some(read) => assert_eq!(read.as_str(), number, "{text} at home in {region}"),
                None => refused.push(format!("{region} {text}")),
            }
        }
    }
    refused.sort();
    // Without the prefix they are a foreign number as well; or the library would change their digits; or they are short.
    let unclear = [
        "AR 011 15-2345-6789",
        "DE 15123456789",
        "DZ 983123456",
        "IR 09601",
        "IR 9601",
        "NG 2033123456",
        "NG 80017591759",
    ];
    assert_eq!(refused, unclear);
}

#[test]
fn digits_without_a_plus_are_the_homes_own_number_or_themselves() {
    for (home_name, code, prefix) in
        [("RU", "7", "8"), ("KZ", "7", "8"), ("US", "1", "1"), ("DE", "49", "0"), ("GB", "44", "0")]
    {
        let home = home(home_name);
        // Germans and Britons write a number at home with its 0, so that digits without it are no national number.
        let with_or_without: &[&str] = if prefix == "0" { &[prefix] } else { &[prefix, ""] };
        for (_, number) in examples() {
            let digits = &number[1..];
            let national = with_or_without.iter().filter_map(|prefix| digits.strip_prefix(prefix));
            let mut national = national.map(|national| format!("+{code}{national}"));
            if let Some(read) = home.number(digits).map(String::from) {
                let fits = read == number || national.any(|national| national == read);
                assert!(fits, "{digits} is {read} at home in {home_name}");
            }
        }
    }
}

/// Which digits without a plus are two numbers, and which of them is meant: a whole number of another country that is one
/// of the home's own as well, as people there write or dial it, is the home's. To refuse these would refuse real numbers of
/// the people next door. No home that writes its numbers with a 0 has any.
#[test]
fn digits_that_are_two_numbers_are_the_one_that_people_at_home_write() {
    let mut pairs = std::collections::BTreeMap::new();
    for home_name in ["RU", "KZ", "US", "DE", "GB"] {
        let (home, code) = (home(home_name), if home_name == "US" { "1" } else { "7" });
        for (_, number) in examples() {
            let digits = &number[1..];
            let Some(read) = home.number(digits).filter(|read| read.as_str() != number) else { continue };
            let kind = match read.as_str() {
                read if read == format!("+{code}{digits}") => {
                    "the home's own, written whole without a prefix"
                }
                read if digits.starts_with('8') && read == format!("+{code}{}", &digits[1..]) => {
                    "the home's own, dialled with its prefix"
                }
                read => panic!("{digits} is {read} at home in {home_name}"),
            };
            // The other way round it is not: with a plus nothing is ambiguous.
            assert_eq!(home.number(&number).unwrap().as_str(), number);
            *pairs.entry((home_name, kind)).or_insert(0) += 1;
        }
    }
    let (whole, prefix) =
        ("the home's own, written whole without a prefix", "the home's own, dialled with its prefix");
    let kinds = [
        (("KZ", prefix), 1),
        (("KZ", whole), 25),
        (("RU", prefix), 1),
        (("RU", whole), 25),
        (("US", whole), 54),
    ];
    assert_eq!(pairs, kinds.into());
}

#[test]
fn every_russian_area_code_is_there_in_every_spelling() {
    for code in zone::russian_area_codes() {
        let want = number(&format!("+7{code}2345678"));
        for form in
            ["+7{}2345678", "7{}2345678", "8{}2345678", "8 ({}) 234-56-78", "{}2345678", "007{}2345678"]
        {
            let text = form.replace("{}", code);
            assert_eq!(read(&text), want, "{text}");
        }
    }
}

#[test]
fn cities_abroad_keep_their_digits() {
    assert_eq!(read("88632345678"), number("+78632345678"), "Rostov, not Taiwan");
    for (text, region) in [("+498912345678", "US"), ("+46812345678", "RU"), ("+8613123456789", "US")] {
        assert_eq!(home(region).number(text).unwrap().as_str(), text, "{region}");
    }
}

#[test]
fn a_local_number_needs_the_area_code() {
    let moscow = Home { area_code: Some("495".parse().unwrap()), ..home("RU") };
    let volgograd = Home { area_code: Some("8442".parse().unwrap()), ..home("RU") };
    let of = |home: &Home, text: &str| home.number(text).map(String::from);
    assert_eq!(of(&moscow, "123-45-67").as_deref(), Some("+74951234567"));
    assert_eq!(of(&volgograd, "12-34-56").as_deref(), Some("+78442123456"));
    for (home, text) in
        [(&home("RU"), "1234567"), (&moscow, "123456"), (&volgograd, "1234567"), (&moscow, "1234")]
    {
        assert_eq!(of(home, text), None, "{text}");
    }
    assert_eq!(Party::read("12345", false, &volgograd, 5), Party::Internal("12345".into()));
    for bad in ["", "8-442", "1234567", "+7495"] {
        assert!(bad.parse::<AreaCode>().is_err(), "{bad:?}");
    }
    assert_eq!("06".parse::<AreaCode>().unwrap().to_string(), "06");
}

#[test]
fn what_cannot_be_called_back_is_told_apart() {
    for raw in ["", "Anonymous", "anonymous;cpc=ordinary"] {
        assert_eq!(read(raw), Party::Withheld, "{raw}");
    }
    assert_eq!(Party::read("+79001234567", true, &home("RU"), 5), Party::Withheld);
    assert_eq!(read("1001"), Party::Internal("1001".into()));
    assert_eq!(read("7001;npdi"), Party::Internal("7001".into()));
    assert_eq!(read("+79001234567;cpc=ordinary"), number("+79001234567"));
    let long = "9".repeat(4096);
    for raw in ["${x}", "a'b", "+7900", "123456789012345678901", "79\n00", long.as_str(), "\u{fffd}"] {
        assert_eq!(read(raw), Party::Invalid, "{raw:?}");
    }
}
