use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::config::callback::Dial;
use crate::dispatch::trunks::*;

fn trunk(name: &str, max_calls: usize, max_dials_per_second: u32) -> Trunk {
    let dial = Dial::try_from(format!("gateway/{name}/{{number}}")).unwrap();
    let max_dials_per_second = NonZeroU32::new(max_dials_per_second).unwrap();
    Trunk { name: name.to_owned(), max_calls, max_dials_per_second, ..Trunk::new(dial) }
}

fn trunks(list: &[Trunk]) -> Trunks {
    let max_dials_per_second = NonZeroU32::MAX;
    Trunks::new(&Settings {
        trunks: list.to_vec(),
        max_calls: 100,
        max_dials_per_second,
        ..Settings::default()
    })
}

/// What may happen. The numbers choose among the slots that are taken.
#[derive(Debug, Clone)]
enum Step {
    Take,
    Dial(usize),
    HangUp(usize),
    Fail(usize),
    /// The trunk refuses the dial: another one is to make it.
    Redial(usize),
    Leave(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        3 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Dial),
        1 => any::<usize>().prop_map(Step::HangUp),
        1 => any::<usize>().prop_map(Step::Fail),
        2 => any::<usize>().prop_map(Step::Redial),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (0..1_200_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(one, 0..80)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let one = (0..4_usize, 1..4_u32, 0..3_000_u64);
    (prop::collection::vec(one, 0..4), 0..9_usize, 1..6_u32).prop_map(|(trunks, max_calls, dials)| {
        let trunks = trunks.into_iter().enumerate().map(|(slot, (max_calls, dials, rest))| Trunk {
            failure_pause: Duration::from_millis(rest),
            ..trunk(&slot.to_string(), max_calls, dials)
        });
        let max_dials_per_second = NonZeroU32::new(dials).unwrap();
        Settings { trunks: trunks.collect(), max_calls, max_dials_per_second, ..Settings::default() }
    })
}

/// A simple model of the trunks.
struct Ledger {
    settings: Settings,
    trunks: Trunks,
    now: Instant,
    slots: Vec<(CallSlot, Option<TrunkCall>)>,
    /// Who dialled, and when.
    dialled: Vec<(usize, Instant)>,
    rested_at: Vec<Instant>,
}

impl Ledger {
    fn open(settings: Settings) -> Self {
        let (trunks, now) = (Trunks::new(&settings), Instant::now());
        let rested_at = vec![now; settings.trunks.len()];
        Self { settings, trunks, now, slots: Vec::new(), dialled: Vec::new(), rested_at }
    }

    fn step(&mut self, step: &Step) {
        let chosen = |number: &usize| number.checked_rem(self.slots.len());
        match step {
            Step::Take => self.reserve(),
            Step::Wait(ms) => self.now += Duration::from_millis(*ms),
            Step::Dial(number) => drop(chosen(number).map(|at| self.dial(at))),
            Step::HangUp(number) => drop(chosen(number).and_then(|at| self.slots[at].1.take())),
            Step::Redial(number) => drop(chosen(number).map(|at| self.redial(at))),
            Step::Leave(number) => drop(chosen(number).map(|at| self.slots.swap_remove(at))),
            Step::Fail(number) => {
                if let Some(trunk_use) = chosen(number).and_then(|at| self.slots[at].1.as_ref()) {
                    trunk_use.failed(self.now);
                    self.rested_at[trunk_use.at] = self.now + trunk_use.trunk.failure_pause;
                }
            }
        }
    }

    fn reserve(&mut self) {
        let carried: usize = self.settings.trunks.iter().map(|trunk| trunk.max_calls).sum();
        let room = self.slots.len() < self.settings.max_calls.min(carried);
        let slot = self.trunks.reserve();
        assert_eq!(slot.is_some(), room);
        self.slots.extend(slot.map(|slot| (slot, None)));
    }

    /// A slot dials, if it does not already.
    fn dial(&mut self, at: usize) -> Option<Instant> {
        if self.slots[at].1.is_some() {
            return None;
        }
        let calls = self.calls();
        let with_room: Vec<usize> =
            (0..calls.len()).filter(|at| calls[*at] < self.settings.trunks[*at].max_calls).collect();
        match self.slots[at].0.try_trunk(self.now) {
            Ok(trunk_use) => {
                let rests = |at: &usize| self.rested_at[*at] > self.now;
                assert!(with_room.contains(&trunk_use.at), "{} is full", trunk_use.at);
                if rests(&trunk_use.at) {
                    assert!(with_room.iter().all(rests), "{} rests", trunk_use.at);
                } else {
                    let before = with_room.iter().filter(|other| **other < trunk_use.at && !rests(other));
                    before.for_each(|other| assert_eq!(self.free(*other), 0, "{} comes first", *other));
                }
                self.dialled.push((trunk_use.at, self.now));
                self.slots[at].1 = Some(trunk_use);
                None
            }
            Err(again) => {
                assert!(self.now < again && again <= self.now + SECOND);
                let all_full = self.within(|_| true) == self.settings.max_dials_per_second.get() as usize;
                let healthy = with_room.iter().filter(|at| self.rested_at[**at] <= self.now);
                assert!(
                    all_full || healthy.map(|at| self.free(*at)).sum::<usize>() == 0,
                    "it could be dialled"
                );
                Some(again)
            }
        }
    }

