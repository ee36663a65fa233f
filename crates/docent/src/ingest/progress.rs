//! How far an ingest is: a bar in a terminal, plain lines elsewhere, nothing when nobody looks.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows progress on standard error.
pub enum Progress {
    /// A bar that redraws itself.
    Bar(ProgressBar),
    /// A line now and then.
    Lines(Mutex<Lines>),
    /// Nothing.
    Silent,
}

/// State of [`Progress::Lines`].
#[derive(Default)]
pub struct Lines {
    done: usize,
    total: usize,
    began: Option<Instant>,
    printed: Option<Instant>,
}

impl Progress {
    /// A bar when standard error is a terminal, lines otherwise.
    pub fn on_stderr() -> Self {
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("embedding {bar:32} {pos}/{len} texts, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            Self::Bar(ProgressBar::hidden().with_style(style))
        } else {
            Self::Lines(Mutex::default())
        }
    }

    pub(super) fn begin(&self, total: usize) {
        match self {
            Self::Bar(bar) if total > 0 => {
                bar.set_length(total as u64);
                bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            }
            Self::Lines(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    *lines =
                        Lines { total, done: 0, began: Some(Instant::now()), printed: Some(Instant::now()) };
                }
            }
            _ => {}
        }
    }

    pub(super) fn advance(&self, by: usize) {
        match self {
            Self::Bar(bar) => bar.inc(by as u64),
            Self::Lines(lines) => {
                let Ok(mut lines) = lines.lock() else { return };
                lines.done += by;
                if lines.printed.is_none_or(|printed| printed.elapsed() >= LINE_EVERY) {
                    eprintln!("embedded {} of {} texts{}", lines.done, lines.total, lines.remaining());
                    lines.printed = Some(Instant::now());
                }
            }
            Self::Silent => {}
        }
    }

    /// The provider has asked for a wait.
    pub(super) fn waits(&self, wait: Duration) {
        let words = format!("the quota of the minute is spent: waiting {} s", wait.as_secs_f64().ceil());
        match self {
            Self::Bar(bar) => bar.println(words),
            Self::Lines(_) => eprintln!("{words}"),
            Self::Silent => {}
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    /// The time that the rest will take at the speed so far.
    fn remaining(&self) -> String {
        match self.began {
            Some(began) if self.done > 0 && self.done < self.total => {
                let left = began.elapsed().as_secs_f64() / self.done as f64 * (self.total - self.done) as f64;
                format!(", about {} s left", left.ceil())
            }
            _ => String::new(),
        }
    }
}
