//! When a customer may be called: within our hours, and within lawful hours wherever the customer may be.
//!
//! In: the queue's hours, the zones where the customer may be, the policy, and when the customer last called. Out: the
//! proof that an instant is lawful, which goes into the attempt's row, or the next lawful instant.
//! **Invariant:** a permitted instant lies in the queue's hours. In every zone where the customer may be, it lies
//! inside the lawful hours by the margin. One exception, under a policy of the profile service that allows it: shortly
//! after the customer has called, the hour at the customer's place does not matter.

use std::time::Duration;

use chrono::{Offset as _, Timelike as _};
use chrono_tz::Tz;

use crate::calendar::holidays::is_day_of_rest;
use crate::calendar::schedule::civil_date;
use crate::calendar::working_time::WorkingTime;
use crate::calendar::zone::{Source, Whereabouts};
use crate::clock::UnixMs;
use crate::rules::policy::{Minutes, Policy, Profile};

/// How far ahead a lawful instant is searched for.
const AHEAD: Duration = Duration::from_secs(15 * 86_400);

/// A day of 24 hours, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// The proof that an instant is lawful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The zone in which the lawful hours end soonest.
    pub zone: Tz,
    /// How the zone is known.
    pub source: Source,
    /// The minute of the day in the zone.
    pub local_min: u16,
    /// The start of the lawful hours in the zone, in minutes since midnight.
    pub from_min: u16,
    /// The end of the lawful hours, in minutes since midnight.
    pub to_min: u16,
}

/// The facts that decide whether an instant is lawful.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The limits.
    pub policy: &'a Policy,
    /// Our hours.
    pub hours: WorkingTime<'a>,
    /// The zones where the customer may be.
    pub whereabouts: &'a Whereabouts,
    /// When the customer last contacted us: called, or asked for a call.
    pub contact_at: Option<UnixMs>,
}

/// Why an instant is not lawful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// We are closed.
    Closed,
    /// It is too early or too late where the customer may be.
    TooEarlyOrLate,
}

impl Window<'_> {
    /// Returns the proof that the customer may be called at `at`.
    ///
    /// # Errors
    /// [`Outside`] tells why the customer may not be called.
    pub fn lawful(&self, at: UnixMs) -> Result<Proof, Outside> {
        if !self.hours.is_open(at) {
            return Err(Outside::Closed);
        }
        let called_just_now = |limit: Duration| {
            self.contact_at.is_some_and(|contact| contact <= at && at.since(contact) <= limit)
        };
        let service = self.policy.profile == Profile::Service;
        if service && self.policy.recent_contact.is_some_and(called_just_now) {
            let zone = self.hours.zone();
            let local_min = minute(zone, at);
            return Ok(Proof { zone, source: Source::RecentContact, local_min, from_min: 0, to_min: 1440 });
        }
        let mut nearest: Option<(u16, Proof)> = None;
        for &zone in &self.whereabouts.zones {
            let proof = self.proof(zone, at).ok_or(Outside::TooEarlyOrLate)?;
            let left = proof.to_min - proof.local_min;
            if nearest.as_ref().is_none_or(|(least, _)| left < *least) {
                nearest = Some((left, proof));
            }
        }
        // Without any known zone there is no lawful hour.
        nearest.map(|(_, proof)| proof).ok_or(Outside::TooEarlyOrLate)
    }

    fn proof(&self, zone: Tz, at: UnixMs) -> Option<Proof> {
        let local_min = minute(zone, at);
        let (from_min, to_min) = self.hours_there(zone, at);
        let inside = (from_min..to_min).contains(&local_min);
        inside.then_some(Proof { zone, source: self.whereabouts.source, local_min, from_min, to_min })
    }

    /// Returns the lawful hours in a zone on the zone's own date at `at`.
    fn hours_there(&self, zone: Tz, at: UnixMs) -> Minutes {
        let date = civil_date(zone, at);
        // A date on which we have exceptional hours counts as a day of rest for the customer, too.
        let rest = is_day_of_rest(date, zone) || self.hours.differs(date);
        self.policy.inside(if rest { self.policy.weekends } else { self.policy.weekdays })
    }

    /// Returns the first lawful instant from `from` on, to the millisecond, or none if there is none in the days ahead.
    /// Lawful time begins only where our hours begin, where the lawful hours of one of the customer's zones begin, or
    /// where the customer calls. Between two such edges nothing changes, so no instant there is checked.
    #[must_use]
    pub fn next_lawful(&self, from: UnixMs) -> Option<UnixMs> {
        let end = from + AHEAD;
        let mut at = self.hours.next_open(from)?;
        while at < end {
            if self.lawful(at).is_ok() {
                return Some(at);
            }
            at = self.hours.next_open(self.next_edge(at)?)?;
        }
        None
    }

    /// Returns the next instant after `at` at which a call may become lawful: by the hour at the customer's place, or
    /// because the customer calls.
    fn next_edge(&self, at: UnixMs) -> Option<UnixMs> {
        let clocks = self.whereabouts.zones.iter().map(|zone| self.next_edge_of(*zone, at));
        clocks.chain(self.contact_at.filter(|contact| *contact > at)).min()
    }

    /// Returns the next instant after `at` at which a zone's lawful hours begin, its day begins, or its clocks change.
    fn next_edge_of(&self, zone: Tz, at: UnixMs) -> UnixMs {
        let offset = offset_ms(zone, at);
        let passed_ms = (at.0 + offset).rem_euclid(DAY_MS);
        let opens_ms = i64::from(self.hours_there(zone, at).0) * 60_000;
        let ahead_ms = if passed_ms < opens_ms { opens_ms } else { DAY_MS } - passed_ms;
        let edge = UnixMs(at.0 + ahead_ms);
        if offset_ms(zone, edge) == offset { edge } else { clock_change(zone, at, edge) }
    }
}

