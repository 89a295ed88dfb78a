//! The audit: rows that are only ever added, each with the hash of the row before.
//!
//! In: entries, each inside the transaction that does what the entry records. Out: a chain that [`verify`] proves. The
//! rows of several processes form one chain: SQLite has one writer, and PostgreSQL locks the chain until the commit. So
//! no other process can add a row between the read of the last hash and the commit. Nothing of the chain is kept in
//! memory. The secret that hashes numbers comes from the settings; the database then holds only its fingerprint. If the
//! settings name none, the secret is made at the first entry and kept in `audit_key`. That row concerns no person, so
//! an erasure leaves it alone.
//! **Invariant:** ids have no gap and follow the order of the commits. An entry exists if and only if the transaction
//! that it records was committed.

mod mark;

use std::cell::RefCell;

use diesel::prelude::*;

use super::dialect::{self, cached::Cache as _, columns, hold};
use super::schema::{audit, audit_cuts, audit_gaps, audit_head, audit_key};
use super::{Database, StoreError};
use crate::audit::{
    Action, Break, Entry, Fault, GENESIS, Key, Link, NumberKey, Row, Seal, canonical, fit_to_stand,
    is_numbered,
};
use crate::clock::UnixMs;
use crate::phone::E164;

use self::mark::Mark;
pub use self::mark::mark;

thread_local! {
    /// The secret from the settings of a store, while a group of that store's transactions runs on this thread.
    static SECRET: RefCell<Option<Key>> = const { RefCell::new(None) };
}

/// Removes the secret from the thread when dropped, at the end of a group.
pub(super) struct Lent;

/// Lends the settings' secret to the transactions that run on this thread, until the guard is dropped. The secret must
/// reach neither the database nor the log of its server.
pub(super) fn lend(key: Option<&Key>) -> Lent {
    SECRET.with_borrow_mut(|secret| *secret = key.cloned());
    Lent
}

impl Drop for Lent {
    fn drop(&mut self) {
        SECRET.with_borrow_mut(|secret| *secret = None);
    }
}

/// Adds an entry to the chain. Call it last in the transaction, because other transactions wait for its commit.
///
/// # Errors
/// [`StoreError::Refused`] when the entry holds a phone number in clear, when its number is not a phone number, or when
/// the key is not the one that this audit began with.
pub fn append(c: &mut Database, entry: &Entry<'_>) -> Result<(), StoreError> {
    entry.check().map_err(|refused| StoreError::Refused(refused.to_string()))?;
    let key = key(c, entry.at)?;
    let number_key = match entry.number {
        None => None,
        Some(text) => {
            let number: E164 = text.parse().map_err(|_| {
                let what =
                    "the audit hashes numbers in E.164 form, such as +79001234567, and this is not one";
                StoreError::Refused(what.to_owned())
            })?;
            Some(key.of_number(&number))
        }
    };
    let by = if fit_to_stand(entry.by) { entry.by.to_owned() } else { key.of_name(entry.by) };
    hold::audit(c)?;
    let last = head(c)?;
    let mut row = Row {
        id: last.id + 1,
        at: entry.at.0,
        by,
        action: entry.action.to_string(),
        number_key: number_key.map(|key| key.as_str().to_owned()),
        subject: entry.subject.clone(),
        details: canonical(&entry.details),
        prev_hash: last.hash,
        hash: String::new(),
        keyed: true,
    };
    row.hash = row.right_hash(Some(&key.seal())).unwrap_or_default();
    diesel::insert_into(audit::table).values(AuditRow::from(row)).insert(c)?;
    Ok(())
}

/// Adds an entry for an act that must not be lost if the audit refuses the entry for good. The act is then kept, and
/// the missing entry is noted in `audit_gaps`, which people and monitoring see.
///
/// # Errors
/// When the database fails. The transaction may succeed when it is tried again.
pub(super) fn append_or_note_gap(c: &mut Database, entry: &Entry<'_>) -> Result<(), StoreError> {
    let depth = dialect::depth(c);
    dialect::savepoint(c)?;
    let why = match append(c, entry) {
        Ok(()) => return Ok(dialect::commit(c)?),
        Err(error) => error,
    };
    dialect::unwind(c, depth)?;
    if why.is_passing() {
        return Err(why);
    }
    tracing::error!(
        action = %entry.action, subject = entry.subject, error = %why,
        "the audit refuses an entry: the act took place, but its entry is missing; see `dozvon check`"
    );
    diesel::insert_into(audit_gaps::table)
        .values((
            audit_gaps::at.eq(entry.at),
            audit_gaps::action.eq(entry.action),
            audit_gaps::subject.eq(entry.subject.as_ref().filter(|subject| is_numbered(subject))),
            audit_gaps::why.eq(why.to_string()),
        ))
        .execute(c)?;
    Ok(())
}

