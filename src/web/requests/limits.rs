//! How many requests one sender may make: counted in windows of time, in bounded memory; and how many at one time. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::UnixMs;

/// Counts by key. A key that comes too often is told when it may come again.
#[derive(Debug)]
pub struct Counts {
    most: u32,
    window: Duration,
    room: usize,
    windows: BTreeMap<String, (UnixMs, u32)>,
    /// Keys by the beginning of their windows: the oldest is forgotten first.
    ages: BTreeMap<(UnixMs, String), ()>,
}

impl Counts {
    /// Allows `most` in a `window` for each of at most `room` keys.
    #[must_use]
    pub const fn new(most: u32, window: Duration, room: usize) -> Self {
        Self { most, window, room, windows: BTreeMap::new(), ages: BTreeMap::new() }
    }

    /// Counts one more of a key.
    ///
    /// # Errors
    /// How long it is until the key may come again, when it has come too often.
    pub fn take(&mut self, key: &str, now: UnixMs) -> Result<(), Duration> {
        let begun = self.windows.get(key).copied();
        match begun {
            // A clock that was set back begins a new window, too.
            Some((from, count)) if from <= now && now < from + self.window => {
                if count >= self.most {
                    return Err((from + self.window).since(now));
                }
                self.windows.insert(key.to_owned(), (from, count + 1));
            }
            _ => {
                if let Some((from, _)) = begun {
                    self.ages.remove(&(from, key.to_owned()));
                }
                self.windows.insert(key.to_owned(), (now, 1));
                self.ages.insert((now, key.to_owned()), ());
            }
        }
        while self.windows.len() > self.room.max(1) {
            let Some(((_, oldest), ())) = self.ages.pop_first() else { break };
            self.windows.remove(&oldest);
        }
        Ok(())
    }

    /// How many were counted of a key in its window.
    #[must_use]
    pub fn taken(&self, key: &str, now: UnixMs) -> u32 {
        self.current(key, now).map_or(0, |(_, count)| count)
    }

    /// How long the window of a key still lasts; none if it has no window now.
    #[must_use]
    pub fn rest(&self, key: &str, now: UnixMs) -> Option<Duration> {
        self.current(key, now).map(|(from, _)| (from + self.window).since(now))
    }

    fn current(&self, key: &str, now: UnixMs) -> Option<(UnixMs, u32)> {
        let window = self.windows.get(key).copied();
        window.filter(|(from, _)| *from <= now && now < *from + self.window)
    }

    /// Counts one less of a key: what was taken is not to be counted to it after all.
    pub fn give_back(&mut self, key: &str) {
        if let Some((_, count)) = self.windows.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }
}

/// How many of `most` one sender may have who may have `own` of them alone, when all together have `taken` already.
///
/// Up to half of `most` everybody has `own`. Beyond it the share shrinks evenly, down to one: whoever has sent little is
/// still heard when a few who send much have reached their share.
#[must_use]
pub fn share(own: u32, most: u32, taken: u32) -> u32 {
    let (half, left) = (most / 2, most.saturating_sub(taken));
    if left >= half {
        return own;
    }
    let share = u64::from(own) * u64::from(left) / u64::from(half.max(1));
    u32::try_from(share).unwrap_or(own).max(1).min(own)
}

/// Who is there now, by key: at most so many of one key at one time.
#[derive(Debug, Clone)]
pub struct Crowd {
    most: usize,
    here: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// One that is there; it has left when this is dropped.
#[derive(Debug)]
pub struct Seat {
    key: String,
    here: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Crowd {
    /// Allows `most` of each key at one time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    /// Lets one more of a key in; none if there are as many as may be.
    #[must_use]
    pub fn enter(&self, key: String) -> Option<Seat> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(here);
        Some(Seat { key, here: Arc::clone(&self.here) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = here.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.key);
            }
        }
    }
}

/// What one sender is counted by: an IPv6 network of 64 bits belongs to one, an IPv4 address, too.
#[must_use]
pub fn sender(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever others do, and whatever is given back, a key has what it may have in a window, no more and no less.
        #[test]
        fn each_key_has_its_own(doings in prop::collection::vec((0..3_usize, any::<bool>(), 0..4_i64), 0..200)) {
            let (most, window) = (3, Duration::from_secs(10));
            let mut counts = Counts::new(most, window, 3);
            let mut known = [None; 3];
            let mut now = UnixMs(0);
            for (who, back, seconds) in doings {
                now = now + Duration::from_secs(seconds.unsigned_abs());
                let key = ["a", "b", "c"][who];
                let (from, count) = known[who].unwrap_or((now, 0_u32));
                if back {
                    counts.give_back(key);
                    known[who] = known[who].map(|_| (from, count.saturating_sub(1)));
                    continue;
                }
                let (from, count) = if now < from + window { (from, count) } else { (now, 0) };
                let taken = counts.take(key, now).is_ok();
                prop_assert_eq!(taken, count < most, "{} at {:?}", key, now);
                known[who] = Some((from, count + u32::from(taken)));
            }
        }
    }

    #[test]
    fn a_key_comes_as_often_as_it_may_and_again_later() {
        let mut counts = Counts::new(2, Duration::from_secs(10), 100);
        let at = |s: i64| UnixMs(s * 1000);
        assert_eq!([counts.take("a", at(0)), counts.take("a", at(1)), counts.take("b", at(1))], [Ok(()); 3]);
        assert_eq!(counts.take("a", at(4)), Err(Duration::from_secs(6)));
        assert_eq!(counts.take("a", at(10)), Ok(()));
        assert_eq!(counts.take("a", at(5)), Ok(()), "the clock was set back");
    }

    #[test]
    fn a_flood_of_keys_takes_no_memory() {
        let mut counts = Counts::new(1, Duration::from_hours(1), 10);
        for n in 0..10_000_i64 {
            assert_eq!(counts.take(&format!("{n}"), UnixMs(n)), Ok(()));
        }
        assert_eq!((counts.windows.len(), counts.ages.len()), (10, 10));
        assert!(counts.take("9999", UnixMs(10_000)).is_err(), "the newest are still known");
        assert_eq!(counts.take("0", UnixMs(10_000)), Ok(()), "the oldest are forgotten");
    }

    #[test]
    fn few_who_send_much_leave_something_for_everybody_else() {
        let (own, most) = (30, 1000);
        let mut taken = [0_u32; 34];
        let mut all = 0;
        while let Some(count) = taken.iter_mut().find(|count| **count < share(own, most, all)) {
            *count += 1;
            all += 1;
        }
        assert!((500..850).contains(&all), "34 addresses take {all}");
        assert!(share(own, most, all) >= 10, "{}", share(own, most, all));
        assert_eq!([share(30, 1000, 0), share(30, 1000, 500), share(30, 1000, 999)], [30, 30, 1]);
        assert_eq!([share(30, 1, 0), share(1, 3, 2), share(0, 10, 0)], [30, 1, 0]);
    }

    #[test]
    fn at_one_time_there_are_so_many_of_a_key_and_who_left_makes_room() {
        let crowd = Crowd::new(2);
        let enter = |key: &str| crowd.enter(key.to_owned());
        let (first, second) = (enter("a").unwrap(), enter("a").unwrap());
        assert!(enter("a").is_none() && enter("b").is_some());
        drop(first);
        assert!(enter("a").is_some());
        drop(second);
        assert!(crowd.here.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn one_network_is_one_sender() {
        let of = |text: &str| sender(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
