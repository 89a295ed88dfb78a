//! HTTP to a CRM: it may be in a private network, and a redirect means that the address in the settings is wrong.

use reqwest::RequestBuilder;

use crate::clock::Clock;
use crate::config::crm::Settings;
use crate::egress::system_lookup;
use crate::notify::Trouble;
use crate::notify::http::{Answer, Bounds, Http};

/// Makes the HTTP client of a CRM.
///
/// # Errors
/// When TLS cannot be set up on this machine.
pub fn client(settings: &Settings, clock: Clock) -> Result<Http, String> {
    let bounds = Bounds {
        timeout: settings.timeout,
        max_answer_bytes: settings.max_answer_bytes,
        allow_private: true,
        timeout_key: "[crm] timeout",
        largest_answer_key: "[crm] max_answer_bytes",
    };
    Http::new(bounds, system_lookup(), clock).map_err(|error| error.to_string())
}

/// Sends a request to a CRM and reads the answer.
///
/// # Errors
/// Passing if no answer came; refused if it is a redirect.
pub async fn ask(http: &Http, request: RequestBuilder) -> Result<Answer, Trouble> {
    let answer = http.ask(request).await;
    let answer = answer.map_err(|trouble| trouble.reworded(|reason| format!("the CRM: {reason}")))?;
    if answer.status.is_redirection() {
        return Err(Trouble::refused(format!(
            "the CRM answers with a redirect ({}), which is not followed: set the address to which it redirects as [crm] url",
            answer.status
        )));
    }
    Ok(answer)
}
