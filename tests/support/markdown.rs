//! The Markdown pages of the repository, as tests read them: code blocks, links, headings, pieces of code in sentences.
//!
//! The first word after the fence is the language; `toml rules` and `toml settings` say which file a block belongs to.
//! A comment on the line before a `sh` block says what the test of the page's story is to know:
//!
//! | comment | meaning |
//! |---|---|
//! | `<!-- not run: REASON -->` | the block is read, but not run |
//! | `<!-- exit N: REASON -->` | its last command ends with this exit code |
//! | `<!-- caller: NUMBER calls NUMBER and hangs up after N seconds -->` | somebody calls before the block runs |

use std::path::{Path, PathBuf};

/// A page.
pub struct Page {
    /// Its place, from the root of the repository.
    pub path: PathBuf,
    pub text: String,
}

/// A code block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The words after the fence.
    pub info: Vec<String>,
    pub text: String,
    /// The comment on the line before, without its marks.
    pub comment: Option<String>,
}

impl Block {
    pub fn is(&self, info: &str) -> bool {
        self.info.join(" ") == info
    }

    /// What follows `key` in the comment, if the comment begins with it.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.comment.as_deref()?.strip_prefix(key).map(str::trim)
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages: the READMEs and what is below `docs/`.
pub fn pages() -> Vec<Page> {
    let mut paths = vec!["README.md".into(), "README.ru.md".into(), "migrations/README.md".into()];
    below(Path::new("docs"), &mut paths);
    paths.sort();
    paths.into_iter().map(|path| page(&path)).collect()
}

/// One page.
pub fn page(path: &Path) -> Page {
    let text =
        std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Page { path: path.to_owned(), text }
}

fn below(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            below(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

impl Page {
    /// Where something stands, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// The code blocks, in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut is_open, mut before) = (false, "");
        for (at, line) in self.text.lines().enumerate() {
            match (is_open, line.strip_prefix("```")) {
                (false, Some(info)) => {
                    let comment = before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                    let info = info.split_whitespace().map(str::to_owned).collect();
                    let comment = comment.map(str::to_owned);
                    blocks.push(Block { line: at + 1, info, text: String::new(), comment });
                }
                (true, None) => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (true, Some(_)) | (false, None) => {}
            }
            is_open ^= line.starts_with("```");
            before = line;
        }
        assert!(!is_open, "{}: the last code block has no end", self.path.display());
        blocks
    }

    /// The lines outside of code blocks, with their numbers.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_open = false;
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            let is_fence = line.starts_with("```");
            is_open ^= is_fence;
            (!is_open && !is_fence).then_some((at + 1, line))
        })
    }

    /// Pieces of code in sentences and tables, with their lines.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let of_line = |(at, line): (usize, &str)| -> Vec<(usize, String)> {
            line.split('`').skip(1).step_by(2).map(|span| (at, span.to_owned())).collect()
        };
        self.prose().flat_map(of_line).collect()
    }

    /// Where links and pictures lead, with their lines.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (at, line) in self.prose() {
            let bare: String = line.split('`').step_by(2).collect();
            for rest in bare.split("](").skip(1) {
                links.push((at, rest.split(')').next().unwrap().to_owned()));
            }
        }
        links
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|(_, line)| {
            line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
        });
        headings.map(anchor).collect()
    }
}

fn anchor(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter(|&c| c == ' ' || c.is_alphanumeric() || matches!(c, '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The commands of a `sh` block: one for each program that is started, as words.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    joined.lines().flat_map(split).filter(|words| !words.is_empty()).collect()
}

/// The words of a line, as a shell splits it, in pieces between `|`, `&&` and `;`. What is written to a file is left out.
fn split(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut depth = 0;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') if depth == 0 => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '(') => {
                depth += 1;
                word.get_or_insert_default().push(c);
            }
            (None, ')') => {
                depth -= 1;
                word.get_or_insert_default().push(c);
            }
            (None, '|' | '&' | ';') if depth == 0 => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (None, c) if c.is_whitespace() && depth == 0 => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    let kept =
        |words: Vec<String>| words.into_iter().take_while(|word| !word.starts_with('>')).collect::<Vec<_>>();
    all.into_iter().map(kept).filter(|words| !words.is_empty()).collect()
}

/// A TOML file with the tables of `change` in it: a table's keys are replaced one by one, of a list of named tables the one
/// of the same name.
pub fn merged(base: &str, change: &str) -> String {
    let mut base: toml::Table = base.parse().unwrap();
    merge(&mut base, change.parse().unwrap_or_else(|e| panic!("{e}\n{change}")));
    toml::to_string(&base).unwrap()
}

fn merge(base: &mut toml::Table, change: toml::Table) {
    for (key, new) in change {
        match (base.get_mut(&key), new) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (Some(toml::Value::Array(old)), toml::Value::Array(new))
                if new.iter().all(|item| item.get("name").is_some()) =>
            {
                for item in new {
                    match old.iter_mut().find(|it| it.get("name") == item.get("name")) {
                        Some(same) => *same = item,
                        None => old.push(item),
                    }
                }
            }
            (_, new) => {
                base.insert(key, new);
            }
        }
    }
}
