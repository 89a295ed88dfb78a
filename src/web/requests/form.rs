//! `/form/NAME`: a form for people, alone or in a frame of a site. It works without script.
//!
//! Against robots there are a field that people do not see, a least time for filling in the form, and a stamp that is
//! only in a fetched form. A person who is taken for a robot is told what to do, and loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::fields::{self, Fields};
use super::{By, From, Intake, Refused, page, proof};
use crate::config::requests::Form;
use crate::language::Language;
use crate::missed::case::Reason;

/// The field that people do not see.
const TRAP: &str = "website";

pub(super) async fn show(
    State(intake): State<Arc<Intake>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(form) = intake.form(&name) else { return missing() };
    let language = language(form, query.as_deref(), &headers);
    page::form(
        form,
        language,
        &intake.clocks(form),
        &intake.stamp(form),
        &Fields::new(),
        StatusCode::OK,
        None,
    )
}

pub(super) async fn receive(
    State(intake): State<Arc<Intake>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(form) = intake.form(&name) else { return missing() };
    let language = language(form, query.as_deref(), &headers);
    let mut filled = Fields::new();
    match take(&intake, form, language, peer, &headers, body, &mut filled).await {
        Ok(()) => page::thanks(form, language),
        Err(rejected) => {
            let stamp = rejected.stamp.unwrap_or_else(|| intake.stamp(form));
            page::form(
                form,
                language,
                &intake.clocks(form),
                &stamp,
                &filled,
                rejected.status,
                Some(rejected.wrong),
            )
        }
    }
}

/// Why the form is shown again.
struct Rejected {
    status: StatusCode,
    wrong: &'static str,
    /// The stamp to keep; none: a new one.
    stamp: Option<String>,
}

async fn take(
    intake: &Intake,
    form: &Form,
    language: Language,
    peer: SocketAddr,
    headers: &HeaderMap,
    body: Body,
    filled: &mut Fields,
) -> Result<(), Rejected> {
    let address = intake.address(peer, headers);
    let _permit = intake.admit_stranger(address, false).map_err(|refused| rejected(&refused, None))?;
    let body = intake.body(body).await.map_err(|refused| rejected(&refused, None))?;
    *filled = fields::of_form(&body).map_err(|problem| rejected(&Refused::Bad(problem), None))?;
    let (stamp, trapped) = (filled.remove("stamp").unwrap_or_default(), filled.remove(TRAP).is_some());
    check_stamp(intake, form, &stamp, trapped)?;
    let keep_stamp = |refused: &Refused| rejected(refused, Some(stamp.clone()));
    let mut fields = filled.clone();
    // The text that was shown, not what was sent.
    fields.insert("consent_text".to_owned(), page::consent(form, language).to_owned());
    fields.insert("sms_consent_text".to_owned(), page::sms_consent(form, language).to_owned());
    fields.insert("language".to_owned(), language.to_string());
    let said = intake.read(&fields, form.queue.as_ref()).map_err(|refused| keep_stamp(&refused))?;
    intake.admit_form(address).map_err(|refused| keep_stamp(&refused))?;
    let from = From {
        by: By::Form,
        key: Some(format!("form\n{}\n{stamp}", form.name)),
        body,
        reason: Reason::WebForm,
        source: form.name.clone(),
        queue: form.queue.clone(),
        consent: None,
        address,
    };
    let kept = intake.keep(said, from).await;
    if kept.is_err() {
        intake.give_form_back(address);
    }
    match kept {
        Ok(_) => Ok(()),
        // A form that is sent again with another text is another request.
        Err(Refused::Other) => Err(rejected(&Refused::Other, None)),
        Err(refused) => Err(keep_stamp(&refused)),
    }
}

fn check_stamp(intake: &Intake, form: &Form, stamp: &str, trapped: bool) -> Result<(), Rejected> {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    if trapped {
        tracing::warn!(form = %form.name, "a form with the hidden field filled in was refused");
        return Err(Rejected { status: unprocessable, wrong: "leave_empty", stamp: None });
    }
    let age = proof::stamped(&intake.secret, &form.name, stamp).map(|at| intake.now().since(at));
    match age {
        Some(age) if age < intake.settings.min_fill_time => {
            Err(Rejected { status: unprocessable, wrong: "fast", stamp: Some(stamp.to_owned()) })
        }
        Some(age) if age <= intake.settings.max_form_age => Ok(()),
        Some(_) | None => Err(Rejected { status: unprocessable, wrong: "stale", stamp: None }),
    }
}

fn rejected(refused: &Refused, stamp: Option<String>) -> Rejected {
    let (status, wrong) = match refused {
        Refused::Big => (StatusCode::PAYLOAD_TOO_LARGE, "bad_field"),
        Refused::Slow => (StatusCode::REQUEST_TIMEOUT, "away"),
        Refused::Often(_) => (StatusCode::TOO_MANY_REQUESTS, "often"),
        Refused::Other => (StatusCode::CONFLICT, "again"),
        Refused::Away => (StatusCode::SERVICE_UNAVAILABLE, "away"),
        Refused::Bad(problem) => {
            let wrong = match problem.field.as_str() {
                "number" => "bad_number",
                "consent" => "bad_consent",
                "email" => "bad_email",
                "wanted_at" => "bad_wanted_at",
                _ => "bad_field",
            };
            (StatusCode::UNPROCESSABLE_ENTITY, wrong)
        }
    };
    Rejected { status, wrong, stamp }
}

fn language(form: &Form, query: Option<&str>, headers: &HeaderMap) -> Language {
    let accepts = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    page::language(query, accepts, form)
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such form: forms are named in [[requests.forms]]\n").into_response()
}

impl Intake {
    fn form(&self, name: &str) -> Option<&Form> {
        self.settings.forms.iter().find(|form| form.name == name)
    }

    /// The zone of a wanted time, and its present offset from UTC.
    fn clocks(&self, form: &Form) -> String {
        let zone = self.zone(form.queue.as_ref());
        format!("{zone}, {}", self.now().utc().with_timezone(&zone).format("UTC%:z"))
    }

    fn stamp(&self, form: &Form) -> String {
        proof::stamp(&self.secret, &form.name, &Uuid::new_v4().simple().to_string(), self.now())
    }
}
