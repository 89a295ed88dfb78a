//! Checks whether FreeSWITCH has loaded the dialplan that these settings make.
//!
//! FreeSWITCH prints its loaded dialplan with variables expanded and without comments, so both are compared as trees.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};

use super::Finding;
use crate::config::Settings;
use crate::config::dialplan::CONTEXT;
use crate::switch::dialplan_files;
use crate::switch::dialplan_files::File;
use crate::switch::{Probe, ProbeError};

const REMEDY: &str = "put it in place: dozvon dialplan --write FOLDER --force && fs_cli -x reloadxml";

/// Returns a line for each file of dozvon's dialplan.
///
/// # Errors
/// When FreeSWITCH gives no answer.
pub(super) async fn check(
    probe: &mut Probe,
    node: &str,
    settings: &Settings,
) -> Result<Vec<Finding>, ProbeError> {
    let mut lines = Vec::new();
    let files = dialplan_files::files(settings);
    for file in &files {
        let context = context_of(file);
        let what = if context == CONTEXT {
            format!("{node}: dialplan")
        } else if file.place.contains("handset") {
            format!("{node}: phones in context {context}")
        } else {
            format!("{node}: context {context}")
        };
        let loaded = probe.ask(&format!("xml_locate dialplan context name {context}")).await?;
        lines.push(compare(what, file, context, &loaded));
    }
    let named =
        settings.dialplan.contexts.iter().chain(&settings.dialplan.agent_contexts).map(String::as_str);
    for context in named.chain(USUAL).collect::<BTreeSet<_>>() {
        let loaded = probe.ask(&format!("xml_locate dialplan context name {context}")).await?;
        lines.extend(left_over(node, &files, context, &loaded));
    }
    Ok(lines)
}

/// The contexts of FreeSWITCH's stock configuration; earlier settings may have used them.
const USUAL: [&str; 2] = ["default", "public"];

/// Finds dozvon's extensions that are loaded in a context although no setting puts them there.
fn left_over(node: &str, files: &[File], context: &str, loaded: &str) -> Option<Finding> {
    // FreeSWITCH has no such context, hence none of dozvon's extensions in it.
    let loaded = extensions(loaded).ok()?;
    let made: BTreeSet<String> = files
        .iter()
        .filter(|file| context_of(file) == context)
        .flat_map(|file| extensions(&file.text).unwrap_or_default().into_keys())
        .collect();
    let left: Vec<String> =
        loaded.into_keys().filter(|name| name.starts_with(CONTEXT) && !made.contains(name)).collect();
    (!left.is_empty()).then(|| {
        let detail = format!("{} is loaded, but no setting puts it there", left.join(", "));
        Finding::wrong(format!("{node}: stale extensions in context {context}"), detail, REMEDY)
    })
}

/// The context that a file belongs to: its folder's name, or dozvon's own context.
fn context_of(file: &File) -> &str {
    let inner = file.place.strip_prefix("dialplan/").and_then(|place| place.rsplit_once('/'));
    inner.map_or(CONTEXT, |(context, _)| context)
}

fn compare(what: String, file: &File, context: &str, loaded: &str) -> Finding {
    let wanted = match extensions(&file.text) {
        Ok(wanted) => wanted,
        Err(error) => return Finding::wrong(what, format!("{}: {error}", file.place), "report this fault"),
    };
    let Ok(loaded) = extensions(loaded) else {
        return Finding::wrong(what, format!("FreeSWITCH has no context {context}"), REMEDY);
    };
    match wanted.iter().find(|(name, tree)| loaded.get(*name) != Some(*tree)) {
        None => Finding::ok(what, format!("{} is loaded and current", file.place)),
        Some((name, _)) if !loaded.contains_key(name) => Finding::wrong(
            what,
            format!("{} is not loaded: there is no extension {name}", file.place),
            REMEDY,
        ),
        Some((name, tree)) => {
            let difference = loaded.get(name).map(|loaded| difference(loaded, tree)).unwrap_or_default();
            let detail =
                format!("another version of {} is loaded: extension {name} has {difference}", file.place);
            Finding::wrong(what, detail, REMEDY)
        }
    }
}

/// An extension, flattened: each element with its attributes, indented by its depth.
type Tree = Vec<String>;

