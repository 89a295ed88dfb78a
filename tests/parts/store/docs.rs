//! The SQL of the documentation runs on both databases.

use std::path::Path;

use crate::support::database::for_each_database;
use crate::support::markdown::pages;

#[test]
fn every_query_of_the_pages_runs_on_both_databases() {
    for_each_database(async |db| {
        let mut raw = db.raw();
        let mut seen = 0;
        for page in pages() {
            for block in page.blocks().into_iter().filter(|block| block.is("sql")) {
                raw.run(&block.text).unwrap_or_else(|error| panic!("{}: {error}", page.at(block.line)));
                seen += 1;
            }
        }
        assert!(seen >= 10, "{} has ten queries", Path::new("docs/how-to/reports.md").display());
    });
}
