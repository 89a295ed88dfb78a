//! Sounds of what callers hear.

use crate::render::russian::Pair;

/// English, Russian; in the order of the English.
pub(super) const PROMPTS: &[Pair] = &[
    (
        "convert it with `sox FILE -r 8000 -c 1 -b 16 NEW.wav`, or write the default with `dozvon prompt install`",
        "преобразуйте файл командой `sox FILE -r 8000 -c 1 -b 16 NEW.wav` или верните стандартный командой `dozvon prompt install`",
    ),
    ("cut it, or raise [sounds] longest_prompt", "сократите звук или увеличьте longest_prompt в [sounds]"),
    ("every prompt can be played", "все звуки можно воспроизвести"),
    (
        "give the users of dozvon and FreeSWITCH the right to read it",
        "разрешите пользователям dozvon и FreeSWITCH читать файл",
    ),
    ("it cannot be read: {why}", "файл нельзя прочитать: {why}"),
    (
        "it has no {file}: its callers hear nothing instead of words",
        "там нет {file}: звонящие ничего не услышат вместо слов",
    ),
    ("it has {count} channels instead of one", "каналов {count}, а должен быть один"),
    ("it holds no sound", "в файле нет звука"),
    ("it holds nothing but silence", "в файле только тишина"),
    ("it is missing", "файла нет"),
    ("it is not a WAV file", "это не файл WAV"),
    (
        "it lasts {time}, and [sounds] longest_prompt is {limit}",
        "звук длится {time}, а longest_prompt в [sounds] — {limit}",
    ),
    (
        "its coding (WAV format {number}) is not PCM, mu-law, A-law, GSM or IMA ADPCM",
        "кодирование (формат WAV {number}) не PCM, mu-law, A-law, GSM или IMA ADPCM",
    ),
    ("its rate is {rate} Hz instead of 8000", "частота {rate} Гц вместо 8000"),
    ("its samples are not 16-bit PCM", "отсчёты не 16-битные PCM"),
    (
        "run `dozvon prompt install` on its machine too, and let FreeSWITCH's user read the folder",
        "выполните `dozvon prompt install` и на его машине и разрешите пользователю FreeSWITCH читать папку",
    ),
    ("the program's texts cannot be read: {why}", "тексты программы нельзя прочитать: {why}"),
    (
        "there is no folder {path}: callers hear a tone instead of words",
        "папки {path} нет: вместо слов звонящие услышат тон",
    ),
    ("there is no prompt {id}: see `dozvon prompt list`", "звука {id} нет: смотрите `dozvon prompt list`"),
    (
        "write the default sounds with `dozvon prompt install`",
        "запишите стандартные звуки командой `dozvon prompt install`",
    ),
    (
        "write the default sounds with `dozvon prompt install`, or record it",
        "запишите стандартные звуки командой `dozvon prompt install` или запишите свой",
    ),
    (
        "{command} has no place for the text and the sound: name {text} and {file} in it",
        "{command} не принимает текст и звук: укажите {text} и {file}",
    ),
    ("{count} are missing in {folder}: {files}", "в {folder} нет звуков ({count}): {files}"),
    ("{count} prompts in {folder}", "звуков в {folder}: {count}"),
    (
        "{folder}: {written} prompts written, {unchanged} unchanged, {left} differ and were left alone",
        "{folder}: записано звуков — {written}, без изменений — {unchanged}, отличаются и оставлены — {left}",
    ),
    ("{node}: prompts", "{node}: звуки для звонящих"),
    ("{path} cannot be played: {problem}", "{path} нельзя воспроизвести: {*problem}"),
    ("{program} has failed for {text}: {output}", "{program} не справился с текстом {text}: {output}"),
    ("{program} wrote no sound for {text}: {error}", "{program} не записал звук для {text}: {*error}"),
    (
        "{program}: {error}; check its rights, and the room in the folder for temporary files",
        "{program}: {error}; проверьте права и место в папке временных файлов",
    ),
    (
        "{program}: {error}; install it, or name another program with --with",
        "{program}: {error}; установите эту программу или укажите другую через --with",
    ),
];
