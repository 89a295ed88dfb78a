//! Headings, words and sentences in the reader's language.

use crate::language::Language;

/// The heading of a field.
#[must_use]
pub fn heading(language: Language, field: &str) -> String {
    let key = field.trim_end_matches("_at").trim_end_matches("_ms");
    find(HEADINGS, language, field).or_else(|| find(WORDS, language, key)).unwrap_or_else(|| plain(key))
}

/// A word of a vocabulary in a language.
#[must_use]
pub fn word(language: Language, word: &str) -> String {
    find(WORDS, language, word).unwrap_or_else(|| plain(word))
}

/// The meaning of a key of a file, if a table has it.
pub(super) fn meaning(language: Language, key: &str) -> Option<String> {
    find(WORDS, language, key).or_else(|| find(HEADINGS, language, key))
}

/// Translates an English text. A text that is in no table stays English.
#[must_use]
pub fn translate(language: Language, english: &str) -> String {
    match language {
        Language::En => english.to_owned(),
        Language::Ru => super::russian::of_text(english)
            .or_else(|| find(WORDS, language, english))
            .unwrap_or_else(|| english.to_owned()),
    }
}

fn plain(text: &str) -> String {
    text.replace('_', " ")
}

fn find(catalogue: &[(&str, &str, &str)], language: Language, key: &str) -> Option<String> {
    let (_, english, russian) = catalogue.iter().find(|(known, _, _)| *known == key)?;
    Some(match language {
        Language::En => (*english).to_owned(),
        Language::Ru => (*russian).to_owned(),
    })
}

