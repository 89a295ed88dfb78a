//! Ranges inside an ordinary country code that cost much more than the numbers around them.
//!
//! A prefix such as `+7` or `+1` in a policy's `allowed_destinations` does not include these ranges. They are dialled,
//! and get SMS, only if the policy names them by a prefix at least as long or by their country, or has `allow_premium =
//! true`. Numbers that the numbering plan itself marks as premium, shared cost or personal are known without this
//! table.
//!
//! Each range was looked up in November 2026; the letters stand before it:
//! (ab) interfax.com/newsroom/top-stories/66660 and kavkaz-uzel.eu/articles/163821: Russia gave Abkhazia the codes 840
//! (fixed) and 940 (mobile); in use alone since 2010.
//! (so) ict-online.ru, "Россия предоставила Южной Осетии свои телефонные коды во временное пользование": 850 (fixed) and
//! 998 (mobile).
//! (gt) old.globaltel.ru/english/accs: the customer service of the satellite operator GlobalTel is +7 954 206 2730.
//! (ca) en.wikipedia.org/wiki/Area_codes_in_the_Caribbean and lincmad.com/caribbean.html: area codes by country.
//! (us) libphonenumber, "leadingDigits" of the territories AS, GU and MP.
//! (600) en.wikipedia.org/wiki/Area_code_600, which names CRTC telecom decision 2006-41: non-geographic services of
//! Canada, satellite telephones above all.
//! (ci) libphonenumber, metadata of JE, GG and IM: fixed and mobile.
//! (au) en.wikipedia.org/wiki/Telephone_numbers_in_Australia: 014, satellite phones.
//! (it) wtng.info/wtng-spe.html and libphonenumber's entity 001: codes that ITU-T E.164 gives to no country.
//!
//! The Russian plan of numbering in force is order 75 of the ministry of digital development of 31.01.2022; its text names
//! no tariffs.

/// An expensive range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dear {
    /// The prefix of its numbers.
    pub prefix: &'static str,
    /// The country (ISO 3166) by which a policy may name the range, if it belongs to one.
    pub country: Option<&'static str>,
}

const fn of(country: &'static str, prefix: &'static str) -> Dear {
    Dear { prefix, country: Some(country) }
}

const fn no_country(prefix: &'static str) -> Dear {
    Dear { prefix, country: None }
}

/// The ranges. No prefix begins with another one.
pub const RANGES: &[Dear] = &[
    // (ab) Abkhazia, fixed and mobile.
    no_country("+7840"),
    no_country("+7940"),
    // (so) South Ossetia, fixed and mobile.
    no_country("+7850"),
    no_country("+7998"),
    // (gt) Satellite phones.
    no_country("+7954"),
    // (ca, us) Countries and territories beside the states of the United States and Canada.
    of("BS", "+1242"),
    of("BB", "+1246"),
    of("AI", "+1264"),
    of("AG", "+1268"),
    of("VG", "+1284"),
    of("VI", "+1340"),
    of("KY", "+1345"),
    of("BM", "+1441"),
    of("GD", "+1473"),
    of("TC", "+1649"),
    of("JM", "+1658"),
    of("MS", "+1664"),
    of("MP", "+1670"),
    of("GU", "+1671"),
    of("AS", "+1684"),
    of("SX", "+1721"),
    of("LC", "+1758"),
    of("DM", "+1767"),
    of("VC", "+1784"),
    of("PR", "+1787"),
    of("DO", "+1809"),
    of("DO", "+1829"),
    of("DO", "+1849"),
    of("TT", "+1868"),
    of("KN", "+1869"),
    of("JM", "+1876"),
    of("PR", "+1939"),
    // (600) Canadian satellite and personal services.
    no_country("+1600"),
    // (ci) Jersey, Guernsey, the Isle of Man: countries of their own, with networks of their own.
    of("JE", "+441534"),
    of("GG", "+441481"),
    of("IM", "+441624"),
    of("JE", "+447509"),
    of("JE", "+4477003"),
    of("JE", "+4477007"),
    of("JE", "+4477008"),
    of("JE", "+4477977"),
    of("JE", "+4477978"),
    of("JE", "+4477979"),
    of("JE", "+447829"),
    of("JE", "+447937"),
    of("GG", "+447781"),
    of("GG", "+447839"),
    of("GG", "+4479111"),
    of("GG", "+4479117"),
    of("IM", "+4474576"),
    of("IM", "+447524"),
    of("IM", "+447624"),
    of("IM", "+447924"),
    // (au) Satellite phones.
    no_country("+6114"),
    // (it) No country's: universal freephone and shared cost, Inmarsat, universal personal numbers, global mobile
    // satellite systems, international networks, disaster relief, international premium rate.
    no_country("+800"),
    no_country("+808"),
    no_country("+870"),
    no_country("+878"),
    no_country("+881"),
    no_country("+882"),
    no_country("+883"),
    no_country("+888"),
    no_country("+979"),
];

/// Returns the expensive range of a number, if the number is in one.
#[must_use]
pub fn range(number: &str) -> Option<&'static Dear> {
    RANGES.iter().find(|range| number.starts_with(range.prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_each_thing_once() {
        for (place, one) in RANGES.iter().enumerate() {
            assert!(one.prefix.len() > 3 && one.prefix[1..].bytes().all(|b| b.is_ascii_digit()), "{one:?}");
            let others = RANGES.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(
                !others.map(|(_, other)| other).any(|other| other.prefix.starts_with(one.prefix)),
                "{one:?}"
            );
        }
        for (number, dear) in [
            ("+79401234567", true),
            ("+79541234567", true),
            ("+79981234567", true),
            ("+447700312345", true),
            ("+447700900123", false),
            ("+447911712345", true),
            ("+447911123456", true),
            ("+447911223456", false),
            ("+18765551234", true),
            ("+870773111632", true),
            ("+79001234567", false),
            ("+12125551234", false),
            ("+442071234567", false),
        ] {
            assert_eq!(range(number).is_some(), dear, "{number}");
        }
    }
}
