//! Limits of requests per sender: in a window of time, in bounded memory; and at the same time. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::UnixMs;

/// Counts by key. For a key over the limit, tells how long until it may come again.
#[derive(Debug)]
pub struct Counts {
    most: u32,
    window: Duration,
    room: usize,
    windows: BTreeMap<String, (UnixMs, u32)>,
    /// Keys by the beginning of their windows; the oldest is forgotten first.
    ages: BTreeMap<(UnixMs, String), ()>,
}

impl Counts {
    /// Allows `most` per `window` for each of at most `room` keys.
    #[must_use]
    pub const fn new(most: u32, window: Duration, room: usize) -> Self {
        Self { most, window, room, windows: BTreeMap::new(), ages: BTreeMap::new() }
    }

    /// Counts one for a key.
    ///
    /// # Errors
    /// How long until the key may come again, if it is over the limit.
    pub fn take(&mut self, key: &str, now: UnixMs) -> Result<(), Duration> {
        self.take_of(key, self.most, now)
    }

    /// Counts one for each network of a sender. If one of them is over the limit, nothing is counted.
    ///
    /// # Errors
    /// How long until the sender may come again.
    pub fn take_sender(&mut self, sender: &Sender, now: UnixMs) -> Result<(), Duration> {
        for (place, network) in sender.0.iter().enumerate() {
            let most = self.most.saturating_mul(network.times);
            if let Err(wait) = self.take_of(&network.key, most, now) {
                sender.0.iter().take(place).for_each(|wider| self.give_back(&wider.key));
                return Err(wait);
            }
        }
        Ok(())
    }

    /// If one of the sender's networks has used up its share, returns how long its window still lasts. `share` gives
    /// the share of a network that counts as so many addresses.
    #[must_use]
    pub fn full(&self, sender: &Sender, share: impl Fn(u32) -> u32, now: UnixMs) -> Option<Duration> {
        let full = sender.0.iter().find(|network| self.taken(&network.key, now) >= share(network.times))?;
        Some(self.rest(&full.key, now).unwrap_or(self.window))
    }

    /// Takes back one for each network of a sender.
    pub fn give_sender_back(&mut self, sender: &Sender) {
        sender.0.iter().for_each(|network| self.give_back(&network.key));
    }

