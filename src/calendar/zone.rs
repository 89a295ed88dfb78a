//! The time zones in which the owner of a number may be.
//!
//! In: a number. Out: every possible zone; a calling window must hold in all of them. **Invariant:** a number that does
//! not show its zone yields all possible zones, never a guess.
//!
//! Sources. Zones: the IANA database (`zone1970.tab`). Russian area codes: the numbering plan, as notified to the ITU
//! and repeated in libphonenumber's `resources/geocoding/en/7.txt`; 365, 493, 497 and 869 by the registry of the
//! numbering plan. Calling codes: ITU-T E.164. libphonenumber's own map from prefixes to zones is not used: it puts every
//! Russian mobile into Moscow, Kaliningrad into a zone with summer time and Saratov an hour too far west.

use chrono_tz::Tz;

use crate::phone::E164;

crate::vocabulary! {
    /// How the time zones of a number are known.
    "zone source" pub enum Source {
        /// By the area code of a fixed line.
        AreaCode = "area_code",
        /// By the country, which has one zone or a few.
        Country = "country",
        /// Not known: every zone of the number's country is possible; without a country, every zone.
        Unknown = "unknown",
        /// Not needed: the customer has just called.
        RecentContact = "recent_contact",
    }
}

/// The time zones in which somebody may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Every possible zone. Empty if nothing is known.
    pub zones: Vec<Tz>,
    /// How they are known.
    pub source: Source,
}

impl Whereabouts {
    /// Returns the zones in which the owner of a number may be.
    #[must_use]
    pub fn of(number: &E164) -> Self {
        let digits = number.digits();
        let national = digits.strip_prefix('7').filter(|national| !national.starts_with(['6', '7']));
        let (zones, source): (&[Tz], Source) = match national {
            Some(national) => match by_prefix(RUSSIA, national) {
                Some(zones) => (zones, Source::AreaCode),
                None => (&RUSSIA_WHOLE, Source::Unknown),
            },
            None => match by_prefix(COUNTRIES, digits) {
                Some(zones) => (zones, Source::Country),
                None => (&[], Source::Unknown),
            },
        };
        Self { zones: zones.to_vec(), source }
    }
}

/// Whether a zone is one of Russia's.
pub(super) fn is_russian(zone: Tz) -> bool {
    RUSSIA_WHOLE.contains(&zone) || RUSSIA.iter().any(|(zones, _)| zones.contains(&zone))
}

/// Zones with the prefixes of the numbers that are in them.
type Table = &'static [(&'static [Tz], &'static [&'static str])];

fn by_prefix(table: Table, digits: &str) -> Option<&'static [Tz]> {
    let found = table.iter().find(|(_, codes)| codes.iter().any(|code| digits.starts_with(code)));
    found.map(|(zones, _)| *zones)
}

/// One zone for each of Russia's offsets, UTC+2 to UTC+12, from west to east.
const RUSSIA_WHOLE: [Tz; 11] = [
    Tz::Europe__Kaliningrad,
    Tz::Europe__Moscow,
    Tz::Europe__Samara,
    Tz::Asia__Yekaterinburg,
    Tz::Asia__Omsk,
    Tz::Asia__Krasnoyarsk,
    Tz::Asia__Irkutsk,
    Tz::Asia__Yakutsk,
    Tz::Asia__Vladivostok,
    Tz::Asia__Magadan,
    Tz::Asia__Kamchatka,
];