/// Field, English, Russian.
const HEADINGS: &[(&str, &str, &str)] = &[
    ("action", "action", "действие"),
    ("activity", "activity", "занятие"),
    ("age_min", "age, min", "возраст, мин"),
    ("age_ms", "age", "возраст"),
    ("agent", "agent", "оператор"),
    ("agents", "agents", "операторы"),
    ("aggregate", "about", "о чём"),
    ("allowed", "allowed", "допустимо"),
    ("answer_avg", "mean", "среднее"),
    ("answered", "answered", "отвечено"),
    ("answered_at", "answered", "ответ"),
    ("answered_in_time", "in time", "вовремя"),
    ("answers", "answers", "ответы"),
    ("answers_1", "1", "1"),
    ("answers_2", "2", "2"),
    ("answers_3", "3", "3"),
    ("answers_4", "4", "4"),
    ("answers_5", "5", "5"),
    ("arrived_at", "arrived", "поступил"),
    ("at", "at", "время"),
    ("attempts", "attempts", "попытки"),
    ("attempts_by_result", "attempts by result", "попытки по результату"),
    ("attempts_cap", "of", "из"),
    ("attempts_erased_at", "attempts erased", "попытки удалятся"),
    ("attempts_later", "attempts later", "попыток позже"),
    ("attempts_left", "left", "осталось"),
    ("attempts_today", "today", "сегодня"),
    ("available", "available", "доступны"),
    ("break_reason", "break", "причина перерыва"),
    ("business_day", "day", "рабочий день"),
    ("by", "by", "кто"),
    ("call", "call", "звонок"),
    ("caller_name", "name", "имя"),
    ("caller_number", "caller", "звонящий"),
    ("calls", "calls", "звонки"),
    ("calls_by_ending", "calls by ending", "звонки по итогу"),
    ("came_by", "came from", "источник"),
    ("callback_number", "number entered", "введённый номер"),
    ("callback_queue", "asked to be called back by", "просил перезвонить из очереди"),
    ("place_at", "place kept since", "место сохранено с"),
    ("place_of", "took the place of call", "занял место звонка"),
    ("place_queue", "place kept in", "место сохранено в очереди"),
    ("case", "case", "обращение"),
    ("cases_by_end", "cases by end", "обращения по завершению"),
    ("cases_by_reason", "cases by reason", "обращения по причине"),
    ("cases_closed", "cases closed", "закрыто обращений"),
    ("cause", "cause", "причина"),
    ("change", "change", "изменение"),
    ("changes", "changes", "изменения"),
    ("channel", "channel", "канал"),
    ("check", "check", "проверка"),
    ("close_reason", "closed because", "причина закрытия"),
    ("closed", "closed", "закрыто"),
    ("closed_at", "closed", "закрыто"),
    ("closed_by", "closed by", "закрыл"),
    ("closed_to", "when closed", "нерабочее время"),
    ("contacts", "contacts", "контакты"),
    ("count", "count", "количество"),
    ("counted", "counted", "учтена"),
    ("destination", "destination", "получатель"),
    ("detail", "detail", "подробности"),
    ("details", "details", "подробности"),
    ("dialled", "dialled", "набран"),
    ("direction", "direction", "направление"),
    ("display", "name shown", "полное имя"),
    ("email", "e-mail", "эл. почта"),
    ("end", "end", "чем кончилось"),
    ("ended_at", "ended", "завершён"),
    ("ending", "ending", "итог"),
    ("erasure", "erasure", "удаление"),
    ("event", "event", "событие"),
    ("expires_at", "until", "до"),
    ("field", "field", "поле"),
    ("file", "file", "файл"),
    ("files_left", "files not deleted yet", "файлов ещё не удалено"),
    ("from", "from", "было"),
    ("from_activity", "activity before", "занятие до"),
    ("from_status", "status before", "статус до"),
    ("goes_to", "goes to", "куда"),
    ("guard", "guard", "ограничение"),
    ("id", "id", "№"),
    ("idle", "idle", "свободны"),
    ("idle_since_at", "idle since", "без разговора с"),
    ("joined_at", "joined", "в очереди с"),
    ("kept", "kept in", "остаётся в"),
    ("language", "language", "язык"),
    ("last_miss_at", "last miss", "последний пропуск"),
    ("law", "source", "основание"),
    ("lawful", "is allowed", "соблюдено"),
    ("level", "level", "уровень"),
    ("limit", "limit", "предел"),
    ("limits", "limits", "пределы"),
    ("longest_wait_ms", "longest wait", "дольше всех"),
    ("matches", "matches", "подходит"),
    ("max_attempts_per_day", "a day", "в день"),
    ("max_attempts_per_month", "a month", "в месяц"),
    ("max_attempts_per_week", "a week", "в неделю"),
    ("max_wait_ms", "max wait", "предел ожидания"),
    ("migration", "migration", "миграция"),
    ("misses", "misses", "пропуски"),
    ("music", "music", "музыка"),
    ("name", "name", "имя"),
    ("next_at", "next try", "следующая попытка"),
    ("no_answer", "no answer", "нет ответа"),
    ("node", "node", "узел"),
    ("not_before_at", "not before", "не раньше"),
    ("not_before_by", "put off by", "кто отложил"),
    ("not_called_for", "not called now", "сейчас не звоним"),
    ("not_called_until_at", "not called until", "не звоним до"),
    ("note", "note", "заметка"),
    ("number", "number", "номер"),
    ("number_key", "number's hash", "хеш номера"),
    ("offers", "offers", "вызовы"),
    ("offers_by_outcome", "offers by outcome", "вызовы по исходу"),
    ("offset_ms", "after", "через"),
    ("open", "open", "открыто"),
    ("open_to", "when open", "рабочее время"),
    ("opened", "opened", "открыто"),
    ("opened_at", "opened", "открыто"),
    ("ordinal", "no.", "№"),
    ("other", "other", "другое"),
    ("outcome", "outcome", "исход"),
    ("overflow", "overflow", "переполнение"),
    ("page", "page", "страница"),
    ("party", "party", "тип номера"),
    ("pattern", "pattern", "шаблон"),
    ("policy", "policy", "политика"),
    ("position", "position", "позиция"),
    ("priority", "priority", "приоритет"),
    ("profile", "profile", "профиль"),
    ("prompt", "prompt", "звук"),
    ("pseudonym", "pseudonym", "псевдоним"),
    ("question", "question", "вопрос"),
    ("queue", "queue", "очередь"),
    ("queues", "queues", "очереди"),
    ("react_by", "react by", "ответить до"),
    ("reaction_ms", "reaction", "реакция"),
    ("ready_at", "offered calls from", "вызовы с"),
    ("reason", "reason", "причина"),
    ("recipient", "to whom", "кому"),
    ("refusals", "refused dials", "отказы в наборе"),
    ("remedy", "what to do", "что делать"),
    ("requests", "requests", "заявки"),
    ("result", "result", "результат"),
    ("retry_delays", "retry delays", "перерывы"),
    ("ring_avg_ms", "mean ring", "вызов, средн."),
    ("ring_max_ms", "longest ring", "вызов, макс."),
    ("ring_timeout_ms", "ring timeout", "время вызова"),
    ("route", "route", "маршрут"),
    ("routes", "routes", "маршруты"),
    ("rows", "rows", "строки"),
    ("schedule", "schedule", "расписание"),
    ("service_level_ms", "service level", "норматив ответа"),
    ("service_level_negative_abandon_pct", "service level", "уровень обслуживания"),
    ("since_at", "since", "с"),
    ("source", "source", "источник"),
    ("stage", "stage", "этап"),
    ("state", "state", "состояние"),
    ("status", "status", "статус"),
    ("strategy", "strategy", "стратегия"),
    ("subject", "about", "о чём"),
    ("survey", "survey", "опрос"),
    ("table", "table", "таблица"),
    ("tables", "tables", "таблицы"),
    ("taken", "taken", "перехвачены"),
    ("talk_avg_ms", "mean talk", "разговор, средн."),
    ("talk_ms", "talk", "разговор"),
    ("talking", "talking", "говорят"),
    ("text", "text", "текст"),
    ("then", "then", "затем"),
    ("timeline", "timeline", "ход звонка"),
    ("to", "to", "стало"),
    ("to_activity", "activity after", "занятие после"),
    ("to_status", "status after", "статус после"),
    ("until_at", "until", "до"),
    ("value", "value", "значение"),
    ("version", "version", "версия"),
    ("wait_avg_ms", "mean wait", "ожидание, средн."),
    ("wait_max_ms", "longest wait", "ожидание, макс."),
    ("wait_ms", "wait", "ожидание"),
    ("waiting", "waiting", "ждут"),
    ("wanted_at", "wants a call at", "когда позвонить"),
    ("weekday_hours", "weekday hours", "по будням"),
    ("weekend_hours", "weekend hours", "по выходным и праздникам"),
    ("what", "what", "что"),
    ("why", "why", "почему"),
    ("with", "with", "с кем"),
    ("wrap_up_ms", "wrap-up", "постобработка"),
    ("zone", "time zone", "часовой пояс"),
];

