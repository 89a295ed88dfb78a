//! The store on both databases: every test runs on SQLite, and on PostgreSQL where its package is installed.
//!
//! `support` makes the databases (and a private PostgreSQL server); `opening` is what is refused before the first
//! query, `upgrading` what the rows of an earlier program become, `committing` the group commit, `guards` what the
//! databases refuse whoever writes, `racing` the same with several processes, `meanwhile` what others do between reading
//! and writing, `stories` calls from arrival to case, `callbacks` the stories of paying back, `callback_wishes` those that
//! nobody planned, `callback_guards` what refuses a dial, `callback_properties` that no sequence of events breaks the
//! rules, `crm` what the CRM told us, `reminders` who is told that somebody waits, `telling` whether the caller is,
//! `audit` the chain of what was done and the end of data, `retention` the rest of that, `rules` and `reports` what their names say, `docs` the queries of
//! the documentation, `words` the words that the source, the tables and the guards have in common.

mod audit;
mod callback_guards;
mod callback_properties;
mod callback_wishes;
mod callbacks;
mod calling_back;
mod committing;
mod contact;
mod crm;
mod docs;
mod erasing;
mod flood;
mod guards;
mod hour_cap;
mod mailboxes;
mod meanwhile;
mod misses;
mod opening;
mod put_off;
mod racing;
mod reminders;
mod reports;
mod retention;
mod rules;
mod stories;
mod telling;
mod tls;
mod trunk_claims;
mod upgrading;
mod words;