/// Returns how many acts have no entry because the audit refused it.
///
/// # Errors
/// When the database fails.
pub fn gaps(c: &mut Database) -> Result<i64, StoreError> {
    Ok(audit_gaps::table.count().get_result(c)?)
}

/// Checks that the settings' key is the one that this audit began with. An audit without entries accepts any key.
///
/// # Errors
/// [`StoreError::Refused`] says what is wrong with the key, and how to fix it.
pub fn check_key(c: &mut Database, named: Option<&Key>) -> Result<(), StoreError> {
    known(c, named).map(drop)
}

/// Checks with the key the mark that says where the seal begins. If somebody has changed the database, this check is
/// the first to fail.
///
/// # Errors
/// [`StoreError::Refused`] says what is wrong, and how to fix it; also as [`check_key`].
pub fn check_mark(c: &mut Database, named: Option<&Key>) -> Result<(), StoreError> {
    let Some(key) = known(c, named)? else { return Ok(()) };
    if head(c)?.id == 0 {
        return Ok(());
    }
    let what = match mark::of(c, &key)? {
        Mark::From(_) => return Ok(()),
        Mark::Missing => {
            "where the seal of the audit begins is not marked: after an update, run `dozvon migrate` once; at any other \
             time somebody has changed the database"
        }
        Mark::Wrong => {
            "where the seal of the audit begins was changed: somebody has changed the database; compare the audit with a \
             backup from before"
        }
    };
    Err(StoreError::Refused(what.to_owned()))
}

/// Returns the hash of a number in this audit. None while nothing has been hashed and the settings name no key.
///
/// # Errors
/// [`StoreError::Refused`] when the key is not the one that this audit began with.
pub fn key_of(c: &mut Database, named: Option<&Key>, number: &E164) -> Result<Option<NumberKey>, StoreError> {
    Ok(known(c, named)?.map(|key| key.of_number(number)))
}

/// Returns how this audit writes a name: the name itself, or its hash if it looks like a number. None as for
/// [`key_of`].
///
/// # Errors
/// As [`key_of`].
pub fn name_of(c: &mut Database, named: Option<&Key>, name: &str) -> Result<Option<String>, StoreError> {
    if fit_to_stand(name) {
        return Ok(Some(name.to_owned()));
    }
    Ok(known(c, named)?.map(|key| key.of_name(name)))
}

/// Returns the key of this audit, if it has one yet.
fn known(c: &mut Database, named: Option<&Key>) -> Result<Option<Key>, StoreError> {
    match kept(c)? {
        Some(kept) => agree(named.cloned(), &kept).map(Some),
        None => Ok(named.cloned()),
    }
}

/// The key of the audit, as the database keeps it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_key)]
struct KeyRow {
    fingerprint: String,
    /// None if the settings hold the secret.
    secret: Option<String>,
}

fn kept(c: &mut Database) -> Result<Option<KeyRow>, StoreError> {
    Ok(audit_key::table.select(columns::<KeyRow>()).first(c).optional()?)
}

/// Returns the key of this audit. The first use makes the key, or keeps its fingerprint.
pub(super) fn key(c: &mut Database, now: UnixMs) -> Result<Key, StoreError> {
    let named = SECRET.with_borrow(Clone::clone);
    if let Some(kept) = kept(c)? {
        return agree(named, &kept);
    }
    // Two transactions that are first at the same time must make one key.
    hold::audit(c)?;
    if let Some(kept) = kept(c)? {
        return agree(named, &kept);
    }
    let made = named.is_none();
    let key = named.unwrap_or_else(|| Key::of_bytes(rand::random()));
    // Every row of an audit whose key is made here is sealed. Rows without a seal that exist already are forged.
    let (fingerprint, sealed_from) = (key.fingerprint(), 1);
    diesel::insert_into(audit_key::table)
        .values((
            audit_key::one.eq(1),
            audit_key::sealed_from.eq(sealed_from),
            audit_key::sealed_from_mac.eq(mark::mac_of(&key, &fingerprint, sealed_from)?),
            audit_key::fingerprint.eq(fingerprint),
            audit_key::secret.eq(made.then(|| key.secret())),
            audit_key::made_at.eq(now),
        ))
        .insert(c)?;
    Ok(key)
}

