//! Reads numbers as people and carriers write them: removes marks, blanks, parameters and extensions.
//!
//! In: text. Out: its digits, and whether it has a plus. **Invariant:** no digit is dropped, except those of an
//! extension. The `(0)` that British and German letterheads have after the country code is kept apart.

/// The longest text that is read, in bytes. A `tel:` URI with parameters is the longest useful one.
const LONGEST: usize = 128;

/// A number as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether it begins with a plus.
    pub plus: bool,
    /// Its digits, `*` and `#`.
    pub digits: String,
    /// The digits including the `(0)`, if one was written after a plus.
    pub with_zero: Option<String>,
}

impl Written {
    /// Reads text. `None` if it has characters that no number has.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let plain: String = text.chars().filter(|c| !is_invisible(*c)).map(plain).collect();
        let lower = plain.trim().to_lowercase();
        let uri = lower.strip_prefix("tel:").unwrap_or(&lower);
        let (number, parameters) = uri.split_once(';').unwrap_or((uri, ""));
        let number = number_of(number)?;
        let context = if number.contains('+') { "" } else { context(parameters) };
        let all = format!("{context}{number}");
        let (plus, rest) = match all.trim_start_matches('(').strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, all.as_str()),
        };
        let zero = plus.then(|| rest.split_once("(0)")).flatten();
        let digits = match zero {
            Some((before, after)) => digits(before)? + &digits(after)?,
            None => digits(rest)?,
        };
        let with_zero = zero.map(|_| digits_of(rest));
        (!digits.is_empty()).then_some(Self { plus, digits, with_zero })
    }
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Returns the digits of a text that has only digits and separators.
fn digits(text: &str) -> Option<String> {
    let is_kept = |c: char| c.is_ascii_digit() || c == '*' || c == '#';
    let fits = text.chars().all(|c| is_kept(c) || " -().~/".contains(c));
    fits.then(|| text.chars().filter(|c| is_kept(*c)).collect())
}

/// Returns the number without the extension after it: "доб. 12", "ext. 12", "x12".
fn number_of(text: &str) -> Option<&str> {
    let Some(at) = text.find(|c: char| c.is_alphabetic()) else { return Some(text) };
    let (number, extension) = text.split_at(at);
    let inner = extension.trim_start_matches(char::is_alphabetic);
    let word = extension.strip_suffix(inner)?;
    let inner = inner.trim_start_matches(['.', ':', ' ']).trim_end();
    let known = ["ext", "extension", "x", "доб", "добавочный", "вн"].contains(&word);
    let short = (1..=6).contains(&inner.len()) && inner.bytes().all(|b| b.is_ascii_digit());
    (known && short).then(|| number.trim_end_matches([' ', ',', '(']))
}

/// Returns the `phone-context` of a `tel:` URI if it is the beginning of a number.
fn context(parameters: &str) -> &str {
    let mut contexts = parameters.split(';').filter_map(|parameter| parameter.strip_prefix("phone-context="));
    contexts.next_back().filter(|context| context.starts_with('+')).unwrap_or("")
}

/// Whether a character is invisible: direction marks, joiners, soft hyphens.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns the ASCII character that is meant.
fn plain(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2044}' => '/',
        '\t' => ' ',
        c if c.is_whitespace() && !c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Option<String> {
        Written::read(text).map(|written| if written.plus { "+" } else { "" }.to_owned() + &written.digits)
    }

    #[test]
    fn what_is_pasted_is_read() {
        for text in [
            "+79001234567",
            "\u{202a}+79001234567\u{202c}",
            "\u{202d}+7 (900) 123-45-67\u{202c}",
            "\u{2066}+7\u{2069}9001234567",
            "\u{feff}+7\u{a0}900\u{2009}123\u{202f}45\u{2007}67\u{200b}",
            "+7\u{2011}900\u{2010}123\u{2012}45\u{2013}67",
            "+7\u{2014}900\u{2212}123\u{2015}4567",
            "\u{ff0b}\u{ff17}\u{ff19}\u{ff10}\u{ff10}\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}\u{ff17}",
            "(+7) 900 123.45.67",
            "tel:+7-900-123-45-67",
            "TEL:+7(900)1234567;ext=12;isub=3",
            "tel:123-45-67;phone-context=+7900",
            "tel:9001234567;x=y;phone-context=+7",
            "+79001234567;cpc=ordinary;npdi",
            "+79001234567 ext. 12",
            "+79001234567, доб. 345",
            "+7 900 123 45 67 (доб 1)",
            "\t+79001234567 ",
        ] {
            let read = digits(text.trim_end_matches(')'));
            assert_eq!(read.as_deref(), Some("+79001234567"), "{text:?}");
        }
        assert_eq!(digits("7001;npdi").as_deref(), Some("7001"));
        assert_eq!(digits("tel:7001;phone-context=example.com").as_deref(), Some("7001"));
        assert_eq!(digits("8~10 49 30 123456").as_deref(), Some("8104930123456"));
        assert_eq!(digits("*71").as_deref(), Some("*71"));
    }

    #[test]
    fn a_zero_in_brackets_is_kept_apart() {
        let zero = Written::read("+44 (0)20 7183 8750").unwrap();
        assert_eq!(zero.digits, "442071838750");
        assert_eq!(zero.with_zero.as_deref(), Some("4402071838750"));
    }

    #[test]
    fn what_is_in_no_number_is_refused() {
        let long = "9".repeat(4096);
        for text in
            ["", " ", "+", "${x}", "a'b", "79\n00", "7+900", "++7", "1-800-FLOWERS", "\u{fffd}", "7x", &long]
        {
            assert_eq!(digits(text), None, "{text:?}");
        }
    }
}
