//! Which callback may have a due case, and for how long (pure).
//!
//! A callback claims a case before it rings any agent, so that no second callback offers the same case. In: the case,
//! and the call of the callback. Out: whether the case may be claimed, the claim, and later whether the callback still
//! has the case.
//! **Invariant:** at most one callback has a case. A claim ends by itself, so a callback that dies keeps no case.

use std::time::Duration;

use super::case::Stage;
use super::plan::SOON;
use crate::clock::UnixMs;
use crate::ids::CallId;

/// The facts about a case that decide whether a callback may claim it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Whether the case is open.
    pub open: bool,
    /// What the case waits for.
    pub stage: Stage,
    /// The customer wants no call before this.
    pub not_before: Option<UnixMs>,
    /// Who has the case: an agent, or the call of a callback.
    pub claimed_by: Option<&'a str>,
}

/// Whether a callback may claim a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimable {
    /// The case is closed, or waits for something other than a call.
    No,
    /// The case is due, but the customer wants no call before this time. The case is put off until then.
    Later(UnixMs),
    /// The case may be claimed if the guards permit a dial.
    IfPermitted,
}

/// A callback's claim on a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The call of the callback, as it stands in the row of the case.
    pub claimed_by: String,
    /// The time by which an agent must have accepted the case.
    pub lease_until: UnixMs,
    /// When the claim ends by itself: a little later, for an agent who accepts in the last moment of the lease.
    pub next_at: UnixMs,
}

impl Claim {
    /// Returns the claim of the callback with this call, under a policy that leases cases for `lease`.
    #[must_use]
    pub fn of(call: CallId, lease: Duration, now: UnixMs) -> Self {
        let lease_until = now + lease;
        Self { claimed_by: call.to_string(), lease_until, next_at: lease_until + SOON }
    }
}

