//! How many paid calls a day may have. A count in a small file outlives a restart, so that a program that ends and begins
//! again does not spend the day's allowance twice. Days are those of UTC.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The paid calls of today, and how many there may be.
#[derive(Debug)]
pub struct Allowance {
    limit: u32,
    file: Option<PathBuf>,
    used: Mutex<Option<(Date, u32)>>,
}

impl Allowance {
    /// At most `limit` calls a day, counted in `file`; 0 for no limit.
    pub fn new(limit: u32, file: Option<PathBuf>) -> Self {
        Self { limit, file, used: Mutex::default() }
    }

    /// Calls of today and the limit; `None` without one.
    pub fn today(&self) -> Option<(u32, u32)> {
        (self.limit > 0).then(|| (self.state(today()).map_or(0, |(_, used)| used), self.limit))
    }

    /// Counts one call; false when today's are used up.
    pub(crate) fn spend(&self) -> bool {
        self.limit == 0 || self.spend_on(today())
    }

    fn spend_on(&self, day: Date) -> bool {
        let mut state = self.state(day);
        let used = state.map_or(0, |(_, used)| used);
        if used >= self.limit {
            return false;
        }
        *state = Some((day, used + 1));
        self.write(day, used + 1);
        true
    }

    /// The count of `day`, from the file when this is the first look.
    fn state(&self, day: Date) -> MutexGuard<'_, Option<(Date, u32)>> {
        let mut state = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            *state = self.read();
        }
        if state.is_none_or(|(counted, _)| counted != day) {
            *state = Some((day, 0));
        }
        state
    }

    fn read(&self) -> Option<(Date, u32)> {
        let text = std::fs::read_to_string(self.file.as_ref()?).ok()?;
        let (day, used) = text.trim().split_once(' ')?;
        Some((day.parse().ok()?, used.parse().ok()?))
    }

    /// A dozen bytes; a count that cannot be written still holds until the program ends.
    fn write(&self, day: Date, used: u32) {
        let Some(file) = &self.file else { return };
        let beside = file.with_extension("new");
        let written =
            std::fs::write(&beside, format!("{day} {used}\n")).and_then(|()| std::fs::rename(&beside, file));
        if let Err(error) = written {
            tracing::debug!("{}: the count of paid calls cannot be written: {error}", file.display());
        }
    }
}

impl Default for Allowance {
    /// No limit.
    fn default() -> Self {
        Self::new(0, None)
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_many_calls_and_a_restart_gives_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("paid-calls");
        let day: Date = "2026-11-25".parse().expect("a day");
        let allowance = Allowance::new(3, Some(file.clone()));
        assert_eq!([allowance.spend_on(day), allowance.spend_on(day)], [true, true]);
        let restarted = Allowance::new(3, Some(file.clone()));
        assert_eq!([restarted.spend_on(day), restarted.spend_on(day)], [true, false]);
        assert!(restarted.spend_on(day.tomorrow().expect("a day")), "the next day is a new one");
        std::fs::write(&file, "rubbish").expect("written");
        assert!(Allowance::new(3, Some(file)).spend_on(day), "a damaged count begins anew");
        assert_eq!(Allowance::default().today(), None);
        assert!((0..1000).all(|_| Allowance::default().spend()));
    }
}