    fn take_of(&mut self, key: &str, most: u32, now: UnixMs) -> Result<(), Duration> {
        let begun = self.windows.get(key).copied();
        match begun {
            // A clock that was set back also begins a new window.
            Some((from, count)) if from <= now && now < from + self.window => {
                if count >= most {
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

    /// How many were counted for a key in its window.
    #[must_use]
    pub fn taken(&self, key: &str, now: UnixMs) -> u32 {
        self.current(key, now).map_or(0, |(_, count)| count)
    }

    /// How long the window of a key still lasts, if it has one.
    #[must_use]
    pub fn rest(&self, key: &str, now: UnixMs) -> Option<Duration> {
        self.current(key, now).map(|(from, _)| (from + self.window).since(now))
    }

    fn current(&self, key: &str, now: UnixMs) -> Option<(UnixMs, u32)> {
        let window = self.windows.get(key).copied();
        window.filter(|(from, _)| *from <= now && now < *from + self.window)
    }

    /// Takes back one for a key.
    pub fn give_back(&mut self, key: &str) {
        if let Some((_, count)) = self.windows.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The share of one sender of the total limit `most`, if a sender alone may have `own`, and all together have `taken`
/// already.
///
/// While less than half of `most` is taken, the share is `own`. Then it shrinks evenly down to one, so that senders of
/// few requests are still served when a few others have sent many.
#[must_use]
pub fn share(own: u32, most: u32, taken: u32) -> u32 {
    let (half, left) = (most / 2, most.saturating_sub(taken));
    if left >= half {
        return own;
    }
    let share = u64::from(own) * u64::from(left) / u64::from(half.max(1));
    u32::try_from(share).unwrap_or(own).max(1).min(own)
}

/// Limits how many of one network are present at the same time.
#[derive(Debug, Clone)]
pub struct Occupancy {
    most: usize,
    of_network: usize,
    here: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// One that is present now; dropping this ends the presence.
#[derive(Debug)]
pub struct Occupant {
    sender: Sender,
    here: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Occupancy {
    /// Allows `most` of each address at the same time, of `all` in total: a network never has more than half.
    #[must_use]
    pub fn new(most: usize, all: usize) -> Self {
        Self { most, of_network: (all / 2).max(most), here: Arc::default() }
    }

    /// Admits one more of a sender; none if one of its networks is at its limit.
    #[must_use]
    pub fn enter(&self, sender: Sender) -> Option<Occupant> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let most = |network: &Network| {
            let times = usize::try_from(network.times).unwrap_or(usize::MAX);
            self.most.saturating_mul(times).min(self.of_network)
        };
        if sender.0.iter().any(|network| here.get(&network.key).is_some_and(|count| *count >= most(network)))
        {
            return None;
        }
        for network in &sender.0 {
            *here.entry(network.key.clone()).or_default() += 1;
        }
        drop(here);
        Some(Occupant { sender, here: Arc::clone(&self.here) })
    }
}

impl Drop for Occupant {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        for network in &self.sender.0 {
            let Some(count) = here.get_mut(&network.key) else { continue };
            *count -= 1;
            if *count == 0 {
                here.remove(&network.key);
            }
        }
    }
}

/// The networks of a sender, the widest first; each is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Vec<Network>);

/// A network that may belong to one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    key: String,
    /// How many times the limit of one address it may have.
    times: u32,
}

/// IPv6 networks that a provider gives to one customer: their prefix lengths, and how many times the limit of one
/// address they may have. A host has all 2^64 addresses of the last; a rented server often comes with the first, which
/// holds 65,536 of the last.
const NETWORKS: [(u32, u32); 3] = [(48, 4), (56, 2), (64, 1)];

/// The sender at an address.
#[must_use]
pub fn sender(address: IpAddr) -> Sender {
    Sender(match address.to_canonical() {
        IpAddr::V4(address) => vec![Network { key: address.to_string(), times: 1 }],
        IpAddr::V6(address) => {
            let network = |(bits, times): (u32, u32)| {
                let start = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)));
                Network { key: format!("{start}/{bits}"), times }
            };
            NETWORKS.into_iter().map(network).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A key has exactly its limit in a window, whatever others do, and whatever is taken back.
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

    fn of(text: &str) -> Sender {
        sender(text.parse().unwrap())
    }

    #[test]
    fn at_one_time_there_are_so_many_of_a_key_and_who_left_makes_room() {
        let occupancy = Occupancy::new(2, 100);
        let enter = |address: &str| occupancy.enter(of(address));
        let (first, second) = (enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap());
        assert!(enter("192.0.2.1").is_none() && enter("192.0.2.2").is_some());
        drop(first);
        assert!(enter("192.0.2.1").is_some());
        drop(second);
        assert!(occupancy.here.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn one_network_is_one_sender() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        let keys: Vec<String> = of("2001:db8:1:2ab::1").0.into_iter().map(|network| network.key).collect();
        assert_eq!(keys, ["2001:db8:1::/48", "2001:db8:1:200::/56", "2001:db8:1:2ab::/64"]);
    }

    /// A rented server often has 65,536 networks of 64 bits.
    #[test]
    fn one_host_with_many_networks_is_no_crowd() {
        let mut counts = Counts::new(30, Duration::from_hours(1), 20_000);
        let occupancy = Occupancy::new(16, 64);
        let (mut taken, mut occupants) = (0, Vec::new());
        for n in 0..65_536_u32 {
            let address = of(&format!("2001:db8:1:{n:x}::1"));
            taken += u32::from(counts.take_sender(&address, UnixMs(0)).is_ok());
            occupants.extend(occupancy.enter(address));
        }
        assert_eq!((taken, occupants.len()), (4 * 30, 32));
        assert!(counts.windows.len() < 300, "what is refused is not kept: {}", counts.windows.len());
        let neighbour = of("2001:db8:2::1");
        assert!(
            counts.take_sender(&neighbour, UnixMs(0)).is_ok() && occupancy.enter(neighbour.clone()).is_some()
        );
        let half = counts.full(&neighbour, |times| times, UnixMs(0));
        assert_eq!(half, Some(Duration::from_hours(1)), "the narrowest has its share");
        counts.give_sender_back(&neighbour);
        assert_eq!(counts.full(&neighbour, |times| times, UnixMs(0)), None);
    }
}
