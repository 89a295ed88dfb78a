//! The pages of the documentation: every command exists, every TOML block can be read, every link leads somewhere, and
//! every picture shows what the code says.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use dozvon::cli::Cli;
use dozvon::config::Settings;
use dozvon::missed::case;
use dozvon::missed::ending::Ending;
use dozvon::queue::agent;
use dozvon::rules::file;
use dozvon::rules::policy::{Policy, Profile};

use crate::markdown::{self, Block, Page, commands, merged, page, pages, root};

const RULES: &str = include_str!("../../src/cli/init/rules.toml");
const SETTINGS: &str = include_str!("../../src/cli/init/dozvon.toml");

/// What code blocks are written in.
const KINDS: [&str; 10] =
    ["sh", "text", "toml rules", "toml settings", "sql", "json", "xml", "yaml", "ini", "html"];

/// Programs of others that pages use.
const OTHERS: [&str; 25] = [
    "adduser",
    "cargo",
    "chmod",
    "chown",
    "cp",
    "createdb",
    "createuser",
    "curl",
    "fs_cli",
    "git",
    "install",
    "journalctl",
    "jq",
    "mdbook",
    "mv",
    "pg_dump",
    "pg_restore",
    "psql",
    "rm",
    "sox",
    "sqlite3",
    "systemctl",
    "tail",
    "tar",
    "tests/run",
];

fn blocks(info: &str) -> Vec<(Page, Block)> {
    let of_page = |page: Page| {
        let blocks = page.blocks().into_iter().filter(|block| block.is(info));
        blocks.map(|block| (markdown::page(&page.path), block)).collect::<Vec<_>>()
    };
    pages().into_iter().flat_map(of_page).collect()
}

#[test]
fn every_code_block_says_what_it_is() {
    for page in pages() {
        for block in page.blocks() {
            assert!(KINDS.iter().any(|kind| block.is(kind)), "{}: {:?}", page.at(block.line), block.info);
        }
    }
}

#[test]
fn every_command_in_a_block_is_one() {
    for (page, block) in blocks("sh") {
        for mut words in commands(&block.text) {
            let at = page.at(block.line);
            if words[0] == "runuser" {
                words = words.into_iter().skip_while(|word| word != "--").skip(1).collect();
            }
            if words[0] == "dozvon" {
                let parsed = Cli::try_parse_from(&words);
                assert!(parsed.is_ok(), "{at}: {}: {}", words.join(" "), parsed.unwrap_err());
            } else {
                assert!(OTHERS.contains(&words[0].as_str()), "{at}: which program is {}?", words[0]);
            }
        }
    }
}

/// In a sentence a command may lack its arguments, or have a word in capitals in place of one.
#[test]
fn every_command_in_a_sentence_is_one() {
    let may_lack = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
    ];
    for page in pages() {
        for (line, span) in page.spans().into_iter().filter(|(_, span)| span.starts_with("dozvon ")) {
            let words = commands(&span).remove(0);
            let stands_for = |word: &String| {
                word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || "|:".contains(c))
            };
            let filled = words.iter().any(stands_for);
            if let Err(error) = Cli::try_parse_from(&words) {
                let kind = error.kind();
                let is_right = may_lack.contains(&kind) || filled && kind == ErrorKind::ValueValidation;
                assert!(is_right, "{}: {span}: {error}", page.at(line));
            }
        }
    }
}

#[test]
fn every_block_of_rules_is_read_as_a_change_of_what_init_writes() {
    let seen = blocks("toml rules");
    assert!(seen.len() > 3, "the pages have rules");
    for (page, block) in seen {
        let read = file::parse("rules.toml", &merged(RULES, &block.text), chrono_tz::Europe::Moscow);
        assert!(read.is_ok(), "{}: {}", page.at(block.line), read.unwrap_err());
    }
}

#[test]
fn every_block_of_settings_is_read_as_a_change_of_what_init_writes() {
    let seen = blocks("toml settings");
    assert!(seen.len() > 3, "the pages have settings");
    for (page, block) in seen {
        let read = Settings::read(Path::new("dozvon.toml"), &merged(SETTINGS, &block.text), []);
        assert!(read.is_ok(), "{}: {}", page.at(block.line), read.unwrap_err());
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    for page in pages() {
        for (line, link) in page.links() {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                page.path.clone()
            } else {
                plain(&page.path.with_file_name("").join(file))
            };
            let at = page.at(line);
            assert!(root().join(&target).exists(), "{at}: there is no {}", target.display());
            if !anchor.is_empty() {
                let anchors = markdown::page(&target).anchors();
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{at}: {link}: the headings are {anchors:?}"
                );
            }
        }
    }
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn the_summary_names_every_page_of_the_book_once() {
    let links: Vec<String> =
        page(Path::new("docs/SUMMARY.md")).links().into_iter().map(|(_, link)| link).collect();
    let named: BTreeSet<PathBuf> = links.iter().map(|link| Path::new("docs").join(link)).collect();
    assert_eq!(named.len(), links.len(), "no page stands there twice");
    let there = pages()
        .into_iter()
        .map(|page| page.path)
        .filter(|path| path.starts_with("docs") && !path.ends_with("SUMMARY.md"));
    assert_eq!(named, there.collect());
}

/// What is to be typed is the same in both languages: the Russian page's commands are tested with the English ones.
#[test]
fn the_russian_pages_have_the_commands_of_the_english_ones() {
    for (english, russian) in
        [("README.md", "README.ru.md"), ("docs/getting-started.md", "docs/getting-started.ru.md")]
    {
        let typed = |path: &str| -> Vec<(Vec<String>, String)> {
            let blocks = page(Path::new(path)).blocks().into_iter().filter(|block| !block.is("text"));
            blocks.map(|block| (block.info, block.text)).collect()
        };
        assert_eq!(typed(english), typed(russian), "{russian}");
    }
}

