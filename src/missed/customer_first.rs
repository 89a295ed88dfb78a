//! How many customers who answer a call may find no agent there.

/// The largest share of answered calls in 30 days that may be abandoned, in per cent (47 CFR 64.1200(a)(7), 16 CFR
/// 310.4(b)(4)(i)).
pub const MOST_PCT: i64 = 3;

/// Whether one more customer may be dialled without an agent. The check assumes that every dial under way is abandoned:
/// even then the share of abandoned calls must stay within [`MOST_PCT`] of the answered ones. If no call was abandoned
/// and no dial is under way, one dial is allowed.
#[must_use]
pub const fn may_dial(answered: i64, abandoned: i64, under_way: i64) -> bool {
    let worst = abandoned + under_way;
    worst == 0 || (worst + 1) * 100 <= MOST_PCT * (answered + under_way + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_by_one_until_there_is_room_for_more() {
        assert!(may_dial(0, 0, 0));
        assert!(!may_dial(0, 0, 1), "one may be abandoned already");
        assert!(!may_dial(10, 1, 0), "one in ten is too many");
        assert!(!may_dial(64, 1, 0));
        assert!(may_dial(66, 1, 0), "two in 67 are less than three in a hundred");
    }

    proptest! {
        /// Whatever is answered or abandoned: after the first call, the share never exceeds the law's.
        #[test]
        fn the_share_keeps_within_the_law(fates in prop::collection::vec(any::<Option<bool>>(), 1..400)) {
            let (mut answered, mut abandoned) = (0, 0);
            for fate in fates {
                if !may_dial(answered, abandoned, 0) {
                    break;
                }
                let before = abandoned;
                if let Some(left) = fate {
                    answered += 1;
                    abandoned += i64::from(left);
                }
                prop_assert!(before == 0 || abandoned * 100 <= MOST_PCT * answered, "{abandoned} of {answered}");
            }
        }
    }
}