/// Area codes of Russian fixed lines. Missing, and so unknown: mobiles (9..), services (80.), Baikonur (336).
const RUSSIA: Table = &[
    (&[Tz::Europe__Kaliningrad], &["401"]),
    (
        &[Tz::Europe__Moscow],
        &[
            // Centre
            "471", "472", "473", "474", "475", "481", "482", "483", "484", "485", "486", "487", "491", "492",
            "493", "494", "495", "496", "497", "498", "499", // North-west
            "811", "812", "813", "814", "815", "816", "817", "818", "820", "821", // Volga
            "831", "834", "835", "836", "841", "843", "855", // South and Caucasus
            "847", "861", "862", "863", "865", "866", "867", "871", "872", "873", "877", "878", "879",
        ],
    ),
    (&[Tz::Europe__Simferopol], &["365", "869"]),
    (&[Tz::Europe__Kirov], &["833"]),
    (&[Tz::Europe__Volgograd], &["844"]),
    (&[Tz::Europe__Astrakhan], &["851"]),
    (&[Tz::Europe__Saratov], &["845"]),
    (&[Tz::Europe__Ulyanovsk], &["842"]),
    // Udmurtia, Samara, Tolyatti
    (&[Tz::Europe__Samara], &["341", "846", "848"]),
    // Perm, Yekaterinburg, Tyumen, Surgut, Ufa, Yamal, Chelyabinsk, Kurgan, Orenburg
    (&[Tz::Asia__Yekaterinburg], &["342", "343", "345", "346", "347", "349", "351", "352", "353"]),
    (&[Tz::Asia__Omsk], &["381"]),
    (&[Tz::Asia__Tomsk], &["382"]),
    (&[Tz::Asia__Novosibirsk], &["383"]),
    (&[Tz::Asia__Novokuznetsk], &["384"]),
    // Altai, territory and republic
    (&[Tz::Asia__Barnaul], &["385", "388"]),
    // Khakassia, Krasnoyarsk, Tuva
    (&[Tz::Asia__Krasnoyarsk], &["390", "391", "394"]),
    // Buryatia, Irkutsk
    (&[Tz::Asia__Irkutsk], &["301", "395"]),
    (&[Tz::Asia__Chita], &["302"]),
    (&[Tz::Asia__Yakutsk], &["416"]),
    // Yakutia lies in three zones.
    (&[Tz::Asia__Yakutsk, Tz::Asia__Vladivostok, Tz::Asia__Srednekolymsk], &["411"]),
    // Khabarovsk, Primorye, Jewish region
    (&[Tz::Asia__Vladivostok], &["421", "423", "426"]),
    (&[Tz::Asia__Magadan], &["413"]),
    (&[Tz::Asia__Sakhalin], &["424"]),
    (&[Tz::Asia__Kamchatka], &["415"]),
    (&[Tz::Asia__Anadyr], &["427"]),
];

/// Countries with one zone, or with few, by calling code.
const COUNTRIES: Table = &[
    (&[Tz::Asia__Almaty], &["76", "77"]),
    (&[Tz::Europe__Berlin], &["49"]),
    (&[Tz::Europe__Paris], &["33"]),
    (&[Tz::Europe__London], &["44"]),
    (&[Tz::Europe__Dublin], &["353"]),
    (&[Tz::Europe__Rome], &["39"]),
    (&[Tz::Europe__Madrid, Tz::Atlantic__Canary], &["34"]),
    (&[Tz::Europe__Lisbon, Tz::Atlantic__Azores], &["351"]),
    (&[Tz::Europe__Amsterdam], &["31"]),
    (&[Tz::Europe__Brussels], &["32"]),
    (&[Tz::Europe__Luxembourg], &["352"]),
    (&[Tz::Europe__Zurich], &["41"]),
    (&[Tz::Europe__Vienna], &["43"]),
    (&[Tz::Europe__Prague], &["420"]),
    (&[Tz::Europe__Bratislava], &["421"]),
    (&[Tz::Europe__Budapest], &["36"]),
    (&[Tz::Europe__Warsaw], &["48"]),
    (&[Tz::Europe__Copenhagen], &["45"]),
    (&[Tz::Europe__Stockholm], &["46"]),
    (&[Tz::Europe__Oslo], &["47"]),
    (&[Tz::Europe__Helsinki], &["358"]),
    (&[Tz::Atlantic__Reykjavik], &["354"]),
    (&[Tz::Europe__Tallinn], &["372"]),
    (&[Tz::Europe__Riga], &["371"]),
    (&[Tz::Europe__Vilnius], &["370"]),
    (&[Tz::Europe__Minsk], &["375"]),
    (&[Tz::Europe__Kyiv], &["380"]),
    (&[Tz::Europe__Chisinau], &["373"]),
    (&[Tz::Europe__Bucharest], &["40"]),
    (&[Tz::Europe__Sofia], &["359"]),
    (&[Tz::Europe__Athens], &["30"]),
    (&[Tz::Asia__Nicosia], &["357"]),
    (&[Tz::Europe__Malta], &["356"]),
    (&[Tz::Europe__Belgrade], &["381"]),
    (&[Tz::Europe__Podgorica], &["382"]),
    (&[Tz::Europe__Zagreb], &["385"]),
    (&[Tz::Europe__Ljubljana], &["386"]),
    (&[Tz::Europe__Sarajevo], &["387"]),
    (&[Tz::Europe__Skopje], &["389"]),
    (&[Tz::Europe__Tirane], &["355"]),
    (&[Tz::Europe__Istanbul], &["90"]),
    (&[Tz::Asia__Yerevan], &["374"]),
    (&[Tz::Asia__Tbilisi], &["995"]),
    (&[Tz::Asia__Baku], &["994"]),
    (&[Tz::Asia__Bishkek], &["996"]),
    (&[Tz::Asia__Tashkent], &["998"]),
    (&[Tz::Asia__Dushanbe], &["992"]),
    (&[Tz::Asia__Ashgabat], &["993"]),
    (&[Tz::Asia__Jerusalem], &["972"]),
    (&[Tz::Asia__Dubai], &["971"]),
    (&[Tz::Asia__Kolkata], &["91"]),
    (&[Tz::Asia__Shanghai, Tz::Asia__Urumqi], &["86"]),
    (&[Tz::Asia__Tokyo], &["81"]),
    (&[Tz::Asia__Seoul], &["82"]),
];

