//! The languages of the user interface, of messages, of forms and of texts for a CRM.

crate::vocabulary! {
    /// A language.
    #[derive(clap::ValueEnum)]
    "language" pub enum Language {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
    }
}

impl Language {
    /// The language of a locale such as `ru_RU.UTF-8`; English if the language is not supported.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.starts_with("ru") { Self::Ru } else { Self::En }
    }

    /// The text in this language.
    #[must_use]
    pub const fn pick(self, english: &'static str, russian: &'static str) -> &'static str {
        match self {
            Self::En => english,
            Self::Ru => russian,
        }
    }
}
