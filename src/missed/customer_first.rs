//! Whether a customer may be dialled before an agent is there (pure).
//!
//! The rules are stricter than for agents who are rung first (docs/compliance.md, R12 and R17: 47 CFR 64.1200(a)(7) and
//! 16 CFR 310.4(b)(4); Ofcom's statements of 2006 and 2010 for the 72 hours). At most 3 % of the customers who answered
//! in 30 days may have been abandoned. An abandoned customer is not dialled in this way for 72 hours. An agent must be
//! free now. Calls about debts are never made in this way: 230-FZ demands a person who gives their name.

use std::time::Duration;

use crate::rules::policy::Profile;

/// The time after the customer's answer within which an agent must be there (47 CFR 64.1200(a)(7)(i)).
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// The period over which the share of abandoned customers is computed (the same source).
pub const SHARE_OVER: Duration = Duration::from_secs(30 * 86_400);

/// How long an abandoned customer is not dialled without an agent (Ofcom 2010, §A1.55).
pub const PAUSE: Duration = Duration::from_secs(72 * 3_600);

/// The largest share of answered calls in 30 days that may be abandoned, in per cent (47 CFR 64.1200(a)(7), 16 CFR
/// 310.4(b)(4)(i)).
const MAX_ABANDONED_PCT: i64 = 3;

/// What is counted before a customer is dialled without an agent. The first three count such dials within
/// [`SHARE_OVER`], to all customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls that customers answered and that are over.
    pub answered: i64,
    /// Calls that were abandoned.
    pub abandoned: i64,
    /// Calls whose end is not known yet.
    pub under_way: i64,
    /// Calls to this customer that were abandoned within [`PAUSE`].
    pub abandoned_of_late: i64,
    /// Agents of the queue who are free now.
    pub free_agents: i64,
}

/// Whether a customer may be dialled before an agent is there, under a policy of this profile.
#[must_use]
pub fn may_dial(profile: Profile, counts: &Counts) -> bool {
    let Counts { answered, abandoned, under_way, abandoned_of_late, free_agents } = *counts;
    profile != Profile::Debt
        && abandoned_of_late == 0
        && free_agents > under_way
        && share_allows(answered, abandoned, under_way)
}