    /// The dial of a slot goes to another trunk, if one of them has room now.
    fn redial(&mut self, at: usize) {
        let Some(trunk_use) = self.slots[at].1.take() else { return };
        let (refused, mut tried) = (trunk_use.at, TriedTrunks::default());
        tried.add(trunk_use);
        let calls = self.calls();
        let has_room = |other: usize| calls[other] < self.settings.trunks[other].max_calls;
        let others = (0..calls.len()).any(|other| other != refused && has_room(other));
        match self.slots[at].0.try_trunk_except(self.now, &tried) {
            None => assert!(!others, "another has room"),
            Some(Err(again)) => assert!(others && self.now < again && again <= self.now + SECOND),
            Some(Ok(trunk_use)) => {
                assert!(trunk_use.at != refused && has_room(trunk_use.at));
                self.dialled.push((trunk_use.at, self.now));
                self.slots[at].1 = Some(trunk_use);
            }
        }
    }

    fn calls(&self) -> Vec<usize> {
        let on = |at| {
            self.slots.iter().filter_map(|(_, trunk_use)| trunk_use.as_ref()).filter(|l| l.at == at).count()
        };
        (0..self.settings.trunks.len()).map(on).collect()
    }

    /// How many customers were dialled in the last second.
    fn within(&self, by: impl Fn(usize) -> bool) -> usize {
        self.dialled.iter().filter(|(at, when)| by(*at) && *when + SECOND > self.now).count()
    }

    /// How many more customers may be dialled over a trunk in this second.
    fn free(&self, at: usize) -> usize {
        self.settings.trunks[at].max_dials_per_second.get() as usize - self.within(|by| by == at)
    }

    fn keeps_every_budget(&self) {
        let calls = self.calls();
        assert!(self.slots.len() <= self.settings.max_calls);
        assert!(self.within(|_| true) <= self.settings.max_dials_per_second.get() as usize);
        for (at, trunk) in self.settings.trunks.iter().enumerate() {
            assert!(calls[at] <= trunk.max_calls);
            assert!(self.within(|by| by == at) <= trunk.max_dials_per_second.get() as usize);
        }
        let told: Vec<usize> = self.trunks.calls().into_iter().map(|(_, calls)| calls).collect();
        assert_eq!(told, calls);
    }

