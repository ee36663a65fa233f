//! The stamp that every delta carries: its place, when it was sent, and when the request for it had been read.
//!
//! Grammar: `stamp = "#" place "," sent "," received "#"`, all decimal, times in microseconds of [`crate::clock`].
//! A stamp survives everything that Docent does to a model's text, so that whoever reads it at the other end can tell
//! how long it travelled.

use std::fmt;

/// What one delta says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its place in the answer, from 0.
    pub place: u64,
    /// When it was written to the connection.
    pub sent: u64,
    /// When the request that it answers had been read.
    pub received: u64,
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{},{},{}#", self.place, self.sent, self.received)
    }
}

/// All stamps in `text`, in order; what is no stamp is passed over.
pub fn stamps(text: &str) -> impl Iterator<Item = Stamp> {
    text.split('#').filter_map(|piece| {
        let mut numbers = piece.splitn(3, ',').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(place)), Some(Ok(sent)), Some(Ok(received))) => Some(Stamp { place, sent, received }),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_in_running_text() {
        let (one, two) =
            (Stamp { place: 0, sent: 5, received: 3 }, Stamp { place: 1, sent: 25_000, received: 3 });
        let check = |text: &str, expected: &[Stamp]| {
            assert_eq!(stamps(text).collect::<Vec<_>>(), expected, "{text}");
        };
        check(&format!("{one} lorem {two} ipsum"), &[one, two]);
        check(&format!("# a, b {one}"), &[one]);
        check("nothing", &[]);
        check("#1,2#", &[]);
    }
}
