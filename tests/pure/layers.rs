//! A room imports only rooms of the rows below it. This test reads the order from the table in `src/lib.rs` and
//! compares every import of the sources with it. Within a folder, no files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::source::{Source, layers, sources};

/// The rooms that a source imports by `crate::`, grouped imports included. Macros belong to the crate, not to a room.
fn imports(code: &str) -> BTreeSet<String> {
    let code = Regex::new(r"crate::\w+!").unwrap().replace_all(code, "");
    let mut found = BTreeSet::new();
    for (_, rest) in code.match_indices("crate::").map(|(at, word)| (at, &code[at + word.len()..])) {
        let (group, _) = match rest.strip_prefix('{') {
            Some(group) => group.split_once('}').unwrap_or((group, "")),
            None => (rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default(), ""),
        };
        let names = group.split(',').map(|name| name.trim().split("::").next().unwrap_or_default());
        found.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    found
}

#[test]
fn a_room_imports_rooms_below_it_only() {
    let layers = layers();
    let rank: BTreeMap<&str, usize> = layers
        .iter()
        .rev()
        .enumerate()
        .flat_map(|(rank, layer)| layer.rooms.iter().map(move |room| (room.as_str(), rank)))
        .collect();
    let mut wrong = Vec::new();
    let mut read = 0;
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let path = source.path.display();
        let Some(own) = rank.get(room.as_str()) else {
            wrong.push(format!("{path}: {room} is in no layer of src/lib.rs"));
            continue;
        };
        for imported in imports(&source.code()) {
            match rank.get(imported.as_str()) {
                _ if imported == room => {}
                Some(below) if below < own => read += 1,
                Some(_) => wrong.push(format!("{path}: {room} imports {imported}, which is not below it")),
                None => wrong.push(format!("{path}: {imported} is in no layer of src/lib.rs")),
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 500, "only {read} imports were seen");
}

#[test]
fn every_room_of_the_table_is_there() {
    let rooms: BTreeSet<String> = sources().iter().filter_map(Source::room).collect();
    for room in layers().into_iter().flat_map(|layer| layer.rooms) {
        assert!(rooms.contains(&room), "src/lib.rs names {room}, which is not there");
    }
}

/// The modules, each with those that it names.
type Graph = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// The paths of a `use`, with the braces taken apart.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, group)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let group = group.trim_end().trim_end_matches('}');
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[from..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(paths).map(|part| format!("{}{part}", before.trim())).collect()
}

/// The module that a path, written in the module `own`, is in; none if it is of another crate.
fn named(path: &str, own: &[String], modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let mut words: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut at = own.to_vec();
    match words[0] {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            while words.first() == Some(&"super") {
                at.pop();
                words.remove(0);
            }
            words.insert(0, "self");
        }
        child => {
            at.push(child.to_owned());
            if !modules.contains(&at) {
                return None;
            }
        }
    }
    for word in &words[1..] {
        at.push((*word).to_owned());
        if !modules.contains(&at) {
            at.pop();
            break;
        }
    }
    Some(at)
}

fn graph() -> Graph {
    let imported = Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap();
    let inline = Regex::new(r"\b[a-z_]\w*(?:::\w+)+").unwrap();
    let sources = sources();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(Source::module).collect();
    let names = |source: &Source| {
        let (own, code) = (source.module(), source.code());
        let mut all: Vec<String> = imported.captures_iter(&code).flat_map(|found| paths(&found[1])).collect();
        let rest = imported.replace_all(&code, "");
        all.extend(inline.find_iter(&rest).map(|found| found.as_str().to_owned()));
        let found = all.iter().filter_map(|path| named(path, &own, &modules));
        (own.clone(), found.filter(|module| *module != own).collect())
    };
    sources.iter().map(names).collect()
}

/// Which of the modules of a folder names which others, through whatever is inside them.
fn siblings<'a>(graph: &'a Graph, folder: &[String]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let child = |module: &'a Vec<String>| {
        (module.len() > folder.len() && module.starts_with(folder)).then(|| module[folder.len()].as_str())
    };
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (own, named) in graph {
        let Some(own) = child(own) else { continue };
        found.entry(own).or_default().extend(named.iter().filter_map(child).filter(|named| *named != own));
    }
    found
}

/// Everything that is reached from a module.
fn reached<'a>(from: &str, graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = graph[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(&graph[module]);
        }
    }
    found
}

#[test]
fn files_of_a_folder_do_not_import_each_other_in_a_circle() {
    let graph = graph();
    let mut circles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folders: BTreeSet<&[String]> =
        graph.keys().flat_map(|module| (0..module.len()).map(|end| &module[..end])).collect();
    for folder in folders {
        let siblings = siblings(&graph, folder);
        for (module, named) in &siblings {
            let back = named.iter().filter(|named| reached(named, &siblings).contains(module));
            let back: Vec<&str> = back.copied().collect();
            if !back.is_empty() {
                let line = format!("{module} imports {}", back.join(", "));
                circles.entry(format!("src/{}", folder.join("/"))).or_default().push(line);
            }
        }
    }
    let all: Vec<String> =
        circles.iter().map(|(folder, lines)| format!("{folder}: {}", lines.join("; "))).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 1_000, "the imports were not read");
}

#[test]
fn every_file_is_a_module_of_its_folder() {
    let sources = sources();
    let declares = |parent: &[String], name: &str| {
        let files = sources.iter().filter(|source| source.module() == parent);
        let declared = format!("mod {name};");
        let is_it = |line: &str| {
            line.strip_suffix(&declared).is_some_and(|before| before.is_empty() || before.ends_with(' '))
        };
        files.flat_map(Source::lines).any(|(_, line)| is_it(line))
    };
    let forgotten: Vec<String> = sources
        .iter()
        .filter(|source| source.module().split_last().is_some_and(|(name, parent)| !declares(parent, name)))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(forgotten.is_empty(), "compiled by nobody: {forgotten:?}");
}
