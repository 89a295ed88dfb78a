//! The pages of a form: their texts in both languages, and their security headers. They have no script.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, context};
use sha2::{Digest, Sha256};

use super::fields::Fields;
use crate::config::requests::Form;
use crate::language::Language;

const FORM: &str = include_str!("form.html");
const THANKS: &str = include_str!("thanks.html");
const STYLE: &str = include_str!("form.css");

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    // The name's ending .html turns escaping on.
    pages.add_template("form.html", FORM)?;
    pages.add_template("thanks.html", THANKS)?;
    Ok(pages)
});

/// The texts of the pages: name, English, Russian.
const WORDS: [(&str, &str, &str); 21] = [
    ("title", "We will call you back", "Мы вам перезвоним"),
    ("number", "Your phone number", "Ваш телефон"),
    ("name", "Your name", "Ваше имя"),
    ("email", "Your e-mail (optional)", "Ваша почта (необязательно)"),
    ("text", "What is it about?", "О чём ваш вопрос?"),
    ("wanted_at", "When should we call?", "Когда вам позвонить?"),
    ("clocks", "Time zone:", "Время по часовому поясу"),
    ("send", "Call me back", "Перезвоните мне"),
    ("leave_empty", "Leave this field empty", "Не заполняйте это поле"),
    ("thanks", "Thank you! Your request is received.", "Спасибо! Заявка принята."),
    ("will_call", "We will call you back.", "Мы вам перезвоним."),
    (
        "bad_number",
        "Enter your number with its country code, such as +79001234567.",
        "Укажите номер с кодом страны, например +79001234567.",
    ),
    ("bad_consent", "We may call you only if you consent.", "Мы можем позвонить только с вашего согласия."),
    (
        "bad_email",
        "Enter your e-mail, such as ivan@example.com, or leave it empty.",
        "Укажите почту, например ivan@example.com, или оставьте поле пустым.",
    ),
    ("bad_wanted_at", "Choose a time in the next few days.", "Выберите время в ближайшие дни."),
    ("bad_field", "A text is too long or unreadable.", "Текст слишком длинный или не читается."),
    (
        "fast",
        "That was very quick. Please press the button again.",
        "Слишком быстро. Нажмите кнопку ещё раз.",
    ),
    (
        "stale",
        "The form was open for too long. Please press the button again.",
        "Форма устарела. Нажмите кнопку ещё раз.",
    ),
    (
        "again",
        "This request was received already. Press the button to send another one.",
        "Эта заявка уже принята. Нажмите кнопку, чтобы отправить новую.",
    ),
    ("often", "Too many requests. Please try again later.", "Слишком много заявок. Попробуйте позже."),
    (
        "away",
        "We cannot accept your request now. Please try again in a minute.",
        "Сейчас не получается принять заявку. Попробуйте через минуту.",
    ),
];

/// A text of the pages.
fn word(language: Language, name: &str) -> &'static str {
    let found = WORDS.iter().find(|(known, ..)| *known == name);
    found.map_or("", |(_, english, russian)| match language {
        Language::En => english,
        Language::Ru => russian,
    })
}

fn words(language: Language) -> std::collections::BTreeMap<&'static str, &'static str> {
    WORDS.iter().map(|(name, ..)| (*name, word(language, name))).collect()
}

/// The language of a page: that of `?lang=`, else the first supported one that the browser asks for, else the form's.
pub(super) fn language(query: Option<&str>, accepts: Option<&str>, form: &Form) -> Language {
    let of_query = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "lang")
        .and_then(|(_, word)| word.parse().ok());
    let of_browser = || {
        let mut wishes: Vec<(u16, &str)> = accepts
            .unwrap_or_default()
            .split(',')
            .take(20)
            .filter_map(|wish| {
                let (language, quality) = wish.split_once(";q=").unwrap_or((wish, "1"));
                let quality = quality.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q))?;
                Some(((quality * 1000.0) as u16, language.trim().split('-').next()?))
            })
            .filter(|(quality, _)| *quality > 0)
            .collect();
        wishes.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        wishes.into_iter().find_map(|(_, language)| language.to_ascii_lowercase().parse().ok())
    };
    of_query.or_else(of_browser).unwrap_or(form.language)
}

/// The text of the consent to be called.
pub(super) fn consent(form: &Form, language: Language) -> &str {
    match language {
        Language::En => &form.consent_en,
        Language::Ru => &form.consent_ru,
    }
}

/// The text of the consent to get SMS; empty: the form does not ask.
pub(super) fn sms_consent(form: &Form, language: Language) -> &str {
    match language {
        Language::En => &form.sms_consent_en,
        Language::Ru => &form.sms_consent_ru,
    }
}

/// The form, with the zone of times, the values filled in, and the mistake.
pub(super) fn form(
    form: &Form,
    language: Language,
    clocks: &str,
    stamp: &str,
    filled: &Fields,
    status: StatusCode,
    wrong: Option<&str>,
) -> Response {
    let (consent, sms_consent) = (consent(form, language), sms_consent(form, language));
    let wrong = wrong.map(|name| word(language, name));
    let words = words(language);
    let page = render(
        "form.html",
        &context! {
            lang => language.as_str(), style => style(), clocks, stamp, filled, consent, sms_consent, wrong, words
        },
    );
    respond(form, language, status, page)
}

/// The page after a request was accepted.
pub(super) fn thanks(form: &Form, language: Language) -> Response {
    let page = render(
        "thanks.html",
        &context! { lang => language.as_str(), style => style(), words => words(language) },
    );
    respond(form, language, StatusCode::OK, page)
}

/// The style, not escaped: the policy names its hash, and it holds nothing of a sender.
fn style() -> minijinja::Value {
    minijinja::Value::from_safe_string(STYLE.to_owned())
}

fn render(name: &str, what: &minijinja::Value) -> Result<String, minijinja::Error> {
    match &*PAGES {
        Ok(pages) => pages.get_template(name)?.render(what),
        Err(error) => Err(minijinja::Error::new(error.kind(), error.to_string())),
    }
}

fn respond(
    form: &Form,
    language: Language,
    status: StatusCode,
    page: Result<String, minijinja::Error>,
) -> Response {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            return (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be rendered\n").into_response();
        }
    };
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-language"),
        (header::CONTENT_LANGUAGE, language.as_str()),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Nothing is loaded, and nothing runs; the style is allowed by its hash.
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let frames =
        if form.allowed_origins.is_empty() { "'none'".to_owned() } else { form.allowed_origins.join(" ") };
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if form.allowed_origins.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_readers() {
        let form = Form::default();
        assert_eq!(language(Some("lang=en"), Some("ru"), &form), Language::En);
        assert_eq!(language(None, Some("de, en-GB;q=0.8, ru;q=0.9"), &form), Language::Ru);
        assert_eq!(language(None, Some("en-US,en;q=0.5"), &form), Language::En);
        assert_eq!(language(Some("lang=%3Cscript%3E"), Some("en;q=0, xx"), &form), Language::Ru);
    }

    #[test]
    fn every_text_of_the_pages_has_its_words() {
        for page in [FORM, THANKS] {
            for part in page.split("words.").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                assert!(
                    !word(Language::En, &name).is_empty() && !word(Language::Ru, &name).is_empty(),
                    "{name}"
                );
            }
            assert!(!page.contains("<script") && !page.contains("safe"));
        }
        assert!(PAGES.is_ok());
    }
}
