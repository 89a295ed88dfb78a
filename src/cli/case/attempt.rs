//! `dozvon case attempt` and `dozvon case result`: record the disposition of a call to a customer.

use serde_json::json;

use super::list::next_try;
use super::number;
use crate::cli::{Context, Exit, Failure, parse};
use crate::ids::CaseId;
use crate::missed::attempt::Disposition;
use crate::render::{Cell, Sentence};
use crate::store::attempts::{AttemptRow, ReportedAttempt};
use crate::store::callbacks::{self, GivenDisposition};
use crate::store::{Database, cases};

/// Record a call to the customer that was made without dozvon, and its result.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case attempt 17 --result no_answer
  dozvon case attempt 17 --result reached --note \"wants an offer by Friday\"
  dozvon case attempt 17 --result technical_failure --not-counted")]
pub(super) struct AttemptArgs {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// The result: reached, call_later, no_answer, busy, rejected, voicemail, invalid_number, wrong_number,
    /// technical_failure or other.
    #[arg(long)]
    result: Disposition,
    /// The customer's phone was not dialled, so the attempt does not count towards the daily limit.
    #[arg(long)]
    not_counted: bool,
    /// A remark to keep with the attempt.
    #[arg(long, value_parser = parse::remark)]
    note: Option<String>,
}

/// Record the result of a callback that has ended. The agent is offered no further work before that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case result 17 --result reached
  dozvon case result 17 --result call_later --at \"tomorrow 16:00\"
  dozvon case result 17 --result voicemail --note \"left our number\"")]
pub(super) struct ResultArgs {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// The result: reached, call_later, no_answer, busy, rejected, voicemail, wrong_number, refused or other.
    #[arg(long)]
    result: Disposition,
    /// When the customer wants to be called.
    #[arg(long, value_name = "TIME", alias = "later", alias = "until")]
    at: Option<String>,
    /// A remark to keep with the attempt.
    #[arg(long, value_parser = parse::remark, required_if_eq("result", "other"))]
    note: Option<String>,
}

pub(super) async fn attempt(args: AttemptArgs, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let callback_rules = context.callback_rules().await?;
    let (row, cap) = context
        .write("case_attempt", move |c| {
            let case = cases::get(c, args.id)?;
            let business_day = callback_rules.business_day(&case, at);
            let cap = callback_rules.cap(&case);
            let made = ReportedAttempt {
                case: args.id,
                business_day,
                cap,
                counted: !args.not_counted,
                disposition: args.result,
                by: &by,
                note: args.note.as_deref(),
                at,
            };
            Ok((callbacks::report(c, &callback_rules, &made)?, cap))
        })
        .await?;
    let line = match row.ordinal {
        Some(ordinal) => {
            Sentence::of("case {case}, {number}: attempt {ordinal} of {cap} on {business_day}: {result}")
                .with("ordinal", Cell::count(ordinal))
                .with("cap", Cell::count(cap))
                .with("business_day", row.business_day.to_string())
        }
        None => Sentence::of("case {case}, {number}: attempt, not counted: {result}"),
    };
    let line = line
        .with("case", Cell::Count(row.case_id.0))
        .with("number", row.number.as_str())
        .with("result", Cell::word_or_nothing(row.disposition));
    let lines = [line, stands(row.case_id, context).await?];
    context.say_all(&lines, &as_json(&row, cap))?;
    Ok(Exit::Done)
}

fn as_json(row: &AttemptRow, cap: i32) -> serde_json::Value {
    json!({
        "id": row.id,
        "case": row.case_id,
        "number": row.number,
        "business_day": row.business_day,
        "ordinal": row.ordinal,
        "attempts_cap": cap,
        "counted": row.counted,
        "at": row.at.to_string(),
        "by": row.by,
        "result": row.disposition,
        "note": row.note,
    })
}

/// The present state of a case.
async fn stands(id: CaseId, context: &Context) -> Result<Sentence, Failure> {
    let callback_rules = context.callback_rules().await?;
    let look = move |c: &mut Database| {
        let case = cases::get(c, id)?;
        let waits = callbacks::waits_for_people(&case, &callback_rules);
        Ok((case, waits))
    };
    let (case, waits) = context.read("case_show", look).await?;
    Ok(match (case.close_reason, next_try(&case, waits)) {
        (Some(reason), _) => Sentence::of("the case is closed: {reason}").with("reason", Cell::word(reason)),
        (None, at @ Cell::At(_)) => Sentence::of("the case: {stage}, next at {at}")
            .with("stage", Cell::word(case.stage))
            .with("at", at),
        (None, _) => Sentence::of("the case: {stage}").with("stage", Cell::word(case.stage)),
    })
}

pub(super) async fn record_result(args: ResultArgs, context: &Context) -> Result<Exit, Failure> {
    let (at, zone, by) = (context.now(), context.zone(), context.by.clone());
    let callback_rules = context.callback_rules().await?;
    let later = args.at.as_deref().map(|text| parse::to_come(text, zone, at)).transpose()?;
    let id = args.id;
    context
        .write("case_result", move |c| {
            let said = GivenDisposition {
                case: args.id,
                disposition: args.result,
                later,
                note: args.note.as_deref(),
                by: &by,
                at,
            };
            callbacks::record_disposition(c, &callback_rules, &said)
        })
        .await?;
    let line = Sentence::of("case {case}: {result}")
        .with("case", Cell::Count(id.0))
        .with("result", Cell::word(args.result));
    context.say_all(&[line, stands(id, context).await?], &json!({ "case": id, "result": args.result }))?;
    Ok(Exit::Done)
}