/// The arrows of a picture: of its source, which must be those of the drawing.
fn arrows(name: &str) -> BTreeSet<(String, String)> {
    let read =
        |kind: &str| std::fs::read_to_string(root().join(format!("docs/pictures/{name}.{kind}"))).unwrap();
    let source: BTreeSet<(String, String)> = read("dot")
        .split([';', '\n'])
        .filter_map(|statement| statement.split('[').next()?.trim().split_once(" -> "))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    let drawn: BTreeSet<(String, String)> = read("svg")
        .split("<title>")
        .filter_map(|rest| rest.split("</title>").next()?.split_once("&#45;&gt;"))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    assert_eq!(source, drawn, "{name}.svg is not what {name}.dot says: dot -Tsvg {name}.dot -o {name}.svg");
    source
}

#[test]
fn the_picture_of_an_agent_has_every_step_of_the_code_and_no_other() {
    let mut legal = BTreeSet::new();
    for &status in agent::Status::ALL {
        for &activity in agent::Activity::ALL {
            for &step in agent::Step::ALL {
                if let Ok((chosen, does)) = agent::step(status, activity, step) {
                    legal.insert((status.to_string(), chosen.to_string()));
                    legal.insert((activity.to_string(), does.to_string()));
                }
            }
        }
    }
    legal.retain(|(from, to)| from != to);
    assert_eq!(arrows("agent"), legal);
}

#[test]
fn the_picture_of_a_case_has_every_stage_and_only_steps_that_the_code_allows() {
    let arrows = arrows("case");
    let drawn: BTreeSet<&str> = arrows.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let legal: BTreeSet<(String, String)> =
        case::legal_changes().into_iter().map(|(from, to)| (from.to_string(), to.to_string())).collect();
    for stage in case::Stage::ALL {
        assert!(drawn.contains(stage.as_str()), "{stage} is not drawn");
    }
    for (from, to) in &arrows {
        let is_edge = from == "missed" || to == "closed";
        assert!(is_edge || legal.contains(&(from.clone(), to.clone())), "no case goes from {from} to {to}");
    }
}

#[test]
fn the_picture_of_a_call_and_the_table_beside_it_have_every_ending() {
    let arrows = arrows("call");
    let text = page(Path::new("docs/concepts.md")).text;
    for ending in Ending::ALL {
        assert!(arrows.iter().any(|(_, to)| to == ending.as_str()), "{ending} is not drawn");
        assert!(text.contains(&format!("`{ending}`")), "{ending} is not explained");
    }
}

#[test]
fn the_tests_that_hold_the_promises_are_there() {
    let page = page(Path::new("docs/architecture/promises.md"));
    let promised: Vec<(&str, &str)> = page
        .text
        .lines()
        .filter_map(|line| {
            let (test, rest) = line.strip_prefix("- `")?.split_once("` in [")?;
            Some((test, rest.split_once(']')?.0))
        })
        .collect();
    assert_eq!(page.text.matches("\n## ").count(), 10, "there are ten promises");
    assert!(promised.len() >= 10, "each has a test: {promised:?}");
    for (test, file) in promised {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}

/// Every file of the program and of its tests.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["src", "tests"].map(|folder| root().join(folder)).to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn what_comments_say_of_freeswitch_can_be_looked_up() {
    let known = page(Path::new("docs/architecture/freeswitch.md"));
    let mut seen = 0;
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        for rest in text.split("docs/architecture/freeswitch.md, \"").skip(1) {
            let Some((heading, _)) = rest.split_once('"') else { continue };
            let is_there = known.text.contains(&format!("\n## {heading}\n"));
            assert!(is_there, "{}: there is no chapter {heading:?}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "comments name the page");
}

/// `R3` and so on, which the limits of policies name as their sources.
#[test]
fn every_source_of_a_limit_is_on_the_page_of_compliance() {
    let text = page(Path::new("docs/compliance.md")).text;
    for &profile in Profile::ALL {
        for limit in Policy::of(profile).limits() {
            for word in limit.law.split(|c: char| !c.is_alphanumeric()) {
                let is_number = word.strip_prefix('R').is_some_and(|rest| rest.parse::<u8>().is_ok());
                assert!(
                    !is_number || text.contains(&format!("| {word} | ")),
                    "{word} of {} is not explained",
                    limit.key
                );
            }
        }
    }
}

/// Words with an underscore that are not ours: of FreeSWITCH, of its modules, of others' files.
const FOREIGN: [&str; 4] = ["callcenter_config", "callcenter_track", "default_password", "dtmf_type"];

/// Keys, columns, words of the database and values stand in sentences, too: each is somewhere in the program.
#[test]
fn every_key_and_word_in_a_sentence_is_somewhere_in_the_program() {
    let mut program = String::from(SETTINGS) + RULES;
    for file in sources().iter().filter(|file| file.starts_with(root().join("src"))) {
        program += &std::fs::read_to_string(file).unwrap();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let known: BTreeSet<&str> = program.split(|c| !is_part(c)).collect();
    let names_tests = |page: &Page| page.path.ends_with("promises.md");
    for page in pages().into_iter().filter(|page| !names_tests(page) && page.path.starts_with("docs")) {
        for (line, span) in page.spans() {
            for word in span.split(|c| !is_part(c)) {
                let is_word = word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                let is_known = known.contains(word) || FOREIGN.contains(&word) || word.starts_with("dozvon_");
                assert!(
                    !is_word || is_known,
                    "{}: {word} of `{span}` is nowhere in the program",
                    page.at(line)
                );
            }
        }
    }
}