impl Candidate<'_> {
    /// Returns whether a callback may claim the case now.
    #[must_use]
    pub fn claimable(&self, now: UnixMs) -> Claimable {
        if !self.open || self.stage != Stage::Due {
            return Claimable::No;
        }
        match self.not_before.filter(|wanted| *wanted > now) {
            Some(wanted) => Claimable::Later(wanted),
            None => Claimable::IfPermitted,
        }
    }

    /// Returns whether the callback with this call has the case.
    #[must_use]
    pub fn is_claimed_by(&self, call: CallId) -> bool {
        let claimed = self.open && self.stage == Stage::Claimed;
        claimed && self.claimed_by == Some(call.to_string().as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::missed::case::{Step, step};

    const MINUTE: Duration = Duration::from_secs(60);
    const LEASE: Duration = Duration::from_secs(180);

    /// What the database would hold about a case.
    #[derive(Debug)]
    struct Row {
        open: bool,
        stage: Stage,
        not_before: Option<UnixMs>,
        next_at: Option<UnixMs>,
        claimed_by: Option<String>,
    }

    impl Row {
        fn candidate(&self) -> Candidate<'_> {
            let Self { open, stage, not_before, .. } = *self;
            Candidate { open, stage, not_before, claimed_by: self.claimed_by.as_deref() }
        }

        fn make(&mut self, made: Step, next_at: Option<UnixMs>, claimed_by: Option<String>) {
            self.stage = step(self.stage, made).unwrap();
            (self.next_at, self.claimed_by) = (next_at, claimed_by);
        }
    }

    /// A case, the callbacks that ever claimed it, and until when the latest of them may have it.
    struct World {
        row: Row,
        callbacks: Vec<CallId>,
        ends_at: UnixMs,
        now: UnixMs,
    }

    impl World {
        fn new() -> Self {
            let row =
                Row { open: true, stage: Stage::Due, not_before: None, next_at: None, claimed_by: None };
            Self { row, callbacks: Vec::new(), ends_at: UnixMs(0), now: UnixMs(1_000_000_000) }
        }

        /// The stage ends by itself, if its time is over.
        fn tick(&mut self) {
            if !self.row.open || self.row.next_at.is_none_or(|next| next > self.now) {
                return;
            }
            match self.row.stage {
                Stage::Claimed | Stage::Attempting => self.row.make(Step::Release, None, None),
                Stage::Due => self.row.next_at = None,
                _ => self.row.make(Step::Open, None, None),
            }
        }

        /// A callback wants the case.
        fn wants(&mut self, permitted: bool) {
            let call = CallId::new();
            let had = self.callbacks.iter().any(|call| self.row.candidate().is_claimed_by(*call));
            match self.row.candidate().claimable(self.now) {
                Claimable::No => assert!(!self.row.open || self.row.stage != Stage::Due),
                Claimable::Later(until) => {
                    assert!(until > self.now, "put off into the past");
                    self.row.make(Step::Defer, Some(until), None);
                }
                Claimable::IfPermitted if !permitted => {
                    self.row.make(Step::Defer, Some(self.now + MINUTE), None);
                }
                Claimable::IfPermitted => {
                    assert!(!had, "a second callback claims the case");
                    assert!(self.row.not_before.is_none_or(|wanted| wanted <= self.now), "too early");
                    let claim = Claim::of(call, LEASE, self.now);
                    assert!(claim.next_at > claim.lease_until && claim.lease_until > self.now);
                    (self.ends_at, self.row.next_at) = (claim.next_at, None);
                    self.row.make(Step::Claim, Some(claim.next_at), Some(claim.claimed_by));
                    self.callbacks.push(call);
                    assert!(self.row.candidate().is_claimed_by(call));
                }
            }
        }

        /// One of the callbacks goes on: it dials the customer, or gives the case back, if it still has the case.
        fn goes_on(&mut self, which: u8, dials: bool) {
            let Some(call) = self.callbacks.get(usize::from(which) % self.callbacks.len().max(1)) else {
                return;
            };
            if !self.row.candidate().is_claimed_by(*call) {
                return;
            }
            assert_eq!(self.callbacks.last(), Some(call), "an older claim is over");
            if dials {
                self.row.make(Step::Dial, Some(self.now + MINUTE * 2), Some("anna".to_owned()));
            } else {
                self.row.make(Step::Release, Some(self.now), None);
            }
        }

        fn live(&mut self, (wait, what, how): (u16, u8, u8)) {
            self.now = self.now + Duration::from_secs(u64::from(wait % 200));
            self.tick();
            let taken = matches!(self.row.stage, Stage::Claimed | Stage::Attempting);
            match what % 8 {
                0..=2 => self.wants(how % 4 != 0),
                3 => self.goes_on(how, true),
                4 => self.goes_on(how, false),
                5 if self.row.open && !taken => {
                    self.row.not_before = Some(self.now + MINUTE * u32::from(how % 8));
                }
                6 if self.row.stage == Stage::Attempting => {
                    self.row.make(Step::Retry, Some(self.now + MINUTE), None);
                }
                7 if how % 16 == 0 => self.row.open = false,
                _ => {}
            }
        }

        /// Checks what must hold after every event.
        fn holds(&self) {
            let holders = self.callbacks.iter().filter(|call| self.row.candidate().is_claimed_by(**call));
            let holders = holders.count();
            assert_eq!(holders, usize::from(self.row.open && self.row.stage == Stage::Claimed));
            if holders > 0 {
                assert!(self.now < self.ends_at, "a claim ends by itself");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

        /// In every order of events, at most one callback has the case, none has it before the customer wants the
        /// call or after its claim is over, and a callback that lost the case can do nothing with it.
        #[test]
        fn no_history_gives_a_case_to_two_callbacks(
            history in prop::collection::vec(any::<(u16, u8, u8)>(), 1..40),
        ) {
            let mut world = World::new();
            for happening in history {
                world.live(happening);
                world.holds();
            }
        }
    }

    #[test]
    fn a_callback_has_its_case_until_somebody_dials_or_closes_it() {
        let call = CallId::new();
        let name = call.to_string();
        let claimed =
            Candidate { open: true, stage: Stage::Claimed, not_before: None, claimed_by: Some(&name) };
        assert!(claimed.is_claimed_by(call));
        assert!(!claimed.is_claimed_by(CallId::new()));
        assert!(!Candidate { stage: Stage::Attempting, ..claimed }.is_claimed_by(call), "dialled already");
        assert!(!Candidate { open: false, ..claimed }.is_claimed_by(call), "closed meanwhile");
        assert!(!Candidate { claimed_by: None, ..claimed }.is_claimed_by(call));
    }
}
