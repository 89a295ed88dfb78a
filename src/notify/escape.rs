//! Escapes a value in an address, a form or a JSON text, so that it cannot break out of its place (pure).

/// How a value is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Percent-encoded (RFC 3986): in addresses and forms.
    Percent,
    /// As in a JSON string.
    Json,
    /// Not at all.
    Plain,
}

impl Escape {
    /// Escapes a value.
    pub fn write(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Percent => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
                let one = |byte: u8| {
                    if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                };
                value.bytes().map(one).collect()
            }
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_is_one_value(text in "\\PC{0,20}[\"&=%\\\\+\r\n]{0,4}\\PC{0,5}") {
            let json: String = serde_json::from_str(&format!("\"{}\"", Escape::Json.write(&text))).unwrap();
            prop_assert_eq!(&json, &text);
            let address = format!("http://x/?a={}&b=1", Escape::Percent.write(&text));
            let url = reqwest::Url::parse(&address).unwrap();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, [("a".to_owned(), text), ("b".to_owned(), "1".to_owned())]);
        }
    }

    #[test]
    fn no_value_leaves_its_place() {
        assert_eq!(Escape::Json.write("a\"b\\\n</x>"), "a\\\"b\\\\\\n</x>");
        assert_eq!(Escape::Percent.write("a/b?c=ю&"), "a%2Fb%3Fc%3D%D1%8E%26");
    }
}
