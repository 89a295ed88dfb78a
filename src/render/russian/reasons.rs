//! Reasons: of routes, policies and their laws, refused calls, changes; and the timeline of a call.

use crate::render::russian::Pair;

/// English, Russian; in the order of the English.
pub(super) const REASONS: &[Pair] = &[
    ("1 to 10 rising shares of 1 to {most}", "от 1 до 10 возрастающих долей от 1 до {most}"),
    ("1 to 3 durations of 15m to 1d", "от 1 до 3 промежутков от 15m до 1d"),
    (
        "12 CFR 1006.14 and 47 CFR 68.318, calls in rapid succession (R20, R22)",
        "12 CFR 1006.14 и 47 CFR 68.318, частые звонки подряд (R20, R22)",
    ),
    ("1s to 1h, or never", "от 1s до 1h, или никогда"),
    ("230-FZ article 7 part 3 (R3)", "230-ФЗ, статья 7, часть 3 (R3)"),
    (
        "38-FZ article 18 (R1) and 230-FZ article 7 part 3 (R3)",
        "38-ФЗ, статья 18 (R1), и 230-ФЗ, статья 7, часть 3 (R3)",
    ),
    ("47 CFR 64.1200(a)(6) and 68.318(b) (R17, R22)", "47 CFR 64.1200(a)(6) и 68.318(b) (R17, R22)"),
    (
        "47 CFR 64.1200(c)(1) and 16 CFR 310.4(c) (R16), some laws less (R15, R21)",
        "47 CFR 64.1200(c)(1) и 16 CFR 310.4(c) (R16), некоторые законы строже (R15, R21)",
    ),
    (
        "`dozvon callback now` calls it, or name its country or prefix in the policy's `allowed_destinations`",
        "позвоните командой `dozvon callback now` или укажите его страну или начало в `allowed_destinations` политики",
    ),
    ("agent {#name}", "оператор {#name}"),
    ("agent {agent} ({cause})", "оператор {agent} ({cause})"),
    ("agent {agent} rings (queue {queue})", "вызываем оператора {agent} (очередь {queue})"),
    ("agent {agent}, {times}", "оператор {agent}, {*times}"),
    (
        "calls to {prefix} are expensive: name {prefix2} in the policy's `allowed_destinations` if it may be called",
        "звонки на {prefix} дорогие: если звонить можно, укажите {prefix2} в `allowed_destinations` политики",
    ),
    ("closed", "закрыто"),
    ("dozvon's own limit", "собственный предел dozvon"),
    (
        "dozvon's own limit (at most three attempts a business day)",
        "собственный предел dozvon (не больше трёх попыток в рабочий день)",
    ),
    (
        "dozvon's own limit (laws set lower ones for sales, R15: 4 in 30 days, R21: 3 in 24 hours)",
        "собственный предел dozvon (для продаж законы задают меньшие, R15: 4 за 30 дней, R21: 3 за 24 часа)",
    ),
    (
        "dozvon's own rule (within an hour of a call by the customer)",
        "правило dozvon (в течение часа после звонка самого клиента)",
    ),
    ("extension {#extension}", "номер диалплана {#extension}"),
    ("forward to {contact}", "переадресация на {contact}"),
    ("got through", "соединён"),
    ("hang up {cause}", "завершить {cause}"),
    (
        "hours within {hours}, longer than the margins, or closed",
        "в пределах {hours}, с запасом с обеих сторон, или закрыто",
    ),
    ("it has no schedule and is always open", "расписания нет, открыто всегда"),
    (
        "it is too early or too late where the customer may be",
        "там, где может находиться клиент, слишком рано или поздно",
    ),
    ("its schedule {name} does not exist, so it counts as open", "его расписания {name} нет: открыто"),
    ("message {#name}", "сообщение {#name}"),
    ("missed too many calls in a row", "пропущено слишком много звонков подряд"),
    ("never", "никогда"),
    ("no offer holds him", "вызова больше нет"),
    ("no offer holds the agent", "вызова больше нет"),
    (
        "no route matches the number; routes tried: {count}",
        "номеру не подходит ни один маршрут (проверено: {count})",
    ),
    (
        "not called automatically: opened in a flood of calls from {range}; `dozvon callback now {id}` calls it, or change the limits in [callback.flood]",
        "автоматически не звоним: обращение открыто во время наплыва звонков с {range}; позвоните командой `dozvon callback now {id}` или измените пределы в [callback.flood]",
    ),
    ("not called automatically: the number is abroad", "номер зарубежный, автоматически на него не звоним"),
    (
        "not called automatically: the number is abroad; `dozvon callback now` calls it, or name its country or prefix in the policy's `allowed_destinations`",
        "номер зарубежный, автоматически на него не звоним; позвоните командой `dozvon callback now` или укажите его страну или начало в `allowed_destinations` политики",
    ),
    ("nothing", "ничего"),
    ("offered a call", "предложен звонок"),
    ("open", "открыто"),
    ("our country", "наша страна"),
    ("policy {#name}", "политика {#name}"),
    (
        "policy {policy}: {key} = {value} is not allowed: {law} allows {bound}",
        "политика {policy}: {key} = {*value} недопустимо: {*law} допускает {*bound}",
    ),
    ("prompt {#name}", "звук {#name}"),
    ("queue {#name}", "очередь {#name}"),
    ("queue {name}: {outcome}", "очередь {name}: {*outcome}"),
    ("rang {ring}", "вызов {ring}"),
    ("rang {ring} ({cause})", "вызов {ring} ({cause})"),
    ("rang {ring}, talked {talk}", "вызов {ring}, разговор {talk}"),
    ("rang {ring}, talked {talk} ({cause})", "вызов {ring}, разговор {talk} ({cause})"),
    ("route {#name}", "маршрут {#name}"),
    (
        "route {route} matches the number by {pattern} and the caller's number and the caller's open case; {hours}; so {to}",
        "номер подходит под шаблон {pattern} маршрута {route}, как и номер и обращение звонящего; {*hours}; поэтому {*to}",
    ),
    (
        "route {route} matches the number by {pattern} and the caller's number; {hours}; so {to}",
        "номер и звонящий подходят под шаблон {pattern} маршрута {route}; {*hours}; поэтому {*to}",
    ),
    (
        "route {route} matches the number by {pattern} and the caller's open case; {hours}; so {to}",
        "номер подходит под шаблон {pattern} маршрута {route}, у звонящего есть обращение; {*hours}; поэтому {*to}",
    ),
    (
        "route {route} matches the number by {pattern}; {hours}; so {to}",
        "номер подходит под шаблон {pattern} маршрута {route}; {*hours}; поэтому {*to}",
    ),
    ("schedule {#name}", "расписание {#name}"),
    ("schedule {name} is {state}", "расписание {name}: {*state}"),
    (
        "schedule {name} is {state} by hand until {until} by {by}",
        "расписание {name}: {*state} вручную до {until} ({by})",
    ),
    (
        "schedule {name} is {state} by hand until {until} by {by}: {reason}",
        "расписание {name}: {*state} вручную до {until} ({by}: {reason})",
    ),
    ("schedule {name} is {state} until {at}", "расписание {name}: {*state} до {at}"),
    ("talk ended", "разговор окончен"),
    ("talked {talk}", "разговор {talk}"),
    ("the case is closed", "обращение закрыто"),
    ("the clock was set back", "часы переведены назад"),
    ("the exception of {date}", "исключение на {date}"),
    ("the hours of the week", "часы недели"),
    (
        "the number costs extra, or is a service number: state `allow_premium = true` in the policy if it may be called",
        "номер платный или служебный: если на него можно звонить, укажите `allow_premium = true` в политике",
    ),
    ("the number is in a call with us", "с этим номером сейчас идёт разговор"),
    (
        "the number is not in the numbering plan, or is a short number: it cannot be called back",
        "номера нет в плане нумерации, или он короткий: перезвонить на него нельзя",
    ),
    ("this missed call belongs to case {case}", "этот пропуск в обращении {case}"),
    ("true or false", "true или false"),
    (
        "up to 100 prefixes such as +7495, or countries such as KZ",
        "до 100 начал номера, например +7495, или стран, например KZ",
    ),
    ("we are closed", "у нас нерабочее время"),
    ("wrap-up is over", "постобработка окончена"),
    ("{bound}, or none", "{*bound}, или без предела"),
    ("{counted} attempts reach the cap", "предел попыток исчерпан ({counted})"),
    ("{ending} while {stage}, {cause}", "{*ending}, этап: {*stage}, {cause}"),
    (
        "{limit} customers dialled in an hour is the limit for all dials together: see [callback] max_dials_per_hour",
        "предел вызовов клиентов в час для всех вместе: {limit} (max_dials_per_hour в [callback])",
    ),
    ("{party} dialled {#number}", "{*party} → {#number}"),
    ("{state} by hand until {until} by {by}", "{*state} вручную до {until} ({by})"),
    ("{state} by hand until {until} by {by}: {reason}", "{*state} вручную до {until} ({by}: {reason})"),
];