/// Returns the key from the settings or the database, if it has this fingerprint.
fn agree(named: Option<Key>, kept: &KeyRow) -> Result<Key, StoreError> {
    let told = named.is_some();
    let key = match (named, &kept.secret) {
        (Some(key), _) => Some(key),
        (None, Some(secret)) => Some(super::read("audit_key.secret", secret)?),
        (None, None) => None,
    };
    match key {
        Some(key) if key.fingerprint() == kept.fingerprint => Ok(key),
        Some(_) if told => Err(StoreError::Refused(
            "[audit] key is not the one that this database's audit began with: put the old one back, or remove \
             the setting if there was none; under another key no earlier entry could be found"
                .to_owned(),
        )),
        Some(_) => Err(StoreError::Unreadable { column: "audit_key.secret".to_owned(), value: "another key".to_owned() }),
        None => Err(StoreError::Refused(
            "the audit of this database began with a key from the settings, and [audit] key is missing now: put it \
             back into dozvon.toml or DOZVON_AUDIT__KEY"
                .to_owned(),
        )),
    }
}

/// Returns the end of the chain.
///
/// # Errors
/// When the database fails.
pub fn head(c: &mut Database) -> Result<Link, StoreError> {
    let (id, hash) = audit_head::table.select((audit_head::id, audit_head::hash)).first(c)?;
    Ok(Link { id, hash })
}

/// Returns the last row that retention has cut off, or the chain's genesis if nothing was cut.
///
/// # Errors
/// When the database fails.
pub fn beginning(c: &mut Database) -> Result<Link, StoreError> {
    let cut = audit_cuts::table
        .order(audit_cuts::id.desc())
        .select((audit_cuts::id, audit_cuts::hash))
        .first(c)
        .optional()?;
    let (id, hash) = cut.unwrap_or_else(|| (0, GENESIS.to_owned()));
    Ok(Link { id, hash })
}

/// Returns the rows after `after`, in the order of the chain.
///
/// # Errors
/// When the database fails.
pub fn page(c: &mut Database, after: i64, limit: i64) -> Result<Vec<Row>, StoreError> {
    let rows = audit::table.filter(audit::id.gt(after)).order(audit::id).limit(limit);
    let rows: Vec<AuditRow> = rows.select(columns::<AuditRow>()).load(c)?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// A row of the chain. The action is a text, because the proof must read the rows of a newer program too.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit)]
struct AuditRow {
    id: i64,
    at: i64,
    by: String,
    action: String,
    number_key: Option<String>,
    subject: Option<String>,
    details: String,
    prev_hash: String,
    hash: String,
    keyed: bool,
}

impl From<AuditRow> for Row {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at, by, action, number_key, subject, details, prev_hash, hash, keyed } = row;
        Self { id, at, by, action, number_key, subject, details, prev_hash, hash, keyed }
    }
}

impl From<Row> for AuditRow {
    fn from(row: Row) -> Self {
        let Row { id, at, by, action, number_key, subject, details, prev_hash, hash, keyed } = row;
        Self { id, at, by, action, number_key, subject, details, prev_hash, hash, keyed }
    }
}

/// A selection of audit rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only rows about this number.
    pub number: Option<NumberKey>,
    /// Only rows of this person or program, as [`name_of`] writes the name.
    pub by: Option<String>,
    /// Only rows of this action.
    pub action: Option<Action>,
    /// Only rows of this time or later.
    pub since: Option<UnixMs>,
    /// The highest number of rows; the newest are returned.
    pub limit: i64,
}

/// Returns the newest rows of a selection, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let mut query = audit::table.order(audit::id.desc()).limit(wanted.limit).into_boxed();
    if let Some(number) = &wanted.number {
        query = query.filter(audit::number_key.eq(number.as_str()));
    }
    if let Some(by) = &wanted.by {
        query = query.filter(audit::by.eq(by));
    }
    if let Some(action) = wanted.action {
        query = query.filter(audit::action.eq(action));
    }
    if let Some(since) = wanted.since {
        query = query.filter(audit::at.ge(since));
    }
    let rows: Vec<AuditRow> = query.select(columns::<AuditRow>()).load(c)?;
    Ok(rows.into_iter().rev().map(Row::from).collect())
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// How many rows are in order.
    pub rows: i64,
    /// Where the chain begins.
    pub from: Link,
    /// The last row that is in order.
    pub to: Link,
    /// The first row in order that is sealed with the key. All rows in order after it are sealed too.
    pub keyed_from: Option<i64>,
    /// The first row that is not in order.
    pub broken: Option<Break>,
}

/// How many rows [`verify`] holds in memory, at about 500 bytes each.
pub const PAGE: i64 = 1000;

