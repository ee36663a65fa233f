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

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    /// Texts get their vectors.
    #[default]
    Embedding,
    /// Pages of a site are fetched.
    Fetching,
    /// Chunks are written to Qdrant.
    Writing,
}

impl Work {
    fn template(self) -> &'static str {
        match self {
            Self::Embedding => "embedding {bar:32} {pos}/{len} texts, {eta} left",
            Self::Fetching => "fetching {bar:32} {pos}/{len} pages known so far, {eta} left",
            Self::Writing => "writing to Qdrant {bar:32} {pos}/{len} chunks, {eta} left",
        }
    }

    fn done(self, done: usize, total: usize) -> String {
        match self {
            Self::Embedding => format!("embedded {done} of {total} texts"),
            Self::Fetching => format!("fetched {done} of {total} pages known so far"),
            Self::Writing => format!("wrote {done} of {total} chunks to Qdrant"),
        }
    }
}

/// State of [`Progress::Lines`].
#[derive(Default)]
pub struct Lines {
    work: Work,
    done: usize,
    total: usize,
    began: Option<Instant>,
    printed: Option<Instant>,
}

impl Progress {
    /// A bar when standard error is a terminal, lines otherwise.
    pub fn on_stderr() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar(ProgressBar::hidden())
        } else {
            Self::Lines(Mutex::default())
        }
    }

    pub(super) fn begin(&self, work: Work, total: usize) {
        match self {
            Self::Bar(bar) if total > 0 => {
                let style = ProgressStyle::with_template(work.template());
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.reset();
                bar.set_length(total as u64);
                bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            }
            Self::Lines(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    let now = Some(Instant::now());
                    *lines = Lines { work, total, done: 0, began: now, printed: now };
                }
            }
            _ => {}
        }
    }

    /// More work was found on the way.
    pub(super) fn set_total(&self, total: usize) {
        match self {
            Self::Bar(bar) => bar.set_length(total as u64),
            Self::Lines(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    lines.total = total;
                }
            }
            Self::Silent => {}
        }
    }

    pub(super) fn advance(&self, by: usize) {
        match self {
            Self::Bar(bar) => bar.inc(by as u64),
            Self::Lines(lines) => {
                let Ok(mut lines) = lines.lock() else { return };
                lines.done += by;
                if lines.printed.is_none_or(|printed| printed.elapsed() >= LINE_EVERY) {
                    eprintln!("{}{}", lines.work.done(lines.done, lines.total), lines.remaining());
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
