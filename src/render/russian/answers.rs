//! Answers of commands.

use crate::render::russian::Pair;

/// English, Russian; in the order of the English.
pub(super) const ANSWERS: &[Pair] = &[
    (
        "     copy listen-port and password from FreeSWITCH's autoload_configs/event_socket.conf.xml to [[switch.nodes]] in {settings}",
        "     перенесите listen-port и password из autoload_configs/event_socket.conf.xml FreeSWITCH в [[switch.nodes]] в {settings}",
    ),
    (
        "     if FreeSWITCH has no such file: dozvon dialplan{config} --socket --write FOLDER",
        "     если у FreeSWITCH нет этого файла: dozvon dialplan{config} --socket --write FOLDER",
    ),
    (
        "     if FreeSWITCH runs on another machine: write into any folder, and copy its dialplan/ there; all files are new",
        "     если FreeSWITCH на другой машине: запишите в любую папку и скопируйте её dialplan/ туда; все файлы новые",
    ),
    (
        "     this machine's time zone shows no country: set `zone`, and `region` in [phone], to those of your callers",
        "     по часовому поясу машины не видно страны: задайте `zone` и `region` в [phone] по вашим звонящим",
    ),
    (
        "  1. adapt {settings} and {rules} to your company",
        "  1. измените {settings} и {rules} под вашу компанию",
    ),
    (
        "  2. dozvon dialplan{config} --write FOLDER && fs_cli -x reloadxml, where FOLDER is FreeSWITCH's configuration folder",
        "  2. dozvon dialplan{config} --write FOLDER && fs_cli -x reloadxml, где FOLDER — папка конфигурации FreeSWITCH",
    ),
    ("Next:", "Дальше:"),
    ("a dry run: nothing was changed", "пробный запуск: ничего не изменено"),
    (
        "case {case}, {number}: attempt {ordinal} of {cap} on {business_day}: {result}",
        "обращение {case}, {number}: попытка {ordinal} из {cap} за {business_day}: {result}",
    ),
    (
        "case {case}, {number}: attempt, not counted: {result}",
        "обращение {case}, {number}: попытка не учтена: {result}",
    ),
    ("case {case}: {result}", "обращение {case}: {result}"),
    ("copied {database} to {file} ({bytes} bytes)", "{database} скопирована в {file} (байт: {bytes})"),
    (
        "deleted: {cases} cases, {calls} calls, {requests} requests, {outbox} events told, {refusals} refused dials, {do_not_call} expired do-not-call entries, {audit} audit entries; numbers taken out of {erased} attempts; {files} files of messages, {files_left} of them not yet",
        "удалено: обращений {cases}, звонков {calls}, заявок {requests}, отправленных событий {outbox}, отклонённых наборов {refusals}, истёкших запретов {do_not_call}, записей аудита {audit}; номера убраны из попыток: {erased}; файлов сообщений {files}, из них ещё не удалено {files_left}",
    ),
    ("delivery {id} will be tried again now", "доставка {id} будет повторена сейчас"),
    ("every limit of {policies} policies is allowed", "все пределы допустимы; политик: {policies}"),
    ("everything is in place", "всё в порядке"),
    ("no attempts yet", "попыток ещё не было"),
    ("no calls", "звонков нет"),
    ("no cases found", "таких обращений нет"),
    ("no changes yet", "изменений ещё не было"),
    ("no deliveries found", "таких доставок нет"),
    ("no dial was refused", "отказов в наборе не было"),
    ("no entries found", "таких записей нет"),
    ("no events", "событий нет"),
    ("no messages", "сообщений нет"),
    ("no missed calls", "пропущенных звонков нет"),
    ("no offers", "вызовов нет"),
    ("no requests", "заявок нет"),
    ("no such calls", "таких звонков нет"),
    (
        "nobody serves it: callers wait until the overflow",
        "очередь никто не обслуживает: звонящие ждут до переполнения",
    ),
    (
        "nobody serves the queue: callers wait until the overflow",
        "очередь никто не обслуживает: звонящие ждут до переполнения",
    ),
    ("nobody waits", "никто не ждёт"),
    ("none", "нет"),
    ("none of the {all} agents matches", "таких операторов нет (всего {all})"),
    ("nothing from {from} to {to}", "за период с {from} по {to} данных нет"),
    ("nothing is wrong; lines with advice: {count}", "ошибок нет; строк с советами: {count}"),
    (
        "now run: fs_cli -x reloadxml; then: dozvon check",
        "теперь выполните: fs_cli -x reloadxml; затем: dozvon check",
    ),
    ("played on {contact}: {heard} of {count} messages", "прослушано на {contact}: {heard} из {count}"),
    ("problems: {count}", "требует внимания: {count}"),
    ("schedule {schedule} follows its own hours", "расписание {schedule} снова следует своим часам"),
    ("schedule {schedule} is closed until {until}", "расписание {schedule} закрыто до {until}"),
    ("schedule {schedule} is open until {until}", "расписание {schedule} открыто до {until}"),
    (
        "set allowed values in the rules file and apply it: `dozvon apply`",
        "укажите допустимое в файле правил и примените его: `dozvon apply`",
    ),
    (
        "the agent serves no queue: add one with `dozvon agent add NAME --replace --queue QUEUE`",
        "оператор не состоит в очередях: добавьте командой `dozvon agent add NAME --replace --queue QUEUE`",
    ),
    (
        "the audit is in order: {rows} entries after {from}, all sealed, head {head}",
        "аудит в порядке: записей после {from}: {rows}, все с печатью, последняя {head}",
    ),
    (
        "the audit is in order: {rows} entries after {from}, none sealed, head {head}",
        "аудит в порядке: записей после {from}: {rows}, без печатей, последняя {head}",
    ),
    (
        "the audit is in order: {rows} entries after {from}, sealed from {first} on, head {head}",
        "аудит в порядке: записей после {from}: {rows}, с печатью начиная с {first}, последняя {head}",
    ),
    ("the case is closed: {reason}", "обращение закрыто: {reason}"),
    ("the case: {stage}", "обращение: {stage}"),
    ("the case: {stage}, next at {at}", "обращение: {stage}, следующая попытка {at}"),
    (
        "the database has the rules of the file already: nothing changes",
        "правила уже совпадают с файлом: изменений нет",
    ),
    (
        "the database {database} is now up to date: {count} migration(s) were run",
        "база данных {database} обновлена, миграций: {count}",
    ),
    ("the database {database} is up to date", "база данных {database} в актуальном состоянии"),
    ("the list is empty: every number may be called", "список пуст: звонить можно на все номера"),
    ("the number is stored nowhere", "этого номера нигде нет"),
    ("the policy has no limits", "у политики нет пределов"),
    (
        "the rota {duty} decides again who is on duty on {date}",
        "кто дежурит {date}, снова решает график {duty}",
    ),
    (
        "the terminal is too narrow for: {columns} (--json has them)",
        "не поместились столбцы: {columns} (--json выводит все)",
    ),
    (
        "there are no agents: add one with `dozvon agent add`",
        "операторов нет: добавьте командой `dozvon agent add`",
    ),
    ("there are no policies", "политик нет"),
    (
        "there are no queues: state them in a rules file and `dozvon apply` it",
        "очередей нет: опишите их в файле правил и выполните `dozvon apply`",
    ),
    (
        "there are no rotas: write [[duty]] into a rules file and `dozvon apply` it",
        "графиков дежурства нет: запишите [[duty]] в файл правил и примените его командой `dozvon apply`",
    ),
    ("there are no routes", "маршрутов нет"),
    (
        "there are no routes: write them into a rules file and `dozvon apply` it",
        "маршрутов нет: опишите их в файле правил и выполните `dozvon apply`",
    ),
    (
        "there are no schedules: write them into a rules file and `dozvon apply` it",
        "расписаний нет: запишите их в файл правил и примените его командой `dozvon apply`",
    ),
    (
        "waits of answered calls: half at most {half}, 95 % at most {most}",
        "ожидание отвеченных звонков: половина не дольше {half}, 95 % не дольше {most}",
    ),
    ("written: {file}", "записано: {file}"),
    ("{agent} is on duty on {date}: rota {duty}", "{date} дежурит {agent}: график {duty}"),
    (
        "{destination} has been disabled since {at}: {why}; to send again: dozvon outbox enable {destination}",
        "отправка получателю {destination} остановлена с {at}: {why}; чтобы возобновить: dozvon outbox enable {destination}",
    ),
    ("{destination} is enabled again", "отправка получателю {destination} возобновлена"),
    (
        "{file} exists and was not changed: copy its listen-port and password to [[switch.nodes]] in dozvon.toml",
        "{file} не изменён: перенесите из него listen-port и password в [[switch.nodes]] в dozvon.toml",
    ),
    (
        "{file} exists and was not changed: put this inside its <network-lists>: {list}",
        "{file} не изменён: добавьте внутрь его <network-lists>: {list}",
    ),
    (
        "{file} is still used by FreeSWITCH, but no setting makes it any more: --force removes it",
        "{file} действует, но настройками больше не создаётся: --force удалит его",
    ),
    ("{number} is not called before {until}: {reason}", "на {number} не звоним до {until}: {reason}"),
    ("{number} is not called: {reason}", "на {number} не звоним: {reason}"),
    ("{number} may be called again", "на {number} снова можно звонить"),
    ("{retried} deliveries will be tried again now", "доставок будет повторено сейчас: {retried}"),
];