/// Follows the whole chain, a page at a time, and reports where it is broken first. `named` is the key from the
/// settings. `known` is a head that was kept elsewhere: with it, the function also checks that this row is unchanged.
///
/// # Errors
/// When the database fails; [`StoreError::Refused`] when `known` is older than what retention has cut off, or when the
/// key is not the one that this audit began with.
pub fn verify(c: &mut Database, named: Option<&Key>, known: Option<&Link>) -> Result<Proof, StoreError> {
    let key = self::known(c, named)?;
    let (from, end) = (beginning(c)?, head(c)?);
    if let Some(known) = known.filter(|known| known.id < from.id) {
        return Err(StoreError::Refused(format!(
            "row {} was cut off by retention, which has kept the audit since row {}: check a newer head",
            known.id,
            from.id + 1
        )));
    }
    let mark = key.as_ref().map(|key| mark::of(c, key)).transpose()?;
    let marked = match mark {
        Some(Mark::From(first)) => Some(first),
        Some(Mark::Missing | Mark::Wrong) if end.id > 0 => {
            let broken = Some(Break { id: from.id + 1, fault: Fault::Unmarked });
            return Ok(Proof { rows: 0, to: from.clone(), from, keyed_from: None, broken });
        }
        _ => None,
    };
    let seal = key.map(|key| key.seal());
    let attested = from.id == 0;
    let mut walk =
        Walk { link: from.clone(), attested, cut: from.clone(), known, seal, marked, keyed_from: None };
    // Begins with the very first row in the table, since a row before the cut does not belong there.
    let mut after = i64::MIN;
    let broken = loop {
        let rows = page(c, after, PAGE)?;
        let Some(last) = rows.last() else { break walk.end(&end) };
        after = last.id;
        if let Some(broken) = rows.iter().find_map(|row| walk.step(row).err()) {
            break Some(broken);
        }
    };
    let keyed_from = walk.keyed_from.filter(|first| *first <= walk.link.id);
    Ok(Proof { rows: walk.link.id - from.id, from, to: walk.link, keyed_from, broken })
}

/// The state of a verification.
struct Walk<'a> {
    link: Link,
    cut: Link,
    attested: bool,
    known: Option<&'a Link>,
    seal: Option<Seal>,
    /// The first row that must be sealed.
    marked: Option<i64>,
    keyed_from: Option<i64>,
}

impl Walk<'_> {
    fn step(&mut self, row: &Row) -> Result<(), Break> {
        if row.keyed {
            self.keyed_from.get_or_insert(row.id);
        } else if self.keyed_from.is_some() || self.marked.is_some_and(|first| row.id >= first) {
            return Err(Break { id: row.id, fault: Fault::Unsealed });
        }
        self.link.follow(row, self.seal.as_ref())?;
        if row.action == Action::Retention.as_str() && row.details.contains(&self.cut.hash) {
            self.attested = true;
        }
        match self.known {
            Some(known) if known.id == row.id && known.hash != row.hash => {
                Err(Break { id: row.id, fault: Fault::Changed })
            }
            _ => Ok(()),
        }
    }

    /// Returns what is wrong when there are no more rows.
    fn end(&self, head: &Link) -> Option<Break> {
        let known = self.known.filter(|known| known.id == self.cut.id && known.hash != self.cut.hash);
        if let Some(known) = known {
            return Some(Break { id: known.id, fault: Fault::Changed });
        }
        if !self.attested {
            return Some(Break { id: self.cut.id, fault: Fault::Beheaded });
        }
        let short = self.known.is_some_and(|known| known.id > self.link.id);
        let missing = if head.id == self.link.id { head.id } else { self.link.id + 1 };
        (short || *head != self.link).then_some(Break { id: missing, fault: Fault::Truncated })
    }
}

/// Cuts off rows older than `before` from the beginning of the chain, at most `limit`. The last of these rows is
/// remembered as the place where the chain begins. Returns none if there is nothing to cut. The chain's last row always
/// stays.
pub(super) fn cut(
    c: &mut Database,
    before: UnixMs,
    limit: i64,
    now: UnixMs,
) -> Result<Option<(Link, i64)>, StoreError> {
    hold::audit(c)?;
    let (from, end) = (beginning(c)?, head(c)?);
    let old: Vec<Row> = page(c, from.id, limit)?;
    // Rows are cut in the order of the chain. After the clock was set back, a younger row can precede older ones: those
    // wait until the younger row is old enough.
    let last = old.iter().take_while(|row| row.at < before.0 && row.id < end.id).last();
    let Some(last) = last else { return Ok(None) };
    diesel::insert_into(audit_cuts::table)
        .values((audit_cuts::id.eq(last.id), audit_cuts::hash.eq(&last.hash), audit_cuts::at.eq(now)))
        .insert(c)?;
    let gone = diesel::delete(audit::table.filter(audit::id.le(last.id))).execute(c)?;
    let gone = i64::try_from(gone).unwrap_or(i64::MAX);
    Ok(Some((Link { id: last.id, hash: last.hash.clone() }, gone)))
}