    /// Every slot dials in the end, after the wait that it is given.
    fn every_slot_dials(&mut self) {
        for at in 0..self.slots.len() {
            for _ in 0..3 {
                if let Some(again) = self.dial(at) {
                    self.now = again;
                }
            }
            assert!(self.slots[at].1.is_some(), "the slot waits for ever");
            self.keeps_every_budget();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]
    #[test]
    fn no_limit_is_ever_exceeded_and_every_slot_gets_a_trunk(settings in any_settings(), steps in steps()) {
        let mut ledger = Ledger::open(settings);
        for step in &steps {
            ledger.step(step);
            ledger.keeps_every_budget();
        }
        ledger.every_slot_dials();
        ledger.slots.clear();
        prop_assert_eq!(ledger.trunks.state().slots, 0);
        ledger.keeps_every_budget();
    }
}

#[test]
fn the_first_that_has_room_is_taken() {
    let (trunks, now) = (trunks(&[trunk("a", 1, 5), trunk("b", 2, 1), trunk("c", 1, 1)]), Instant::now());
    let dial = |at| {
        let slot = trunks.reserve()?;
        let trunk_use = slot.try_trunk(at).ok()?;
        Some((slot, trunk_use))
    };
    let live: Vec<_> = (0..3).map_while(|_| dial(now)).collect();
    let names: Vec<&str> = live.iter().map(|(_, trunk_use)| trunk_use.trunk().name()).collect();
    assert_eq!(names, ["a", "b", "c"], "a is full, then b has dialled in this second");
    assert!(dial(now).is_none(), "b has room, in a second");
    assert_eq!(dial(now + SECOND).unwrap().1.trunk().name(), "b");
    let all: Vec<_> = std::iter::from_fn(|| trunks.reserve()).collect();
    assert_eq!(all.len(), 1, "all trunks together carry four calls");
}

#[test]
fn a_trunk_that_failed_is_the_last_choice_for_a_while() {
    let (trunks, now) = (trunks(&[trunk("a", 9, 9), trunk("b", 9, 9)]), Instant::now());
    let slot = trunks.reserve().unwrap();
    let by = |at: Instant| slot.try_trunk(at).unwrap();
    by(now).failed(now);
    assert_eq!(by(now).trunk().name(), "b");
    by(now).failed(now + SECOND);
    assert_eq!(by(now + SECOND).trunk().name(), "a", "if all have failed, the one that failed first");
    assert_eq!(by(now + Duration::from_secs(60)).trunk().name(), "a", "it has rested");
}

#[test]
fn a_trunk_shows_its_own_number_or_that_of_the_settings() {
    let own = Trunk { caller_id: "74951111111".to_owned(), ..trunk("a", 1, 1) };
    let settings = Settings {
        trunks: vec![own, trunk("b", 1, 1)],
        caller_id: "74952222222".to_owned(),
        ..Settings::default()
    };
    let trunks = Trunks::new(&settings);
    let shown: Vec<String> = trunks.calls().into_iter().map(|(trunk, _)| trunk.caller_id.clone()).collect();
    assert_eq!(shown, ["74951111111", "74952222222"]);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_comes_too_soon_waits() {
    let trunks = trunks(&[trunk("a", 9, 2)]);
    let begun = Instant::now();
    let slot = trunks.reserve().unwrap();
    let mut at = Vec::new();
    for _ in 0..5 {
        drop(slot.next_trunk().await);
        at.push(begun.elapsed().as_secs());
    }
    assert_eq!(at, [0, 0, 1, 1, 2]);
}

/// Numbers that do not exist, dialled in turn again and again, are as many failures as there are numbers.
#[tokio::test(start_paused = true)]
async fn the_supervisor_is_told_when_failures_reach_the_limit_but_not_for_a_few_wrong_numbers() {
    let dial = Dial::try_from("gateway/one/{number}".to_owned()).unwrap();
    let trunk = Trunk { name: "one".to_owned(), alarm_after: 3, ..Trunk::new(dial) };
    let trunks = Trunks::new(&Settings { trunks: vec![trunk], ..Settings::default() });
    let (slot, at) = (trunks.reserve().unwrap(), crate::clock::UnixMs(1));
    let trunk_use = slot.try_trunk(Instant::now()).unwrap();
    let [a, b, c]: [crate::phone::E164; 3] =
        ["+74951234567", "+74957654321", "+74957654322"].map(|text| text.parse().unwrap());
    let fails = |number| trunk_use.ended(number, DialFate::Failed("UNALLOCATED_NUMBER"), at).is_some();
    assert_eq!([&a, &b, &a, &b, &a].map(fails), [false; 5], "two numbers are wrong");
    assert_eq!(
        [&c, &c, &a, &c].map(fails),
        [true, false, false, false],
        "the supervisor is told when the count reaches the limit"
    );
}

/// The supervisor is told about a trunk once, when failures in a row reach the limit. A number that does not exist is
/// one failure.
#[tokio::test(start_paused = true)]
async fn a_trunk_that_fails_again_and_again_is_told_once() {
    let dial = Dial::try_from("gateway/one/{number}".to_owned()).unwrap();
    let trunk = Trunk { name: "one".to_owned(), alarm_after: 3, ..Trunk::new(dial) };
    let trunks = Trunks::new(&Settings { trunks: vec![trunk], ..Settings::default() });
    let (slot, at) = (trunks.reserve().unwrap(), crate::clock::UnixMs(1));
    let trunk_use = slot.try_trunk(Instant::now()).unwrap();
    let numbers: [crate::phone::E164; 2] = ["+74951234567", "+74957654321"].map(|text| text.parse().unwrap());
    let ended = |number: &crate::phone::E164, fate| trunk_use.ended(number, fate, at).map(|event| event.data);
    for _ in 0..5 {
        assert_eq!(ended(&numbers[0], DialFate::Failed("UNALLOCATED_NUMBER")), None, "one number is wrong");
    }
    assert_eq!(ended(&numbers[1], DialFate::Failed("UNALLOCATED_NUMBER")), None);
    assert_eq!(ended(&numbers[1], DialFate::Unknown), None);
    let told = ended(&numbers[0], DialFate::Failed("CALL_REJECTED")).unwrap();
    assert_eq!(
        (&told["name"], &told["times"], &told["reason"]),
        (&"one".into(), &3.into(), &"CALL_REJECTED".into())
    );
    assert_eq!(ended(&numbers[1], DialFate::Failed("CALL_REJECTED")), None, "once");
    assert_eq!(ended(&numbers[1], DialFate::Carried), None);
    assert_eq!(ended(&numbers[1], DialFate::Failed("CALL_REJECTED")), None, "the count starts again");
}