/// Whether the share of abandoned calls allows one more. The check assumes that every dial under way is abandoned: even
/// then the share must stay within [`MAX_ABANDONED_PCT`]. If no call was abandoned and no dial is under
/// way, one dial is allowed.
const fn share_allows(answered: i64, abandoned: i64, under_way: i64) -> bool {
    let worst = abandoned + under_way;
    worst == 0 || (worst + 1) * 100 <= MAX_ABANDONED_PCT * (answered + under_way + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::UnixMs;

    #[test]
    fn one_by_one_until_there_is_room_for_more() {
        assert!(share_allows(0, 0, 0));
        assert!(!share_allows(0, 0, 1), "one may be abandoned already");
        assert!(!share_allows(10, 1, 0), "one in ten is too many");
        assert!(!share_allows(64, 1, 0));
        assert!(share_allows(66, 1, 0), "two in 67 are less than three in a hundred");
    }

    #[test]
    fn each_condition_refuses_on_its_own() {
        let fine = Counts { answered: 100, abandoned: 1, under_way: 0, abandoned_of_late: 0, free_agents: 1 };
        for profile in [Profile::Service, Profile::Sales] {
            assert!(may_dial(profile, &fine));
            assert!(!may_dial(profile, &Counts { abandoned_of_late: 1, ..fine }), "the customer has a pause");
            assert!(!may_dial(profile, &Counts { free_agents: 0, ..fine }), "nobody would be there");
            let taken = Counts { under_way: 1, ..fine };
            assert!(!may_dial(profile, &taken), "the only free agent is for the dial under way");
            assert!(may_dial(profile, &Counts { free_agents: 2, ..taken }));
            assert!(!may_dial(profile, &Counts { abandoned: 3, ..fine }), "the share is reached");
        }
        assert!(!may_dial(Profile::Debt, &fine), "a person must give their name");
    }

    /// What the database would hold of one such dial.
    #[derive(Debug, Clone, Copy)]
    struct Dial {
        customer: u8,
        at: UnixMs,
        /// None while nobody knows how the dial ends.
        end: Option<End>,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum End {
        Unanswered,
        Talked,
        Abandoned,
    }

    #[derive(Debug, Default)]
    struct World {
        dials: Vec<Dial>,
        now: UnixMs,
    }

    impl World {
        fn counts(&self, customer: u8, free_agents: i64) -> Counts {
            let count = |wanted: &dyn Fn(&Dial) -> bool| {
                let late = self.dials.iter().filter(|dial| dial.at > self.now - SHARE_OVER);
                i64::try_from(late.filter(|dial| wanted(dial)).count()).unwrap()
            };
            let was_abandoned = |dial: &Dial| dial.end == Some(End::Abandoned);
            Counts {
                answered: count(&|dial| matches!(dial.end, Some(End::Talked | End::Abandoned))),
                abandoned: count(&was_abandoned),
                under_way: count(&|dial| dial.end.is_none()),
                abandoned_of_late: count(&|dial| {
                    was_abandoned(dial) && dial.customer == customer && dial.at > self.now - PAUSE
                }),
                free_agents,
            }
        }

        /// A customer is to be dialled.
        fn dial(&mut self, profile: Profile, customer: u8, free_agents: i64) {
            if !may_dial(profile, &self.counts(customer, free_agents)) {
                return;
            }
            assert_ne!(profile, Profile::Debt);
            let mut to_this = self.dials.iter().filter(|dial| dial.customer == customer);
            let has_pause =
                to_this.any(|dial| dial.end == Some(End::Abandoned) && self.now.since(dial.at) < PAUSE);
            assert!(!has_pause, "an abandoned customer has a pause of 72 hours");
            self.dials.push(Dial { customer, at: self.now, end: None });
            let counts = self.counts(customer, free_agents);
            assert!(counts.under_way <= free_agents, "each customer who answers finds an agent");
        }

        /// A dial ends. Returns whether its customer was abandoned.
        fn end(&mut self, which: u8, how: End) -> bool {
            let open: Vec<usize> =
                (0..self.dials.len()).filter(|dial| self.dials[*dial].end.is_none()).collect();
            let Some(dial) = open.get(usize::from(which) % open.len().max(1)) else { return false };
            self.dials[*dial].end = Some(how);
            how == End::Abandoned
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

        /// Whoever is dialled, and however the dials end: each abandoned call after the first leaves the share within
        /// the law. No customer is dialled within 72 hours of being abandoned, or while no agent is free for them.
        #[test]
        fn no_history_abandons_more_customers_than_the_law_allows(
            answered_before in 0_usize..120,
            history in prop::collection::vec(any::<(u16, u8, u8, u8)>(), 1..60),
            profile in prop::sample::select(Profile::ALL),
        ) {
            let mut world = World { now: UnixMs(1_800_000_000_000), ..World::default() };
            let before = Dial { customer: 255, at: world.now, end: Some(End::Talked) };
            world.dials = vec![before; answered_before];
            for (wait, what, who, how) in history {
                // A dial is short: no earlier one leaves the 30 days meanwhile.
                if world.counts(0, 0).under_way == 0 {
                    world.now = world.now + Duration::from_secs(u64::from(wait) * 4);
                }
                match what % 4 {
                    0 | 1 => world.dial(profile, who % 6, i64::from(how % 3)),
                    _ => {
                        let end = [End::Abandoned, End::Talked, End::Unanswered][usize::from(how) % 3];
                        let Counts { abandoned, .. } = world.counts(0, 0);
                        if world.end(who, end) && abandoned > 0 {
                            let Counts { answered, abandoned, .. } = world.counts(0, 0);
                            prop_assert!(abandoned * 100 <= MAX_ABANDONED_PCT * answered, "{abandoned} of {answered}");
                        }
                    }
                }
            }
        }

        /// However the calls end, one after the other: after the first, the share never exceeds the law's.
        #[test]
        fn the_share_keeps_within_the_law(fates in prop::collection::vec(any::<Option<bool>>(), 1..400)) {
            let (mut answered, mut abandoned) = (0, 0);
            for fate in fates {
                if !share_allows(answered, abandoned, 0) {
                    break;
                }
                let before = abandoned;
                if let Some(left) = fate {
                    answered += 1;
                    abandoned += i64::from(left);
                }
                prop_assert!(before == 0 || abandoned * 100 <= MAX_ABANDONED_PCT * answered, "{abandoned} of {answered}");
            }
        }
    }
}
