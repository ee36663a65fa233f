//! Two threads that encode one text together: each half of its tokens on one of them.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Looks at the other half's progress before the processor is given to somebody else: some ten microseconds, as long as
/// two halves of a question may be apart.
const SPINS: u32 = 1 << 10;

/// What both threads see.
#[derive(Default)]
pub(crate) struct Pair {
    /// What each half gave last and the time before: while one still reads, the other may be one exchange ahead.
    given: [[Mutex<Vec<f32>>; 2]; 2],
    /// Exchanges that each half has come to.
    reached: [AtomicUsize; 2],
}

/// One of the two threads.
pub(crate) struct Half<'a> {
    pair: &'a Pair,
    /// 0 for the first tokens, 1 for the others.
    number: usize,
}

impl Pair {
    pub(crate) fn halves(&self) -> [Half<'_>; 2] {
        [0, 1].map(|number| Half { pair: self, number })
    }
}

impl Half<'_> {
    /// Its tokens of so many.
    pub(super) fn part(&self, tokens: usize) -> Range<usize> {
        let middle = tokens.div_ceil(2);
        if self.number == 0 { 0..middle } else { middle..tokens }
    }

    /// Gives `mine`, waits for the other half's, and puts both into `all`, in the order of the tokens.
    ///
    /// # Panics
    /// When the other thread has: it would be waited for in vain.
    pub(super) fn exchange(&self, mine: &[f32], all: &mut Vec<f32>) {
        let turn = self.pair.reached[self.number].load(Ordering::Relaxed);
        let lock =
            |number: usize| self.pair.given[turn % 2][number].lock().unwrap_or_else(PoisonError::into_inner);
        let mut given = lock(self.number);
        given.clear();
        given.extend_from_slice(mine);
        drop(given);
        self.pair.reached[self.number].store(turn + 1, Ordering::Release);
        let other = &self.pair.reached[1 - self.number];
        let mut spins = 0;
        while other.load(Ordering::Acquire) <= turn {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        assert!(other.load(Ordering::Relaxed) < usize::MAX, "the other half of a text was given up");
        all.clear();
        [0, 1].into_iter().for_each(|number| all.extend_from_slice(&lock(number)));
    }
}

impl Drop for Half<'_> {
    /// Nobody waits for a thread that has panicked.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.pair.reached[self.number].store(usize::MAX, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Half, Pair};

    fn give(half: &Half<'_>, turns: std::ops::Range<u8>) -> Vec<Vec<f32>> {
        let mut all = Vec::new();
        turns
            .map(|turn| {
                half.exchange(&vec![f32::from(turn) + half.number as f32 / 2.0; half.number + 1], &mut all);
                all.clone()
            })
            .collect()
    }

    #[test]
    fn each_half_gets_both_parts_of_every_turn() {
        let pair = Pair::default();
        let [mine, other] = pair.halves();
        let expected: Vec<Vec<f32>> =
            (0..200).map(|turn| vec![turn as f32, turn as f32 + 0.5, turn as f32 + 0.5]).collect();
        std::thread::scope(|scope| {
            let other = scope.spawn(move || give(&other, 0..200));
            assert_eq!(give(&mine, 0..200), expected);
            assert_eq!(other.join().ok(), Some(expected.clone()));
        });
    }

    #[test]
    fn nobody_waits_for_a_half_that_was_given_up() {
        let pair = Pair::default();
        let [mine, other] = pair.halves();
        std::thread::scope(|scope| {
            let given_up = scope.spawn(move || {
                give(&other, 0..3);
                // Not `panic!`, whose message would look like a failure.
                std::panic::resume_unwind(Box::new("given up"));
            });
            let mine = scope.spawn(move || give(&mine, 0..4));
            assert!(mine.join().is_err());
            assert!(given_up.join().is_err());
        });
    }

    #[test]
    fn all_tokens_are_shared_out() {
        for tokens in 0..5 {
            let [first, second] = Pair::default().halves().map(|half| half.part(tokens));
            assert_eq!((first.start, first.end, second.end), (0, second.start, tokens));
        }
    }
}
