//! Encodes a text for short messages: its alphabet, and its parts (pure).
//!
//! In: a text. Out: octets, in parts that each fit into one message. The alphabet is GSM's where it has every character
//! (3GPP TS 23.038, one octet for seven bits, as SMPP carries it), else UCS-2.
//! **Invariant:** no character is split between two parts.

use rusmpp::values::DataCoding;
use smallvec::SmallVec;

/// GSM's default alphabet, each character at its code (3GPP TS 23.038, 6.2.1).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The characters behind an escape (6.2.1.1).
const EXTENDED: [(char, u8); 9] = [
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];
const ESCAPE: u8 = 0x1b;

/// An encoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// The alphabet.
    pub coding: DataCoding,
    /// The octets of each part, without a header.
    pub parts: Vec<Vec<u8>>,
    /// Whether the text was longer and had to be cut.
    pub cut: bool,
}

/// The octets of one character.
type Octets = SmallVec<[u8; 2]>;

/// Encodes a text in at most `most` parts.
pub(super) fn encode(text: &str, most: usize) -> Text {
    // One message has 140 octets: 160 septets. A header for parts takes 6 of them, or 7 septets (TS 23.040, 9.2.3.24.1).
    let (coding, characters, whole, part) = match text.chars().map(gsm).collect::<Option<Vec<Octets>>>() {
        Some(characters) => (DataCoding::McSpecific, characters, 160, 153),
        None => (DataCoding::Ucs2, text.chars().map(ucs2).collect(), 140, 134),
    };
    let length: usize = characters.iter().map(SmallVec::len).sum();
    let room = if length <= whole { whole } else { part };
    let mut parts = Vec::new();
    let mut last = Vec::new();
    for octets in characters {
        if last.len() + octets.len() > room {
            parts.push(std::mem::take(&mut last));
        }
        last.extend(octets);
    }
    parts.push(last);
    let cut = parts.len() > most;
    parts.truncate(most);
    Text { coding, parts, cut }
}

fn gsm(c: char) -> Option<Octets> {
    let basic = BASIC.chars().position(|other| other == c).and_then(|code| u8::try_from(code).ok());
    if let Some(code) = basic.filter(|code| *code != ESCAPE) {
        return Some(SmallVec::from_slice(&[code]));
    }
    let (_, code) = EXTENDED.iter().find(|(other, _)| *other == c)?;
    Some(SmallVec::from_slice(&[ESCAPE, *code]))
}

/// UCS-2 has no characters beyond the first 65,536.
fn ucs2(c: char) -> Octets {
    SmallVec::from_slice(&u16::try_from(u32::from(c)).unwrap_or(u16::from(b'?')).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a phone shows.
    fn shown(text: &Text) -> String {
        let read = |part: &Vec<u8>| -> String {
            if text.coding == DataCoding::Ucs2 {
                let units: Vec<u16> =
                    part.chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
                return String::from_utf16(&units).unwrap();
            }
            let mut octets = part.iter();
            let mut said = String::new();
            while let Some(octet) = octets.next() {
                said.push(if *octet == ESCAPE {
                    let next = octets.next().expect("an escape at the end of a part");
                    EXTENDED.iter().find(|(_, code)| code == next).unwrap().0
                } else {
                    BASIC.chars().nth(usize::from(*octet)).unwrap()
                });
            }
            said
        };
        text.parts.iter().map(read).collect()
    }

    fn lengths(text: &str) -> Vec<usize> {
        encode(text, 255).parts.iter().map(Vec::len).collect()
    }

    #[test]
    fn the_alphabet_is_that_of_3gpp() {
        assert_eq!(BASIC.chars().count(), 128);
        for (c, code) in
            [('@', 0), ('\n', 10), ('Δ', 16), (' ', 32), ('¡', 64), ('Z', 90), ('¿', 96), ('à', 127)]
        {
            assert_eq!(gsm(c).unwrap().as_slice(), [code], "{c}");
        }
        for c in ' '..='~' {
            let own = matches!(c, '@' | '$' | '_') || "^{}[]~|\\".contains(c) || c == '`';
            assert!(own || gsm(c).unwrap().as_slice() == [u8::try_from(c).unwrap()], "{c}");
        }
        assert_eq!(gsm('€').unwrap().as_slice(), [ESCAPE, 0x65]);
        assert!(gsm('`').is_none() && gsm('я').is_none() && gsm('\u{1b}').is_none());
    }

    #[test]
    fn a_text_takes_as_many_parts_as_it_must() {
        assert_eq!(lengths(""), [0]);
        assert_eq!(lengths(&"x".repeat(160)), [160]);
        assert_eq!(lengths(&"x".repeat(161)), [153, 8]);
        assert_eq!(lengths(&"€".repeat(80)), [160]);
        assert_eq!(lengths(&"€".repeat(81)), [152, 10]);
        assert_eq!(lengths(&"я".repeat(70)), [140]);
        assert_eq!(lengths(&"я".repeat(71)), [134, 8]);
        let cut = encode(&"я".repeat(500), 2);
        assert!(cut.cut && shown(&cut) == "я".repeat(134));
        assert_eq!(shown(&encode("дом 😀", 1)), "дом ?");
    }

    proptest! {
        #[test]
        fn parts_join_to_the_text_and_each_fits(text in "[a-z€{|я\n]{0,40}|[ -_a-~€ÄàΔ]{100,700}|\\PC{0,400}") {
            let written = encode(&text, 255);
            let seen: String = text.chars().map(|c| if u32::from(c) > 0xffff { '?' } else { c }).collect();
            prop_assert_eq!(shown(&written), seen);
            let (whole, part) = if written.coding == DataCoding::Ucs2 { (140, 134) } else { (160, 153) };
            let room = if written.parts.len() == 1 { whole } else { part };
            prop_assert!(written.parts.iter().all(|part| part.len() <= room));
            // Only a character of two octets can leave the last octet unused.
            let full = written.parts.split_last().unwrap().1.iter().all(|part| part.len() + 1 >= room);
            prop_assert!(full);
        }
    }
}