impl Policy {
    /// Whether an instant lies in the policy's hours by the clocks of a zone.
    #[must_use]
    pub fn covers(&self, zone: Tz, at: UnixMs) -> bool {
        let rest = is_day_of_rest(civil_date(zone, at), zone);
        let (from_min, to_min) = if rest { self.weekends } else { self.weekdays };
        (from_min..to_min).contains(&minute(zone, at))
    }
}

/// Returns how far a zone's clocks are ahead of UTC, in milliseconds.
fn offset_ms(zone: Tz, at: UnixMs) -> i64 {
    i64::from(at.utc().with_timezone(&zone).offset().fix().local_minus_utc()) * 1000
}

/// Returns when a zone's clocks change between two instants with different offsets.
fn clock_change(zone: Tz, mut before: UnixMs, mut after: UnixMs) -> UnixMs {
    let offset = offset_ms(zone, before);
    while after.0 - before.0 > 1 {
        let middle = UnixMs(i64::midpoint(before.0, after.0));
        if offset_ms(zone, middle) == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

/// Returns the minute of the day in a zone.
fn minute(zone: Tz, at: UnixMs) -> u16 {
    let local = at.utc().with_timezone(&zone);
    u16::try_from(local.hour() * 60 + local.minute()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::schedule::Schedule;
    use crate::calendar::schedule::tests::{any_schedule, at, schedule};

    fn window<'a>(policy: &'a Policy, hours: &'a Schedule, whereabouts: &'a Whereabouts) -> Window<'a> {
        Window { policy, hours: WorkingTime::new(Some(hours), Tz::UTC), whereabouts, contact_at: None }
    }

    fn of(number: &str) -> Whereabouts {
        Whereabouts::of(&number.parse().unwrap())
    }

    #[test]
    fn kamchatka_is_called_from_moscow_before_its_evening_ends() {
        // 9:00 in Moscow is 18:00 in Kamchatka; from 12:50 on it is too late.
        let (policy, kamchatka) = (Policy::of(Profile::Service), of("+74152123456"));
        let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
        let window = window(&policy, &moscow, &kamchatka);
        let proof = window.lawful(at("2026-11-23T09:00:00+03:00")).unwrap();
        assert_eq!((proof.zone, proof.local_min, proof.to_min), (Tz::Asia__Kamchatka, 18 * 60, 22 * 60 - 11));
        assert!(window.lawful(at("2026-11-23T12:48:00+03:00")).is_ok());
        assert_eq!(window.lawful(at("2026-11-23T12:50:00+03:00")), Err(Outside::TooEarlyOrLate));
        let tomorrow = window.next_lawful(at("2026-11-23T13:00:00+03:00"));
        assert_eq!(tomorrow, Some(at("2026-11-24T09:00:00+03:00")));
    }

    #[test]
    fn kaliningrad_has_no_summer_time() {
        let (policy, kaliningrad) = (Policy::of(Profile::Sales), of("+74012123456"));
        let early = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
        let window = window(&policy, &early, &kaliningrad);
        // 08:10 in Kaliningrad is 09:10 in Moscow, in July too.
        assert!(window.lawful(at("2026-07-15T09:09:00+03:00")).is_err());
        assert!(window.lawful(at("2026-07-15T09:10:00+03:00")).is_ok());
        assert_eq!(
            window.next_lawful(at("2026-07-15T00:00:00+03:00")),
            Some(at("2026-07-15T09:10:00+03:00"))
        );
    }

    #[test]
    fn an_unknown_mobile_is_called_when_all_of_russia_may_be_or_just_after_it_called() {
        let (policy, mobile) = (Policy::of(Profile::Service), of("+79001234567"));
        let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
        let quiet = window(&policy, &moscow, &mobile);
        // 06:10 to 09:49 UTC on weekdays: 08:10 in Kaliningrad, 21:49 in Kamchatka.
        assert!(quiet.lawful(at("2026-11-23T06:10:00Z")).is_ok());
        assert!(quiet.lawful(at("2026-11-23T09:48:00Z")).is_ok());
        assert!(quiet.lawful(at("2026-11-23T09:49:00Z")).is_err());
        let called = Window { contact_at: Some(at("2026-11-23T14:00:00Z")), ..quiet };
        let proof = called.lawful(at("2026-11-23T14:50:00Z")).unwrap();
        assert_eq!(proof.source, Source::RecentContact);
        assert!(called.lawful(at("2026-11-23T15:00:00Z")).is_err(), "we are closed");
        let debt = Policy::of(Profile::Debt);
        assert!(Window { policy: &debt, ..called }.lawful(at("2026-11-23T14:50:00Z")).is_err());
    }

    #[test]
    fn on_holidays_and_on_our_exceptional_dates_the_weekend_hours_apply_to_debts() {
        let (policy, moscow) = (Policy::of(Profile::Debt), of("+74951234567"));
        let always = ["mon-sun 00:00-24:00"];
        let shifted = schedule("Europe/Moscow", &always, &["2027-01-11 00:00-24:00"]);
        let window = window(&policy, &shifted, &moscow);
        let from = |date: &str, time: &str| at(&format!("{date}T{time}:00+03:00"));
        for (date, rest) in
            [("2027-01-08", true), ("2027-01-11", true), ("2027-01-12", false), ("2027-06-11", false)]
        {
            assert_eq!(window.lawful(from(date, "08:30")).is_err(), rest, "{date}");
            assert_eq!(window.lawful(from(date, "20:30")).is_err(), rest, "{date}");
            let first = if rest { "09:10" } else { "08:10" };
            assert_eq!(window.next_lawful(from(date, "00:00")), Some(from(date, first)), "{date}");
        }
    }

    #[test]
    fn a_window_of_one_minute_at_an_odd_time_is_found() {
        let always = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
        let policy = Policy {
            weekdays: (607, 619),
            weekends: (0, 0),
            margin: Duration::from_secs(250),
            ring: Duration::from_secs(61),
            ..Policy::of(Profile::Service)
        };
        let moscow = of("+74951234567");
        let window = window(&policy, &always, &moscow);
        // The lawful hours would begin at 10:12 (10:07 plus 5 minutes) and end at 10:12 (10:19 less 5 minutes, and 2
        // for the ringing). There are none; one minute more makes one.
        assert_eq!(window.next_lawful(at("2026-11-21T00:00:00+03:00")), None);
        let wider = Policy { weekdays: (607, 620), ..policy.clone() };
        let window = Window { policy: &wider, ..window };
        let monday = Some(at("2026-11-23T10:12:00+03:00"));
        assert_eq!(
            window.next_lawful(at("2026-11-20T10:13:00+03:00")),
            monday,
            "after a weekend without any"
        );
        assert_eq!(
            window.next_lawful(at("2026-11-23T10:12:59.999+03:00")),
            Some(at("2026-11-23T10:12:59.999+03:00"))
        );
    }

    #[test]
    fn a_change_of_the_clocks_opens_a_window_too() {
        // Berlin: on 2026-10-25 the clocks go from 03:00 back to 02:00; on 2026-03-29 they go from 02:00 to 03:00.
        let always = schedule("Europe/Berlin", &["mon-sun 00:00-24:00"], &[]);
        let policy = |weekends| Policy {
            weekends,
            margin: Duration::ZERO,
            ring: Duration::ZERO,
            ..Policy::of(Profile::Service)
        };
        let berlin = of("+493012345678");
        let next = |policy, from| window(&policy, &always, &berlin).next_lawful(at(from));
        let again = next(policy((60, 150)), "2026-10-25T02:45:00+02:00");
        assert_eq!(again, Some(at("2026-10-25T02:00:00+01:00")), "the hour comes twice");
        let skipped = next(policy((150, 200)), "2026-03-29T00:00:00+01:00");
        assert_eq!(
            skipped,
            Some(at("2026-03-29T03:00:00+02:00")),
            "the window opens in the hour that is left out"
        );
    }

    #[test]
    fn a_customer_without_a_known_zone_is_called_only_after_their_next_call() {
        let always = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
        let (policy, nowhere) = (Policy::of(Profile::Service), of("+12125551234"));
        let from = at("2026-11-23T03:00:00Z");
        let window = window(&policy, &always, &nowhere);
        assert_eq!(window.next_lawful(from), None);
        let called = Window { contact_at: Some(from + Duration::from_millis(1)), ..window };
        assert_eq!(called.next_lawful(from), called.contact_at);
    }

    proptest! {
        #[test]
        fn the_next_lawful_instant_is_lawful_and_none_before_it_is(
            schedule in any_schedule(), minute in 0u32..500_000,
            number in prop::sample::select(vec!["+74152123456", "+74951234567", "+79001234567", "+493012345678"]),
            margin_s in 0u64..2000, ring_s in 0u64..200, contact_min in prop::option::of(0u32..1440),
            weekdays in (0u16..1440, 1u16..300), weekends in (0u16..1440, 1u16..300),
        ) {
            let stretch = |(from, length): (u16, u16)| (from, (from + length).min(1440));
            let policy = Policy {
                margin: Duration::from_secs(margin_s), ring: Duration::from_secs(ring_s),
                weekdays: stretch(weekdays), weekends: stretch(weekends), ..Policy::of(Profile::Service)
            };
            let whereabouts = of(number);
            let from = at("2025-01-02T00:00:00Z") + Duration::from_secs(60) * minute;
            let contact_at = contact_min.map(|after| from + Duration::from_secs(60) * after);
            let window = Window { contact_at, ..window(&policy, &schedule, &whereabouts) };
            let next = window.next_lawful(from);
            if let Some(next) = next {
                prop_assert!(window.lawful(next).is_ok() && next >= from);
                let before = UnixMs(next.0 - 1);
                prop_assert!(next == from || window.lawful(before).is_err(), "{before} is lawful, {next} was found");
            }
            // Every minute before the result is checked, for three days.
            let end = next.unwrap_or(from + AHEAD).min(from + Duration::from_secs(3 * 86_400));
            let mut then = from;
            while then < end {
                prop_assert!(window.lawful(then).is_err(), "{then} is lawful, {next:?} was found");
                then = then + Duration::from_secs(60);
            }
        }
    }
}
