//! Closed vocabularies: the same word for a thing in code, tables, metrics and messages.

/// The article before a word. It is right for nearly all words.
fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// A text that is not a word of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {} {kind}; use one of: {allowed}", article(.kind))]
pub struct UnknownWord {
    /// What the vocabulary describes, such as `activity`.
    pub kind: &'static str,
    /// The text that was given.
    pub given: String,
    /// The words that exist, separated by commas.
    pub allowed: String,
}

/// Declares a fieldless enum together with its words.
///
/// The enum gets `ALL`, `as_str`, `Display`, `FromStr` (which fails with [`UnknownWord`]) and serde by word. Columns of
/// text hold the word.
#[macro_export]
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        $kind:literal $vis:vis enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $crate::stored! { Text:
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
            #[serde(try_from = "String", into = "&'static str")]
            $vis enum $name { $( $(#[$vmeta])* $variant ),+ }
        }

        impl $name {
            /// Every word of the vocabulary, in its natural order.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// The word in tables, metrics and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| $crate::vocabulary::UnknownWord {
                    kind: $kind,
                    given: text.to_owned(),
                    allowed: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::vocabulary::UnknownWord;
            fn try_from(text: String) -> Result<Self, Self::Error> { text.parse() }
        }

        impl From<$name> for &'static str {
            fn from(word: $name) -> Self { word.as_str() }
        }
    };
}
