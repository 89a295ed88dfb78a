//! Hours that a person sets for a while: open or closed until an instant, whatever the schedule says.

use chrono_tz::Tz;

use crate::clock::UnixMs;

/// What a person set. It ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// Whether the schedule is open.
    pub open: bool,
    /// When it was set.
    pub from: UnixMs,
    /// When it ends.
    pub until: UnixMs,
    /// Who set it.
    pub by: String,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

impl Manual {
    /// Whether it holds at an instant.
    #[must_use]
    pub fn holds(&self, at: UnixMs) -> bool {
        self.from <= at && at < self.until
    }

    /// Says what was set, such as `closed by hand until 15:00 by maria: stocktaking`.
    #[must_use]
    pub fn says(&self, zone: Tz) -> String {
        let state = if self.open { "open" } else { "closed" };
        let until = self.until.utc().with_timezone(&zone).format("%Y-%m-%d %H:%M %Z");
        let by = &self.by;
        match &self.reason {
            Some(reason) => format!("{state} by hand until {until} by {by}: {reason}"),
            None => format!("{state} by hand until {until} by {by}"),
        }
    }

    /// Changes the shifts of a date; `day` is its beginning and end. Hours that are added belong to the date on which they
    /// are, so that a business day stays a day.
    pub(super) fn applied_to(
        &self,
        shifts: Vec<(UnixMs, UnixMs)>,
        day: Option<(UnixMs, UnixMs)>,
    ) -> Vec<(UnixMs, UnixMs)> {
        let mut all: Vec<(UnixMs, UnixMs)> = if self.open {
            let added = day.map(|(begins, ends)| (begins.max(self.from), ends.min(self.until)));
            shifts.into_iter().chain(added).collect()
        } else {
            let parts = |(opens, closes): (UnixMs, UnixMs)| {
                [(opens, closes.min(self.from)), (opens.max(self.until), closes)]
            };
            shifts.into_iter().flat_map(parts).collect()
        };
        all.retain(|(opens, closes)| opens < closes);
        all.sort_unstable();
        all
    }
}
