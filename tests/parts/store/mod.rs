//! The store on both databases: every test runs on SQLite, and on PostgreSQL where its package is installed.
//!
//! The first line of each file says what it tests. To find a test: `opening`, `upgrading` and `tls` are about the
//! database itself; `committing`, `guards`, `racing` and `meanwhile` about transactions; `stories` about calls; `callbacks`
//! and the files named after it about callbacks; `reminders` and `telling` about notifications; `audit`, `erasing` and
//! `retention` about what is kept; `docs` and `words` about the texts of the documentation and of the guards.

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
mod hours;
mod mailboxes;
mod meanwhile;
mod misses;
mod opening;
mod places;
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