/// The area codes of the table, for the tests of numbers.
#[cfg(test)]
pub fn russian_area_codes() -> impl Iterator<Item = &'static str> {
    RUSSIA.iter().flat_map(|(_, codes)| codes.iter().copied())
}

#[cfg(test)]
mod tests {
    use chrono::Offset;

    use super::*;
    use crate::clock::UnixMs;

    fn of(number: &str) -> Whereabouts {
        Whereabouts::of(&number.parse().unwrap())
    }

    fn offset_min(zone: Tz, at: &str) -> i32 {
        let at: UnixMs = chrono::DateTime::parse_from_rfc3339(at).unwrap().to_utc().into();
        at.utc().with_timezone(&zone).offset().fix().local_minus_utc() / 60
    }

    #[test]
    fn a_fixed_line_tells_its_zone() {
        for (number, zone) in [
            ("+74012123456", Tz::Europe__Kaliningrad),
            ("+74951234567", Tz::Europe__Moscow),
            ("+78452123456", Tz::Europe__Saratov),
            ("+78442123456", Tz::Europe__Volgograd),
            ("+74152123456", Tz::Asia__Kamchatka),
            ("+73432123456", Tz::Asia__Yekaterinburg),
        ] {
            assert_eq!(of(number), Whereabouts { zones: vec![zone], source: Source::AreaCode }, "{number}");
        }
        assert_eq!(of("+74112123456").zones.len(), 3, "Yakutia");
    }

    #[test]
    fn what_libphonenumber_gets_wrong_is_right() {
        let minutes = |number: &str, at| offset_min(*of(number).zones.first().unwrap(), at);
        for at in ["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z"] {
            assert_eq!(minutes("+74012123456", at), 120, "Kaliningrad has no summer time");
            assert_eq!(minutes("+78452123456", at), 240, "Saratov since 2016");
            assert_eq!(minutes("+78442123456", at), 180, "Volgograd since 2020");
            assert_eq!(minutes("+77272123456", at), 300, "Kazakhstan since 2024");
        }
    }

    #[test]
    fn a_russian_mobile_may_be_anywhere_in_russia() {
        let mobile = of("+79001234567");
        assert_eq!(mobile.source, Source::Unknown);
        let hours: Vec<i32> =
            mobile.zones.iter().map(|zone| offset_min(*zone, "2026-07-15T12:00:00Z") / 60).collect();
        assert_eq!(hours, (2..=12).collect::<Vec<_>>());
        for number in ["+78001234567", "+73361234567", "+78091234567"] {
            assert_eq!(of(number), mobile, "{number}");
        }
    }

    #[test]
    fn a_country_tells_its_zone_and_the_rest_is_unknown() {
        for (number, zone) in [
            ("+77012345678", Tz::Asia__Almaty),
            ("+76012345678", Tz::Asia__Almaty),
            ("+4930123456", Tz::Europe__Berlin),
            ("+375291234567", Tz::Europe__Minsk),
            ("+998901234567", Tz::Asia__Tashkent),
        ] {
            assert_eq!(of(number), Whereabouts { zones: vec![zone], source: Source::Country }, "{number}");
        }
        for number in ["+12125551234", "+5511912345678", "+61291234567"] {
            assert_eq!(of(number), Whereabouts { zones: Vec::new(), source: Source::Unknown }, "{number}");
        }
    }

    #[test]
    fn no_prefix_stands_twice_or_in_the_shadow_of_another() {
        for table in [RUSSIA, COUNTRIES] {
            let codes: Vec<&str> = table.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
            for (place, code) in codes.iter().enumerate() {
                let others = codes.iter().enumerate().filter(|(other, _)| *other != place);
                for (_, other) in others {
                    assert!(!other.starts_with(code), "{code} takes the numbers of {other}");
                }
            }
        }
        assert!(RUSSIA.iter().flat_map(|(_, codes)| codes.iter()).count() > 75);
    }
}