/// Returns the extensions of a file by name, with the values of its `X-PRE-PROCESS` lines expanded.
fn extensions(text: &str) -> Result<BTreeMap<String, Tree>, roxmltree::Error> {
    let document = Document::parse(text)?;
    let values: Vec<(String, &str)> = document
        .descendants()
        .filter(|node| node.has_tag_name("X-PRE-PROCESS") && node.attribute("cmd") == Some("set"))
        .filter_map(|node| node.attribute("data")?.split_once('='))
        .map(|(name, value)| (format!("$${{{name}}}"), value))
        .collect();
    let named = document.descendants().filter(|node| node.has_tag_name("extension"));
    Ok(named
        .map(|node| (node.attribute("name").unwrap_or_default().to_owned(), flatten(node, &values)))
        .collect())
}

fn flatten(extension: Node<'_, '_>, values: &[(String, &str)]) -> Tree {
    let start = extension.ancestors().count();
    let elements = extension.descendants().filter(Node::is_element);
    elements
        .map(|node| {
            let mut attributes: Vec<String> = node
                .attributes()
                .map(|it| format!(" {}={:?}", it.name(), filled(it.value(), values)))
                .collect();
            attributes.sort_unstable();
            let depth = " ".repeat(node.ancestors().count().saturating_sub(start));
            format!("{depth}{}{}", node.tag_name().name(), attributes.concat())
        })
        .collect()
}

fn filled(text: &str, values: &[(String, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Describes the first element in which two extensions differ.
fn difference(loaded: &Tree, wanted: &Tree) -> String {
    let first = loaded.iter().zip(wanted).find(|(loaded, wanted)| loaded != wanted);
    match first {
        Some((loaded, wanted)) => format!("`{}` instead of `{}`", loaded.trim(), wanted.trim()),
        None => "a different number of actions".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    /// What FreeSWITCH 1.11.1 prints for a context that includes the entry for 7001.
    const LOADED: &str = r#"<context name="public">

      <extension name="unloop">
          <condition field="${unroll_loops}" expression="^true$"></condition>
    </extension>


  <extension name="dozvon">
      <condition field="destination_number" expression="^(7001)$"></condition>

    
      <condition field="${force_transfer_context}" expression="^$" break="never">
          <action application="set" data="force_transfer_context=${context}"></action>

    </condition>

      <condition field="destination_number" expression="^(7001)$">
          <action application="transfer" data="$1 XML dozvon"></action>

    </condition>

  </extension>

</context>
"#;

    fn line(settings: &Settings, loaded: &str) -> Finding {
        let file = dialplan_files::files(settings).remove(1);
        compare("node a: context public".to_owned(), &file, context_of(&file), loaded)
    }

    #[test]
    fn what_is_loaded_is_compared_with_what_these_settings_make() {
        let mut settings = Settings::default();
        assert_eq!(line(&settings, LOADED).state, State::Ok, "{:?}", line(&settings, LOADED));
        settings.dialplan.numbers.push("7002".parse().unwrap());
        let older = line(&settings, LOADED);
        assert_eq!(older.state, State::Wrong);
        assert!(older.detail.contains("^(7001)$") && older.detail.contains("^(7001|7002)$"), "{older:?}");
        let lacks = line(&settings, &LOADED.replace("name=\"dozvon\"", "name=\"other\""));
        assert!(lacks.detail.contains("there is no extension dozvon"), "{lacks:?}");
        let none = line(&settings, "can't find anything\n");
        assert!(none.detail.contains("no context public"), "{none:?}");
    }

    #[test]
    fn what_no_setting_makes_any_more_is_found() {
        let mut settings = Settings::default();
        let left =
            |settings: &Settings| left_over("node a", &dialplan_files::files(settings), "public", LOADED);
        assert_eq!(left(&settings), None);
        settings.dialplan.contexts = vec!["default".to_owned()];
        let line = left(&settings).unwrap();
        assert!(line.state == State::Wrong && line.what.ends_with("context public"), "{line:?}");
        assert!(line.detail.contains("dozvon is loaded") && line.remedy.contains("--force"), "{line:?}");
        assert_eq!(left_over("node a", &[], "default", "can't find anything\n"), None);
    }

    #[test]
    fn every_file_is_like_itself() {
        let mut settings = Settings::default();
        settings.dialplan.agent_contexts.push("default".to_owned());
        for file in dialplan_files::files(&settings) {
            let line = compare(String::new(), &file, context_of(&file), &file.text);
            assert_eq!(line.state, State::Ok, "{line:?}");
            assert!(!extensions(&file.text).unwrap().is_empty());
        }
    }
}
