//! Who is told that the reaction time of a case is passing (pure).

/// The people who are told of one escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hears {
    /// The agent who has the case.
    pub assignee: bool,
    /// All agents of the case's queue.
    pub group: bool,
    /// The supervisors of the queue.
    pub supervisor: bool,
    /// The people on duty.
    pub duty: bool,
}

/// Returns who is told that `pct` per cent of the reaction time have passed, where a policy escalates at `all` of these
/// percentages. The assignee is told before the time is over. The group is told from 80 % on, or at the last escalation
/// before the end. The supervisor is told after the end, and the people on duty at the last escalation (by default 50,
/// 80, 100 and 200 %). If no escalation fits one of the four, they are told at the nearest one.
#[must_use]
pub fn hears(pct: i32, all: &[i32]) -> Hears {
    let another = |within: std::ops::Range<i32>| all.iter().any(|other| within.contains(other));
    let last = !another(pct + 1..i32::MAX);
    let late = pct >= 100;
    let group = !late && (pct >= 80 || !another(pct + 1..100));
    Hears {
        assignee: !late && (!group || !another(0..pct)),
        group,
        supervisor: if last { !another(100..pct) } else { late },
        duty: last,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOBODY: Hears = Hears { assignee: false, group: false, supervisor: false, duty: false };

    fn told(all: &[i32]) -> Vec<Hears> {
        all.iter().map(|pct| hears(*pct, all)).collect()
    }

    #[test]
    fn the_supervisor_and_the_people_on_duty_are_told_whatever_the_escalations_are() {
        let assignee = Hears { assignee: true, ..NOBODY };
        let group = Hears { group: true, ..NOBODY };
        let supervisor = Hears { supervisor: true, ..NOBODY };
        let duty = Hears { duty: true, ..NOBODY };
        let both = Hears { supervisor: true, duty: true, ..NOBODY };
        assert_eq!(told(&[50, 80, 100, 200]), [assignee, group, supervisor, duty]);
        assert_eq!(told(&[30, 60]), [assignee, Hears { group: true, ..both }]);
        assert_eq!(told(&[50, 100]), [Hears { group: true, ..assignee }, both]);
        assert_eq!(told(&[100, 150, 300]), [supervisor, supervisor, duty]);
        assert_eq!(told(&[100]), [both]);
        assert_eq!(told(&[90]), [Hears { assignee: true, group: true, ..both }]);
        // The order in which they are written does not matter.
        assert_eq!(hears(60, &[60, 30]), hears(60, &[30, 60]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

        #[test]
        fn each_escalation_tells_somebody_and_nobody_is_left_out(
            all in prop::collection::btree_set(1_i32..400, 1..8),
        ) {
            let all: Vec<i32> = all.into_iter().collect();
            let told = told(&all);
            prop_assert!(told.iter().all(|hears| *hears != NOBODY), "{:?}", told);
            prop_assert!(told.iter().any(|hears| hears.supervisor));
            prop_assert_eq!(told.iter().filter(|hears| hears.duty).count(), 1);
            prop_assert!(told.last().is_some_and(|hears| hears.duty), "the people on duty are told at the last escalation");
            let before_the_end = all.iter().any(|pct| *pct < 100);
            prop_assert_eq!(told.iter().any(|hears| hears.assignee), before_the_end);
            prop_assert_eq!(told.iter().filter(|hears| hears.group).count() > 0, before_the_end);
            for (pct, hears) in all.iter().zip(&told) {
                prop_assert!(*pct < 100 || !(hears.assignee || hears.group), "after the end only the supervisor and the people on duty are told");
            }
        }
    }
}
