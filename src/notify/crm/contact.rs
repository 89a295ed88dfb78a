//! What is written into a CRM: plain values, no I/O.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::UnixMs;
use crate::ids::{AgentName, CaseId, QueueName};
use crate::language::Language;
use crate::missed::attempt::Disposition;
use crate::missed::case::Closed;
use crate::phone::E164;

crate::vocabulary! {
    /// What happened.
    "contact" pub enum Happening {
        /// A missed call.
        MissedCall = "missed_call",
        /// An attempt to call back; `result` is its disposition.
        Attempt = "attempt",
        /// An agent talked with the customer.
        Talk = "talk",
        /// The case was closed.
        CaseClosed = "case_closed",
        /// The case was handed over to the repeat-contacts queue.
        HandedOver = "handed_over",
        /// The customer asked for a call by a form or a bot.
        Request = "request",
    }
}

crate::vocabulary! {
    /// Who called whom.
    "direction" pub enum Direction {
        /// The customer called.
        Inbound = "inbound",
        /// The customer was called.
        Outbound = "outbound",
    }
}

/// A contact with a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The id of the call or attempt, else of the event. It is the same at each delivery and different for each
    /// contact, so that a second delivery finds what the first has written.
    pub id: Uuid,
    /// What happened.
    pub happening: Happening,
    /// The customer's number.
    pub number: E164,
    /// Who called whom.
    pub direction: Direction,
    /// When it began.
    pub started_at: UnixMs,
    /// How long they talked, in milliseconds; 0 if they did not.
    pub duration_ms: u64,
    /// The disposition of an attempt.
    pub result: Option<Disposition>,
    /// Why a case was closed.
    pub reason: Option<Closed>,
    /// The agent.
    pub agent: Option<AgentName>,
    /// The case it belongs to.
    pub case: Option<CaseId>,
    /// The queue it belongs to.
    pub queue: Option<QueueName>,
    /// The agent's or the customer's note.
    pub note: Option<String>,
    /// The time by which the customer is to be called; becomes a task.
    pub deadline: Option<UnixMs>,
}

impl Contact {
    /// Whether the contact is recorded among the CRM's calls.
    #[must_use]
    pub const fn is_call(&self) -> bool {
        matches!(self.happening, Happening::MissedCall | Happening::Attempt | Happening::Talk)
    }

    /// The mark by which this contact is found again in the text of a note.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("dozvon:{}", self.id)
    }

    /// The mark by which the tasks of the case are found again.
    #[must_use]
    pub fn case_mark(&self) -> Option<String> {
        self.case.map(|case| format!("dozvon-case:{case};"))
    }

    /// How long they talked, in whole seconds.
    #[must_use]
    pub const fn duration_s(&self) -> u64 {
        self.duration_ms / 1000
    }

    /// When it began, in whole seconds since 1970.
    #[must_use]
    pub const fn started_s(&self) -> i64 {
        self.started_at.0.div_euclid(1000)
    }

    /// One line for people: what to do if the customer is to be called, else what happened.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        let what = match self.deadline {
            Some(_) => language.pick("Call back", "Перезвонить"),
            None => self.what(language),
        };
        format!("{what} {}", self.number)
    }

    /// All details for people, with the marks at the end.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut lines = vec![self.what(language).to_owned()];
        lines.extend(self.result.map(|result| {
            let said = result_in(language, result);
            format!("{}: {said}", language.pick("Result", "Результат"))
        }));
        lines.extend(self.reason.map(|reason| {
            let said = reason_in(language, reason);
            format!("{}: {said}", language.pick("Reason", "Причина"))
        }));
        lines.extend(
            self.queue.as_ref().map(|queue| format!("{}: {queue}", language.pick("Queue", "Очередь"))),
        );
        lines.extend(
            self.agent.as_ref().map(|agent| format!("{}: {agent}", language.pick("Agent", "Оператор"))),
        );
        lines.extend(self.note.clone());
        let marks = [self.case_mark(), Some(self.mark())].into_iter().flatten().collect::<Vec<_>>().join(" ");
        lines.push(marks);
        lines.join("\n")
    }

    const fn what(&self, language: Language) -> &'static str {
        match self.happening {
            Happening::MissedCall => language.pick("Missed call", "Пропущенный звонок"),
            Happening::Attempt => language.pick("Attempt to call back", "Попытка перезвонить"),
            Happening::Talk => language.pick("Talk", "Разговор"),
            Happening::CaseClosed => language.pick("Case closed", "Обращение закрыто"),
            Happening::HandedOver => {
                language.pick("Handed over to repeat contacts", "Передано в отдел повторных контактов")
            }
            Happening::Request => language.pick("Request for a call", "Заявка на звонок"),
        }
    }
}

const fn reason_in(language: Language, reason: Closed) -> &'static str {
    match reason {
        Closed::AgentReached => language.pick("we have talked", "поговорили"),
        Closed::CallerReachedUs => language.pick("the caller got through", "клиент дозвонился сам"),
        Closed::Unreachable => language.pick("not reached", "не дозвонились"),
        Closed::DoNotCall => language.pick("wants no calls", "просит не звонить"),
        Closed::WrongNumber => language.pick("somebody else's number", "чужой номер"),
        Closed::Spam => language.pick("not a customer", "не клиент"),
        Closed::Erased => language.pick("the data were erased", "данные удалены"),
        Closed::Other => language.pick("other", "другое"),
    }
}

const fn result_in(language: Language, result: Disposition) -> &'static str {
    match result {
        Disposition::Reached => language.pick("talked", "поговорили"),
        Disposition::CallLater => language.pick("asks to be called later", "просит перезвонить позже"),
        Disposition::NoAnswer => language.pick("no answer", "не ответил"),
        Disposition::Busy => language.pick("busy", "занято"),
        Disposition::Rejected => language.pick("rejected", "сбросил"),
        Disposition::Voicemail => language.pick("a machine answered", "автоответчик"),
        Disposition::InvalidNumber => language.pick("the number does not exist", "номер не существует"),
        Disposition::WrongNumber => language.pick("somebody else's number", "чужой номер"),
        Disposition::TechnicalFailure => language.pick("our side failed", "сбой на нашей стороне"),
        Disposition::Refused => language.pick("wants no calls", "просит не звонить"),
        Disposition::Cancelled => language.pick("cancelled", "отменено"),
        Disposition::Orphaned => language.pick("interrupted", "прервано"),
        Disposition::Abandoned => {
            language.pick("answered, but no agent was free", "ответил, но свободного оператора не было")
        }
        Disposition::Other => language.pick("other", "другое"),
    }
}