/// Word, English, Russian.
const WORDS: &[(&str, &str, &str)] = &[
    ("abandoned", "abandoned", "не дождался"),
    ("abandoned_ringing", "abandoned while ringing", "не дождался ответа"),
    ("abandoned_waiting", "abandoned while waiting", "не дождался в очереди"),
    ("accept_timeout", "accept timeout", "время оператору на приём"),
    ("added", "added", "добавлено"),
    ("advice", "advice", "совет"),
    ("agent_reached", "agent reached", "оператор дозвонился"),
    ("allow_premium", "allow premium", "платные номера"),
    ("allowed_destinations", "allowed destinations", "куда можно звонить"),
    ("answered", "answered", "отвечен"),
    ("arrived", "arrived", "поступил"),
    ("arriving", "arriving", "поступление"),
    ("asked_callback", "asked for a callback", "просил перезвонить"),
    ("attempting", "being called", "идёт звонок"),
    ("available", "available", "доступен"),
    ("beheaded", "the beginning is missing", "нет начала"),
    ("bot", "a bot's request", "заявка от бота"),
    ("budget", "no trunk has room", "нет свободной линии"),
    ("busy", "busy", "занято"),
    ("busy_delay", "busy delay", "пауза при занято"),
    ("by_hand", "opened by hand", "открыто вручную"),
    ("call_later", "call later", "перезвонить позже"),
    ("call_waiting", "call waiting", "второй звонок"),
    ("callback", "callback", "обратный"),
    ("callee_window", "too early or too late there", "у клиента рано или поздно"),
    ("caller_reached_us", "caller reached us", "дозвонился сам"),
    ("cancelled", "cancelled", "отменён"),
    ("case", "case", "обращение"),
    ("case_called_up", "case called up", "обращение вне очереди"),
    ("case_closed", "case closed", "обращение закрыто"),
    ("case_deferred", "case put off", "обращение отложено"),
    ("case_open", "case closed", "обращение закрыто"),
    ("case_opened", "case opened", "обращение открыто"),
    ("changed", "changed", "изменено"),
    ("claimed", "being offered", "предлагается оператору"),
    ("closed", "closed", "закрыто"),
    ("closed_hours", "closed hours", "нерабочее время"),
    ("contacts", "contacts", "контакты"),
    ("day_cap", "attempts of the day used up", "попытки на день исчерпаны"),
    ("dead", "dead", "не доставлено"),
    ("debt", "debt", "взыскание"),
    ("deferred", "put off", "отложено"),
    ("destination", "number not allowed", "номер не разрешён"),
    ("dial", "dialled", "набор номера"),
    ("display", "display", "имя"),
    ("disposition", "result recorded", "результат записан"),
    ("dnc_added", "do not call: added", "запрет звонков: добавлен"),
    ("dnc_removed", "do not call: removed", "запрет звонков: снят"),
    ("do_not_call", "do not call", "просит не звонить"),
    ("done", "done", "доставлено"),
    ("down", "down", "не работает"),
    ("due", "due", "пора звонить"),
    ("duty", "duty", "дежурство"),
    ("duty_changed", "duty changed", "дежурство изменено"),
    ("elsewhere", "in another call", "в другом разговоре"),
    ("ended", "ended", "завершён"),
    ("erased", "erased", "удалено"),
    ("erasure", "person erased", "данные лица удалены"),
    ("escalation_pct", "escalation pct", "доли срока для напоминаний"),
    ("exceptions", "exceptions", "исключения"),
    ("failed", "failed (not the agent's fault)", "сбой (не по вине сотрудника)"),
    ("flood", "a flood of calls: only by hand", "наплыв звонков: только вручную"),
    ("follow_redirects", "follow redirects", "следовать переадресации"),
    ("forward_failed", "forward failed", "переадресация не удалась"),
    ("forwarded", "forwarded", "переадресован"),
    ("forwarding", "forwarding", "переадресация"),
    ("gap", "too soon after the last attempt", "слишком рано после попытки"),
    ("grace", "grace", "ждать повторного звонка"),
    ("greeting", "greeting", "приветствие"),
    ("handed_over", "handed over", "передано на повторные контакты"),
    ("handover", "handed over", "передано"),
    ("hour_cap", "dials per hour used up", "исчерпан лимит вызовов в час"),
    ("hours", "hours", "часы работы"),
    ("hours_changed", "hours changed by hand", "часы изменены вручную"),
    ("hours_margin", "hours margin", "запас по времени"),
    ("idle", "idle", "свободен"),
    ("inbound", "inbound", "входящий"),
    ("inserted", "it does not belong there", "лишняя запись"),
    ("internal", "internal", "внутренний"),
    ("invalid", "invalid", "неверный"),
    ("invalid_number", "invalid number", "нет такого номера"),
    ("joined", "joined", "в очереди"),
    ("left alone", "left alone", "не тронут"),
    ("left over", "left over", "остался от прежних настроек"),
    ("left_message", "left a message", "оставил сообщение"),
    ("left_queue", "left the queue", "покинул очередь"),
    ("live_call", "in a call with us", "уже говорит с нами"),
    ("logged_out", "logged out", "не в системе"),
    ("longest_idle", "longest idle", "дольше свободен"),
    ("lost", "lost", "потерян"),
    ("lost_race", "lost the race", "ответил другой"),
    ("manual", "manual", "вручную"),
    ("max_attempts", "max attempts", "попыток всего"),
    ("max_attempts_per_24h", "max attempts per 24h", "попыток за сутки"),
    ("max_attempts_per_day", "max attempts per day", "попыток в день"),
    ("max_attempts_per_month", "max attempts per month", "попыток в месяц"),
    ("max_attempts_per_week", "max attempts per week", "попыток в неделю"),
    ("max_no_answer", "max no answer", "вызовов без ответа до перерыва"),
    ("max_wait", "max wait", "предел ожидания"),
    ("menu", "menu", "меню"),
    ("message", "message", "сообщение"),
    ("misplaced", "it does not follow the one before", "не следует за предыдущей"),
    ("missing", "it is missing", "запись отсутствует"),
    ("month_cap", "attempts of the month used up", "попытки на месяц исчерпаны"),
    ("music", "music", "музыка"),
    ("no", "no", "нет"),
    ("no_answer", "no answer", "нет ответа"),
    ("no_answer_delay", "no answer delay", "пауза без ответа"),
    ("not_confirmed", "picked up, not confirmed", "снял трубку, не подтвердил"),
    ("number", "number", "номер"),
    ("offered", "offered", "вызов оператора"),
    ("ok", "ok", "в порядке"),
    ("on_break", "on break", "перерыв"),
    ("open", "open", "открыто"),
    ("orphaned", "interrupted", "прервано"),
    ("other", "other", "другое"),
    ("overflow", "overflow", "переполнение"),
    ("person", "one of us", "сотрудник"),
    ("picked_up", "picked up", "снял трубку"),
    ("place", "place", "место в порядке"),
    ("policy", "policy", "политика"),
    ("priority", "priority", "приоритет"),
    ("profile", "profile", "профиль"),
    ("queue_hours", "queue closed", "очередь закрыта"),
    ("reached", "reached", "дозвонились"),
    ("reaction_time", "reaction time", "ответить за"),
    ("recent_contact", "recent contact", "недавний звонок клиента"),
    ("redirected", "redirected", "переадресован телефоном"),
    ("refusal", "dial refused", "набор отклонён"),
    ("refused", "refused", "не принят"),
    ("rejected", "rejected", "отклонён"),
    ("rejected_delay", "rejected delay", "пауза при отклонении"),
    ("removed", "removed", "удалено"),
    ("repeat_days", "repeat days", "дней повторных контактов"),
    ("request", "request received", "заявка принята"),
    ("retention", "old rows deleted", "старые строки удалены"),
    ("retry_delays", "retry delays", "промежутки"),
    ("ring_all", "ring all", "всем сразу"),
    ("ring_timeout", "ring timeout", "время вызова"),
    ("ringing", "ringing", "вызов"),
    ("rolling_cap", "attempts of 24 hours used up", "попытки за сутки исчерпаны"),
    ("round_robin", "round robin", "по кругу"),
    ("rules_changed", "rules changed", "правила изменены"),
    ("sales", "sales", "продажи"),
    ("schedule", "schedule", "расписание"),
    ("sequential", "sequential", "по порядку"),
    ("service", "service", "обслуживание"),
    ("service_level", "service level", "норматив ответа"),
    ("settling", "settling", "ждём повторного звонка"),
    ("skipped", "skipped", "пропущено"),
    ("source", "source", "файл звука"),
    ("spam", "spam", "спам"),
    ("strategy", "strategy", "стратегия"),
    ("taken", "taken elsewhere", "перехвачен"),
    ("talk_over", "talk over", "разговор окончен"),
    ("talking", "talking", "разговор"),
    ("technical_failure", "technical failure", "технический сбой"),
    ("tiers", "tiers", "операторы очереди"),
    ("timed_out", "timed out", "истекло ожидание"),
    ("truncated", "the end is missing", "нет конца"),
    ("unchanged", "unchanged", "без изменений"),
    (
        "unmarked",
        "the mark of the first sealed entry was changed, or is not set yet",
        "отметка о первой записи с печатью изменена или ещё не поставлена",
    ),
    ("unreachable", "unreachable", "недоступен"),
    ("unreachable_delay", "unreachable delay", "пауза без связи"),
    ("unsealed", "an entry without a seal follows sealed ones", "запись без печати после записей с печатью"),
    ("voicemail", "voicemail", "автоответчик"),
    ("waiting", "waiting", "ожидание"),
    ("web_form", "a request", "заявка"),
    ("week_cap", "attempts of the week used up", "попытки на неделю исчерпаны"),
    ("weekday_hours", "weekday hours", "по будням"),
    ("weekend_hours", "weekend hours", "по выходным"),
    ("withheld", "withheld", "скрыт"),
    ("wrap_up", "wrap-up", "постобработка"),
    ("wrapping_up", "wrapping up", "постобработка"),
    ("written", "written", "записан"),
    ("wrong", "wrong", "неверно"),
    ("wrong_number", "wrong number", "чужой номер"),
    ("yes", "yes", "да"),
    ("zone", "zone", "часовой пояс"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogues_are_in_order_and_hold_each_key_once() {
        for catalogue in [HEADINGS, WORDS] {
            for pair in catalogue.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{} then {}", pair[0].0, pair[1].0);
            }
        }
    }

    #[test]
    fn every_word_that_people_see_is_known() {
        use crate::missed::ending::{Direction, Ending, Stage};
        use crate::missed::{attempt, case};
        use crate::queue::{agent, offer};
        use crate::rules::Strategy;
        use crate::rules::policy;
        let delivery = crate::store::outbox::State::ALL.iter().map(|word| word.as_str());
        let words = agent::Status::ALL
            .iter()
            .map(|word| word.as_str())
            .chain(agent::Activity::ALL.iter().map(|word| word.as_str()))
            .chain(offer::Outcome::ALL.iter().map(|word| word.as_str()))
            .chain(Direction::ALL.iter().map(|word| word.as_str()))
            .chain(Ending::ALL.iter().map(|word| word.as_str()))
            .chain(Stage::ALL.iter().map(|word| word.as_str()))
            .chain(case::State::ALL.iter().map(|word| word.as_str()))
            .chain(case::Reason::ALL.iter().map(|word| word.as_str()))
            .chain(case::Closed::ALL.iter().map(|word| word.as_str()))
            .chain(attempt::Disposition::ALL.iter().map(|word| word.as_str()))
            .chain(case::Stage::ALL.iter().map(|word| word.as_str()))
            .chain(crate::audit::Action::ALL.iter().map(|word| word.as_str()))
            .chain(crate::audit::Fault::ALL.iter().map(|word| word.as_str()))
            .chain(policy::Profile::ALL.iter().map(|word| word.as_str()))
            .chain(Strategy::ALL.iter().map(|word| word.as_str()))
            .chain(delivery);
        for word in words {
            assert!(find(WORDS, Language::Ru, word).is_some(), "{word} has no Russian");
        }
    }
}
