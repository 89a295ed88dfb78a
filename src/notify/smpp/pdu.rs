//! The commands to a short message centre (pure): the bind, and one part of a text.

use std::str::FromStr;

use rusmpp::pdus::{BindTransmitter, SubmitSm};
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, InterfaceVersion, Npi, Ton};

use super::text::Text;
use crate::config::notify::{Smpp, smpp};
use crate::notify::Trouble;

/// In `esm_class`: the text begins with a header.
const HEADER: u8 = 0x40;

/// The bind as a transmitter.
///
/// # Errors
/// If a field does not fit, which the check of the settings reports.
pub(super) fn bind(settings: &Smpp) -> Result<BindTransmitter, Trouble> {
    Ok(BindTransmitter::builder()
        .system_id(field("system_id", &settings.system_id)?)
        .password(field("password", settings.password.expose())?)
        .system_type(field("system_type", &settings.system_type)?)
        .interface_version(InterfaceVersion::Smpp3_4)
        .build())
}

/// The messages that carry a text to a number with its `+`. `reference` tells a phone which parts belong together.
///
/// # Errors
/// If a field does not fit.
pub(super) fn messages(sender: &str, to: &str, text: &Text, reference: u8) -> Result<Vec<SubmitSm>, Trouble> {
    let too_many = |_| Trouble::refused("the text takes more than 255 parts");
    let total = u8::try_from(text.parts.len()).map_err(too_many)?;
    let message = |(part, number): (&Vec<u8>, u8)| {
        // TS 23.040, 9.2.3.24.1: five octets follow, element 0 of three octets.
        let header = if total > 1 { vec![5, 0, 3, reference, total, number] } else { Vec::new() };
        submit(sender, to, text.coding, &header, part)
    };
    text.parts.iter().zip(1_u8..).map(message).collect()
}

fn submit(
    sender: &str,
    to: &str,
    coding: DataCoding,
    header: &[u8],
    part: &[u8],
) -> Result<SubmitSm, Trouble> {
    let (ton, npi, sender) = source(sender);
    let octets = OctetString::from_vec([header, part].concat());
    // The builder's default is not 0 but a value for CDMA only.
    let class = if header.is_empty() { 0 } else { HEADER };
    Ok(SubmitSm::builder()
        .source_addr_ton(ton)
        .source_addr_npi(npi)
        .source_addr(field("sender", sender)?)
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(field("number", to.trim_start_matches('+'))?)
        .esm_class(EsmClass::from(class))
        .data_coding(coding)
        .short_message(octets.map_err(|error| Trouble::refused(format!("the text: {error}")))?)
        .build())
}

/// The type of the sender: a name, a number with its country code, a short number, or the provider's choice.
fn source(sender: &str) -> (Ton, Npi, &str) {
    match smpp::number(sender) {
        Some(digits) if sender.starts_with('+') || digits.len() > 8 => {
            (Ton::International, Npi::Isdn, digits)
        }
        Some(digits) => (Ton::NetworkSpecific, Npi::Unknown, digits),
        None if sender.is_empty() => (Ton::Unknown, Npi::Unknown, sender),
        None => (Ton::Alphanumeric, Npi::Unknown, sender),
    }
}

/// The error does not repeat the text: it may be the password.
fn field<const MIN: usize, const MAX: usize>(
    name: &str,
    text: &str,
) -> Result<COctetString<MIN, MAX>, Trouble> {
    COctetString::from_str(text).map_err(|_| Trouble::refused(format!("SMPP has no room for this {name}")))
}

#[cfg(test)]
mod tests {
    use rusmpp::encode::owned::Encode;

    use super::super::text;
    use super::*;

    fn octets(sender: &str, text: &str) -> Vec<Vec<u8>> {
        let messages = messages(sender, "+79001112233", &text::encode(text, 9), 7).unwrap();
        let written = |message: &SubmitSm| {
            let mut octets = Default::default();
            message.encode(&mut octets);
            octets.to_vec()
        };
        messages.iter().map(written).collect()
    }

    #[test]
    fn a_message_is_what_smpp_3_4_says_octet_by_octet() {
        let expected = b"\0\x05\0Dozvon\0\x01\x0179001112233\0\0\0\0\0\0\0\0\0\0\x02Hi";
        assert_eq!(octets("Dozvon", "Hi"), [expected.to_vec()]);
        let expected = b"\0\0\0\0\x01\x0179001112233\0\0\0\0\0\0\0\0\x08\0\x04\x04\x14\x04\x30";
        assert_eq!(octets("", "Да"), [expected.to_vec()]);
        let parts = octets("+74951234567", &"x".repeat(161));
        let head = b"\0\x01\x0174951234567\0\x01\x0179001112233\0\x40\0\0\0\0\0\0\0\0";
        assert_eq!(parts[0][..head.len() + 7], [&head[..], b"\x9f\x05\0\x03\x07\x02\x01"].concat());
        assert_eq!(parts[1], [&head[..], b"\x0e\x05\0\x03\x07\x02\x02xxxxxxxx"].concat());
    }

    #[test]
    fn a_sender_is_a_name_or_a_number() {
        let kinds =
            [("Bank", 5, 0), ("+79001112233", 1, 1), ("79001112233", 1, 1), ("1234", 3, 0), ("", 0, 0)];
        for (sender, ton, npi) in kinds {
            let (said_ton, said_npi, _) = source(sender);
            assert_eq!((u8::from(said_ton), u8::from(said_npi)), (ton, npi), "{sender}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_without_being_told() {
        let settings = Smpp { password: "very-secret".into(), ..Smpp::default() };
        let trouble = bind(&settings).unwrap_err().to_string();
        assert!(trouble.contains("password") && !trouble.contains("very-secret"), "{trouble}");
    }
}
