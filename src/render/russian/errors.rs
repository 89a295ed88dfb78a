//! Errors of commands, and their remedies.

use crate::render::russian::Pair;

/// English, Russian; in the order of the English.
pub(super) const ERRORS: &[Pair] = &[
    (
        "--from {from} is after --to {to}: swap them",
        "--from {from} позже, чем --to {to}: поменяйте их местами",
    ),
    ("Address already in use (os error 98)", "адрес уже занят (os error 98)"),
    ("Connection refused (os error 111)", "соединение отклонено (os error 111)"),
    ("Is a directory (os error 21)", "это папка (os error 21)"),
    ("No such file or directory (os error 2)", "такого файла или папки нет (os error 2)"),
    ("Permission denied (os error 13)", "доступ запрещён (os error 13)"),
    (
        "[audit] key is not the one that this database's audit began with: put the old one back, or remove the setting if there was none",
        "key в [audit] не тот, с которым начат аудит этой базы данных: верните прежний или уберите настройку, если её не было",
    ),
    (
        "[audit] key is not the one that this database's audit began with: put the old one back, or remove the setting if there was none; under another key no earlier entry could be found",
        "key в [audit] не тот, с которым начат аудит этой базы данных: верните прежний или уберите настройку, если её не было; с другим ключом прежние записи не найти",
    ),
    ("`dozvon init` makes the first settings", "первые настройки создаёт `dozvon init`"),
    ("`dozvon {command}` lists them", "список: `dozvon {command}`"),
    (
        "a case is closed as erased only together with its customer's data: `dozvon erase NUMBER` does both",
        "как erased обращение закрывается только вместе с удалением данных: `dozvon erase NUMBER` делает и то, и другое",
    ),
    ("a case that is {stage} cannot {step}", "обращение на этапе «{*stage}» нельзя {*step}"),
    ("a new agent must be idle", "у нового оператора не должно быть звонка"),
    (
        "a new agent must have a new name and be idle",
        "у нового оператора должно быть новое имя и не должно быть звонка",
    ),
    ("a queue uses this policy", "эту политику использует очередь"),
    ("a row of {child} refers to none of {parent}", "запись {child} ссылается на то, чего нет в {parent}"),
    ("agent", "оператор"),
    (
        "agent {agent} was changed by another controller at the same moment",
        "оператора {agent} одновременно изменил другой контроллер",
    ),
    ("agent {name}: {refused}", "оператор {name}: {*refused}"),
    ("allowed from {until}", "разрешено с {until}"),
    (
        "an agent who is {status} and {activity} cannot {step}",
        "в состоянии «{*status}, {*activity}» нельзя {*step}",
    ),
    ("an attempt needs an open case", "для попытки нужно открытое обращение"),
    (
        "an attempt that ended in {result} has rung, so it counts: only technical_failure and cancelled may be uncounted",
        "попытка с результатом {result} дошла до телефона и учитывается: могут не учитываться только technical_failure и cancelled",
    ),
    ("another process has been writing for too long", "другой процесс слишком долго пишет в базу"),
    ("attempt", "попытка"),
    ("back from break", "вернулся с перерыва"),
    ("be bridged", "начать разговор"),
    ("be claimed", "взять в работу"),
    ("be closed", "закрыть"),
    ("be deferred", "отложить"),
    ("be dialled for", "набрать"),
    ("be handed over", "передать на повторные контакты"),
    ("be released", "отпустить"),
    ("become due", "вернуть в работу"),
    ("call", "звонок"),
    ("callers wait in the queue", "в очереди ждут звонящие"),
    ("cannot listen for the stop signal: {error}", "не удаётся ждать сигнала остановки: {*error}"),
    (
        "cannot listen on {address} for FreeSWITCH's callers: {error}",
        "не удаётся слушать {address} для звонков от FreeSWITCH: {*error}",
    ),
    ("cannot listen on {address}: {error}", "не удаётся слушать {address}: {*error}"),
    (
        "cannot listen on {address}: {error}; another program may have the port: change [{task}] listen",
        "не удаётся слушать {address}: {*error}; порт может быть занят другой программой: измените listen в [{task}]",
    ),
    ("cannot make a temporary folder: {error}", "не удаётся создать временную папку: {*error}"),
    ("cannot open the database {url}: {reason}", "не удаётся открыть базу данных {url}: {*reason}"),
    ("cannot read the settings {path}: {error}", "не удаётся прочитать настройки {path}: {*error}"),
    ("cannot read {file}: {error}", "не удаётся прочитать {file}: {error}"),
    (
        "cannot remove {path}: {error}; remove it by hand",
        "не удаётся удалить {path}: {*error}; удалите его вручную",
    ),
    ("cannot start: {error}", "не удаётся запуститься: {*error}"),
    (
        "cannot write the database {path}: {reason}: give this user the right to write the file and its folder, or choose another [database] url",
        "не удаётся записать базу данных {path}: {*reason}: дайте этому пользователю право записи в файл и его папку или укажите другой url в [database]",
    ),
    ("cannot write to standard output: {error}", "не удаётся писать в стандартный вывод: {*error}"),
    ("cannot write {path}: {error}", "не удаётся записать {path}: {*error}"),
    ("case", "обращение"),
    (
        "case {id} has no message that can be played",
        "по обращению {id} нет сообщений, которые можно прослушать",
    ),
    (
        "case {id} has no message that can be played: the files are missing",
        "по обращению {id} нет сообщений, которые можно прослушать: файлов нет",
    ),
    ("case {id} is closed already ({why})", "обращение {id} уже закрыто ({*why})"),
    ("case {id} is closed, or somebody is calling already", "обращение {id} закрыто, или по нему уже звонят"),
    (
        "case {id} is closed, or somebody is calling: it cannot be put off",
        "обращение {id} закрыто, или по нему уже звонят: отложить его нельзя",
    ),
    (
        "case {id} is closed: a new missed call opens a new one",
        "обращение {id} закрыто: новый пропущенный звонок откроет новое",
    ),
    ("case {id} may not be called now: {refusal}", "по обращению {id} сейчас звонить нельзя: {*refusal}"),
    ("case {id}: {refused}", "обращение {id}: {*refused}"),
    ("change of hours by hand for schedule", "изменение часов вручную для расписания"),
    (
        "choose another [switch] listen, or stop what uses it",
        "выберите другой listen в [switch] или остановите того, кто его занимает",
    ),
    ("closed destination", "остановленный получатель"),
    ("controller", "контроллер"),
    (
        "correct it, or move it elsewhere: it may hold the audit's key, which must not be lost",
        "исправьте его или перенесите в другое место: в нём может быть ключ аудита, который нельзя потерять",
    ),
    ("database: {error}", "база данных: {*error}"),
    (
        "day {given} of the calendar is not understood: it needs d=\"MM.DD\" and t=\"1\" (off), \"2\" (short) or \"3\" (working)",
        "день {given} календаря не понятен: нужны d=\"MM.DD\" и t=\"1\" (выходной), \"2\" (короткий) или \"3\" (рабочий)",
    ),
    ("delivery", "доставка"),
    (
        "delivery {id} cannot be sent again: it is {state}",
        "доставку {id} повторять не нужно, её состояние: {*state}",
    ),
    ("delivery {id} is under way at this moment", "доставка {id} идёт прямо сейчас"),
    ("did you mean {near}?", "возможно, вы имели в виду {near}?"),
    ("does not exist", "не существует"),
    ("duty", "дежурство"),
    ("end a talk", "закончить разговор"),
    ("end a wrap-up", "закончить постобработку"),
    ("end it or try again", "завершите его или повторите"),
    (
        "event {summary} has no beginning and end within a day that can be read: correct its times",
        "у события {summary} нет понятных начала и конца в пределах суток: исправьте его время",
    ),
    (
        "event {summary} repeats, and repetitions are not read: export the calendar with single events",
        "событие {summary} повторяется, а повторы не читаются: выгрузите календарь отдельными событиями",
    ),
    (
        "everybody on this machine can see the password in --database (ps shows it): put the address into the environment variable DOZVON_DATABASE or into dozvon.toml instead",
        "пароль в --database видят все на этой машине (его показывает ps): поместите адрес в переменную окружения DOZVON_DATABASE или в dozvon.toml",
    ),
    ("file", "файл"),
    (
        "give this user the right to write there, or choose another place",
        "дайте этому пользователю право записи или выберите другое место",
    ),
    ("holds no freeswitch.xml", "в ней нет freeswitch.xml"),
    (
        "in use by a call now, so it cannot be removed: {list}",
        "сейчас занято звонком, поэтому удалить нельзя: {list}",
    ),
    (
        "in use by a call now, so it cannot be removed: {list}; try again when it has ended",
        "сейчас занято звонком, поэтому удалить нельзя: {list}; повторите, когда он закончится",
    ),
    (
        "line {line}: {given} is not understood: write a date with hours, closed, short or working, such as 2027-01-01,closed",
        "строка {line}: {given} не понятно: напишите дату с часами, closed, short или working, например 2027-01-01,closed",
    ),
    ("log in", "начать смену"),
    ("log out", "закончить смену"),
    ("log them in with `dozvon agent login {name}`", "начните смену оператора: `dozvon agent login {name}`"),
    ("logged in", "начал смену"),
    ("logged out", "закончил смену"),
    ("make one with `openssl rand -hex 32`", "создайте его командой `openssl rand -hex 32`"),
    (
        "name FreeSWITCH's configuration folder, or leave --freeswitch out if it is on another machine",
        "укажите папку конфигурации FreeSWITCH или уберите --freeswitch, если он на другой машине",
    ),
    ("name a database that does not exist yet", "укажите базу, которой ещё нет"),
    (
        "name another file with --config, or create it with `dozvon init`",
        "укажите другой файл через --config или создайте его командой `dozvon init`",
    ),
    (
        "no FreeSWITCH is named: add [[switch.nodes]] to the settings",
        "не указан ни один FreeSWITCH: добавьте [[switch.nodes]] в настройки",
    ),
    (
        "no attempt of case {id} waits for its disposition: `dozvon case attempt` records one that was made elsewhere",
        "в обращении {id} нет попытки, которая ждёт результата: попытку, сделанную в другом месте, запишите командой `dozvon case attempt`",
    ),
    (
        "no settings were found: none of {places} exists. Go to the folder with dozvon.toml, name the file with --config or DOZVON_CONFIG, or the database with --database; `dozvon init` makes the first settings",
        "настройки не найдены: нет {places}. Перейдите в папку, где лежит dozvon.toml, укажите файл через --config или DOZVON_CONFIG либо базу данных через --database; первые настройки создаёт `dozvon init`",
    ),
    (
        "nobody has case {id}: name a phone, such as --at user/1001",
        "обращение {id} ни за кем не закреплено: укажите телефон, например --at user/1001",
    ),
    ("not everybody was called back within {limit}", "за {limit} перезвонили не всем"),
    (
        "nothing is deleted: this machine's clock says {now}, and the last record before that jump is of {last}: the clock may have been put forward, and would make every row too old. If the clock is wrong, set it right; if it is right, run `dozvon retention run --clock-is-right`",
        "ничего не удалено: часы этой машины показывают {now}, а последняя запись до скачка сделана {last}: возможно, часы переведены вперёд, и тогда старым окажется всё. Если они неверны, поправьте их; если верны, подтвердите: `dozvon retention run --clock-is-right`",
    ),
    ("number on the do-not-call list", "номер в списке запрета звонков"),
    ("offer", "вызов"),
    (
        "on PostgreSQL use pg_dump or the server's own backups",
        "для PostgreSQL используйте pg_dump или копии самого сервера",
    ),
    ("one mistake, nothing was changed", "одна ошибка, ничего не изменено"),
    ("only a SQLite database can be copied by dozvon", "dozvon копирует только базу данных SQLite"),
    ("only an offer can make an agent {step}", "состояние оператора {step} даёт только вызов"),
    (
        "please report what the log says about it above. Start the controller again",
        "сообщите, что о ней сказано в журнале выше. Запустите контроллер снова",
    ),
    ("policy", "политика"),
    ("prompt", "звук"),
    ("queue", "очередь"),
    (
        "queue {name} has open cases for which the law on {law} holds, so it cannot be removed: close them (`dozvon case list --queue {name2}`), or wait until they are closed",
        "в очереди {name} есть открытые обращения, на которые действует закон ({*law}), удалить её нельзя: закройте их (`dozvon case list --queue {name2}`) или дождитесь закрытия",
    ),
    ("remove the agent when the call has ended", "удалите оператора после разговора"),
    ("remove the queue when no caller waits", "удалите её, когда в ней никто не будет ждать"),
    ("request", "заявка"),
    ("resume", "вернуться с перерыва"),
    ("route", "маршрут"),
    (
        "row {row} was cut off by retention, which has kept the audit since row {first}: check a newer head",
        "запись {row} удалена по сроку хранения, аудит хранится с записи {first}: проверьте более новую печать",
    ),
    ("schedule", "расписание"),
    (
        "schedule {name} is closed by its own hours: state --until to keep it closed for longer, or take back what was set by hand with `dozvon hours auto {name2}`",
        "расписание {name} закрыто по своим часам: укажите --until, чтобы держать его закрытым дольше, или отмените заданное вручную командой `dozvon hours auto {name2}`",
    ),
    (
        "schedule {name} is open by its own hours: state --until to keep it open for longer, or take back what was set by hand with `dozvon hours auto {name2}`",
        "расписание {name} открыто по своим часам: укажите --until, чтобы держать его открытым дольше, или отмените заданное вручную командой `dozvon hours auto {name2}`",
    ),
    ("see whether its disk or server is overloaded", "проверьте, не перегружены ли её диск или сервер"),
    (
        "several calls end with {id}: write more digits",
        "на {id} оканчиваются несколько звонков: напишите больше знаков",
    ),
    ("swap of duty", "замена дежурного"),
    ("take a break", "уйти на перерыв"),
    ("the CRM's settings are wrong: {error}", "ошибка в настройках CRM: {*error}"),
    ("the agent is in a call", "оператор сейчас в разговоре"),
    (
        "the agent must first record the disposition of the last callback",
        "оператор должен сначала записать результат последнего обратного звонка",
    ),
    (
        "the audit hashes numbers in E.164 form, such as +79001234567, and this is not one",
        "аудиту нужен номер в виде E.164, например +79001234567",
    ),
    (
        "the audit is broken at entry {id}: {fault}; {rows} entries before it are in order; compare it with a backup from before",
        "аудит повреждён на записи {id}: {*fault}; до неё в порядке записей: {rows}; сравните его с прежней копией",
    ),
    (
        "the audit key must have {least} to {most} letters, digits, '_', '-', '+', '/' or '='; make one with `openssl rand -hex 32`",
        "в ключе аудита должно быть от {least} до {most} букв, цифр и знаков '_', '-', '+', '/', '='; создайте его командой `openssl rand -hex 32`",
    ),
    (
        "the audit of this database began with a key from the settings, and [audit] key is missing now: put it back into dozvon.toml or DOZVON_AUDIT__KEY",
        "аудит этой базы данных начат с ключом из настроек, а теперь key в [audit] нет: верните его в dozvon.toml или DOZVON_AUDIT__KEY",
    ),
    (
        "the audit takes no phone number in clear, and {field} of this {action} entry holds one: give it as the entry's number, or mask it",
        "аудит не хранит номеров открыто, а в {field} записи {action} номер есть: укажите его как номер записи или скройте",
    ),
    ("the business day already has this attempt", "эта попытка рабочего дня уже есть"),
    (
        "the calendar has no year: its first element must be like <calendar year=\"2027\">",
        "в календаре не указан год: первый элемент должен быть вида <calendar year=\"2027\">",
    ),
    ("the calendar names no day: name another file", "в календаре нет ни одного дня: укажите другой файл"),
    ("the call has ended already", "звонок уже завершён"),
    ("the commit failed, nothing was kept: {error}", "запись не удалась, ничего не сохранено: {*error}"),
    ("the database cannot be migrated: {error}", "не удаётся обновить базу данных: {*error}"),
    ("the database has not answered for {limit}", "база данных не отвечает уже {limit}"),
    (
        "the database has not answered for {limit}; see whether its disk or server is overloaded",
        "база данных не отвечает уже {limit}; проверьте, не перегружены ли её диск или сервер",
    ),
    (
        "the database holds {value} in {column}, which is not readable: was it changed by hand?",
        "в базе данных в столбце {column} стоит {value}, это нельзя прочитать: её меняли вручную?",
    ),
    (
        "the database is busy: another process{holder} has been writing for {waited}",
        "база данных занята: другой процесс{*holder} пишет в неё уже {waited}",
    ),
    (
        "the database is busy: another process{holder} has been writing for {waited}; end it or try again",
        "база данных занята: другой процесс{holder} пишет в неё уже {waited}; завершите его или повторите",
    ),
    (
        "the database is overloaded: {waiting} transactions wait to be committed",
        "база данных перегружена: в очереди на запись транзакций: {waiting}",
    ),
    (
        "the database lacks {pending} migration(s): run `dozvon migrate`",
        "базе данных не хватает миграций: {pending}. Выполните `dozvon migrate`",
    ),
    (
        "the database was made by a newer dozvon (it has migration {version}, this one knows up to {known}): install that version again, or restore the backup from before",
        "база данных создана более новой версией dozvon (в ней миграция {version}, эта версия знает до {known}): установите ту версию снова или восстановите прежнюю копию",
    ),
    (
        "the database {database} is in use by another controller{holder}: stop that one first, or give this one another [database] url{last_resort}",
        "база данных {database} занята другим контроллером{*holder}: сначала остановите его или укажите этому другой url в [database]{*last_resort}",
    ),
    ("the essential task `{task}` has ended", "основная задача `{task}` завершилась"),
    (
        "the file is not XML ({reason}): name a calendar.xml as xmlcalendar.ru publishes it",
        "файл не в формате XML ({reason}): укажите calendar.xml в том виде, в каком его публикует xmlcalendar.ru",
    ),
    (
        "the file is not iCalendar ({reason}): export it as .ics again",
        "файл не в формате iCalendar ({reason}): выгрузите его в .ics ещё раз",
    ),
    ("the folder {path} {problem}: {remedy}", "папка {path}: {*problem}; {*remedy}"),
    (
        "the hours of schedule {name} do not change within a year: state --until",
        "часы расписания {name} не меняются в течение года: укажите --until",
    ),
    ("the last attempt has no disposition yet", "результат прошлой попытки ещё не записан"),
    ("the log was set up twice: {error}", "журнал настроен дважды: {*error}"),
    (
        "the number has had its {cap} attempts of this business day: no further attempt before the next business day",
        "на этот номер сделаны все попытки этого рабочего дня ({cap}): следующая возможна в следующий рабочий день",
    ),
    ("the number must not be called", "на этот номер звонить нельзя"),
    (
        "the policies service, sales and debt cannot be removed",
        "политики service, sales и debt удалить нельзя",
    ),
    ("the policy of a queue must exist", "политика очереди должна существовать"),
    ("the report cannot be written: {error}", "не удаётся записать отчёт: {*error}"),
    ("the rota begins on {date}: name a later date", "график начинается {date}: укажите более позднюю дату"),
    ("the store is closed", "хранилище закрыто"),
    (
        "the transaction {name} panicked and was undone: this is a fault in dozvon, please report it",
        "транзакция {name} прервана и отменена: это ошибка в dozvon, сообщите о ней",
    ),
    ("the version of a policy only grows", "версия политики только растёт"),
    ("there is a {kind} {name} already", "уже есть: {*kind} {name}"),
    (
        "there is an agent {name} already: change them with --replace, or choose another name",
        "оператор {name} уже есть: чтобы изменить его, добавьте --replace, или выберите другое имя",
    ),
    ("there is no closed destination {name}", "остановленного получателя {name} нет"),
    ("there is no closed destination {name}: {remedy}", "остановленного получателя {name} нет; {*remedy}"),
    (
        "there is no database {path}: make it with `dozvon migrate`, or name another with --database or --config",
        "базы данных {path} нет: создайте её командой `dozvon migrate` или укажите другую через --database или --config",
    ),
    (
        "there is no folder {path}: name FreeSWITCH's configuration folder",
        "папки {path} нет: укажите папку конфигурации FreeSWITCH",
    ),
    ("there is no number on the do-not-call list {number}", "номера {number} в списке запрета звонков нет"),
    (
        "there is no number on the do-not-call list {number}: {remedy}",
        "номера {number} в списке запрета звонков нет; {*remedy}",
    ),
    (
        "there is no {civil} in {zone}, where clocks are put forward then: write another time, or an offset",
        "в поясе {zone} времени {civil} не бывает из-за перевода часов: укажите другое или напишите его со смещением",
    ),
    ("there is no {kind} {name}", "не найдено: {*kind} {name}"),
    ("there is no {kind} {name}: {remedy}", "не найдено: {*kind} {name}; {*remedy}"),
    (
        "this person is in a call now: erase the person when the call has ended (`dozvon call list --live` shows it)",
        "этот человек сейчас на линии: удалите данные после разговора (его видно в `dozvon call list --live`)",
    ),
    ("too soon after the last attempt", "прошло слишком мало времени после прошлой попытки"),
    (
        "too soon after the last attempt (policy {policy})",
        "слишком рано после последней попытки (политика {policy})",
    ),
    ("try again", "повторите"),
    ("try again when it has ended", "повторите, когда он закончится"),
    ("try again, or see what that process does", "повторите или узнайте, чем занят тот процесс"),
    ("under another key no earlier entry could be found", "с другим ключом прежние записи не найти"),
    ("use one of: {allowed}", "подходят: {allowed}"),
    ("wait for another attempt", "оставить ждать новой попытки"),
    ("warning: {text}", "предупреждение: {*text}"),
    (
        "write a level such as info, or dozvon=debug,info",
        "напишите уровень, например info, или dozvon=debug,info",
    ),
    (
        "write it with its country code, such as +79001234567",
        "напишите его с кодом страны, например +79001234567",
    ),
    (
        "write the id of a call, or at least the last 6 digits of it",
        "напишите идентификатор звонка или не менее 6 его последних знаков",
    ),
    ("{a}: {b}", "{*a}: {*b}"),
    ("{a}; {b}", "{*a}; {*b}"),
    ("{contact} did not answer: {cause}", "{contact} не отвечает: {cause}"),
    ("{count} mistakes, nothing was changed", "ошибок: {count}, ничего не изменено"),
    (
        "{error} (somebody changed the same row at the same moment): try again",
        "{*error} (ту же запись одновременно изменил кто-то ещё): повторите",
    ),
    (
        "{file}: name a file that ends in .xml, .csv or .ics",
        "{file}: укажите файл с окончанием .xml, .csv или .ics",
    ),
    (
        "{from} refers to {kind} {name}, which does not exist: add it or name another",
        "{*from} ссылается на то, чего нет: {*kind} {name}. Добавьте это или укажите другое",
    ),
    (
        "{given} is not a database: write sqlite:FILE or postgres://USER@HOST/NAME",
        "{given} — не адрес базы данных: напишите sqlite:FILE или postgres://USER@HOST/NAME",
    ),
    ("{given} is not a log filter ({reason})", "{given} — не фильтр журнала ({*reason})"),
    (
        "{given} is not a phone number that exists in {region}: {remedy}",
        "номера {given} в стране {region} не существует: {*remedy}",
    ),
    (
        "{given} is not a phone number: write it with its country code, such as +79001234567",
        "{given} — не номер телефона: напишите его с кодом страны, например +79001234567",
    ),
    ("{given} is not a {kind}", "{given} не подходит"),
    ("{given} is not {article} {kind}; use one of: {allowed}", "{given} не подходит; допустимо: {allowed}"),
    (
        "{limit} messages an hour is the limit for all whom strangers named: see [notify.callers]",
        "предел сообщений в час всем, кого указали посторонние: {limit} (см. [notify.callers])",
    ),
    (
        "{limit} messages in 24 hours is the limit for one recipient whom a stranger named: see [notify.callers]",
        "предел сообщений за 24 часа одному получателю, которого указал посторонний: {limit} (см. [notify.callers])",
    ),
    (
        "{number} would be erased, which cannot be undone: add --yes to do it",
        "все данные номера {number} будут удалены без возможности восстановления: чтобы сделать это, добавьте --yes",
    ),
    (
        "{path} exists and differs: look at it, then use --force to replace it",
        "{path} уже есть и отличается: посмотрите его, а чтобы заменить, добавьте --force",
    ),
    (
        "{path} holds the tables of another program: name another file in [database] url",
        "в {path} таблицы другой программы: укажите другой файл в url в [database]",
    ),
    (
        "{path} is not a SQLite database: name another file in [database] url, or move this one away",
        "{path} — не база данных SQLite: укажите другой файл в url в [database] или уберите этот",
    ),
    (
        "{result} cannot be recorded by people: only the controller records it",
        "результат {result} записывает только сама программа",
    ),
    ("{text} has passed: write a time in the future", "{text} уже в прошлом: напишите будущее время"),
    (
        "{text} is not a day: write 2026-12-31, today or yesterday",
        "{text} — не день: напишите 2026-12-31, today или yesterday",
    ),
    (
        "{text} is not a head: write HASH@ID, as `dozvon audit head` prints it",
        "{text} — не печать: напишите HASH@ID, как показывает `dozvon audit head`",
    ),
    (
        "{text} is not a time: write 18:30, \"tomorrow 09:00\", \"mon 10:00\", \"2026-12-31 18:30\" or 2026-12-31T18:30:00+03:00",
        "{text} — не время: напишите 18:30, \"tomorrow 09:00\", \"mon 10:00\", \"2026-12-31 18:30\" или 2026-12-31T18:30:00+03:00",
    ),
    ("{value} is not readable", "значение {value} не читается"),
    (
        "{who} is calling this person, or has not recorded the result: erase the person after that (`dozvon case result {id}`)",
        "этому человеку сейчас звонит {who} или ещё не записан результат звонка: удалите данные после этого (`dozvon case result {id}`)",
    ),
    (
        "{why}\n{path} is there and cannot be read: {remedy}",
        "{why}\n{path} уже есть, но не читается: {*remedy}",
    ),
];
