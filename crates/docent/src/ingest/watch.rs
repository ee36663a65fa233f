//! A book that is being written: looked at again and again, and ingested anew whenever its files have changed.
//!
//! Files are compared by size and time of change at an interval, which works on every file system, in containers and
//! over a network, where notifications often do not arrive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corpus::{BookOptions, FolderState, folder_state};

use super::{IngestError, Pace, Plan, Progress, Report, plan};
use crate::retrieve::Embedder;

/// How often the files are looked at. A writer does not notice half a second; 2,000 files take some 10 ms.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks in a row that must see the same files before they are read: an editor or a checkout writes several.
const QUIET_LOOKS: usize = 1;

/// Looks after which a book is read although it never rests.
const MOST_LOOKS: usize = 10;

/// After a failure that a change of files does not cure, such as a spent quota, it is tried again this often.
const RETRY_EVERY: Duration = Duration::from_secs(60);

/// Watches the folders of one book.
pub struct Watch {
    book: PathBuf,
    options: BookOptions,
    index_file: PathBuf,
    /// Folders with their states when the book was last read.
    seen: Vec<(PathBuf, FolderState)>,
    pace: Option<Pace>,
    failed: bool,
}

impl Watch {
    /// Remembers what the book looks like now; made before the book is read, so that no edit is missed.
    ///
    /// Files beside the index file do not count.
    pub fn new(book: &Path, options: BookOptions, index_file: &Path) -> Self {
        let mut watch = Self {
            book: book.to_owned(),
            options,
            index_file: index_file.to_owned(),
            seen: Vec::new(),
            pace: None,
            failed: false,
        };
        watch.look_at(&[book.to_owned()]);
        watch
    }

    /// Embeds no faster than `pace`, all its ingests together; see [`super::Plan::paced`].
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Watches these folders as well: a site's configuration may name docs beside the book.
    pub fn look_at(&mut self, folders: &[PathBuf]) {
        for folder in folders {
            let real = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.clone());
            if !self.seen.iter().any(|(seen, _)| real.starts_with(seen)) {
                let state = folder_state(&real, self.index_file.parent());
                self.seen.push((real, state));
            }
        }
    }

    /// Reads the book and compares it with its index, as [`plan`] does.
    ///
    /// # Errors
    /// Those of [`plan`]; watching may go on.
    pub async fn plan(&mut self, embedder: &Embedder) -> Result<Plan, IngestError> {
        self.failed = true;
        let plan = plan(&self.book, &self.options, embedder, &self.index_file).await?;
        self.look_at(plan.folders());
        Ok(match &self.pace {
            Some(pace) => plan.paced(pace.clone()),
            None => plan,
        })
    }

    /// Brings the index up to date.
    ///
    /// # Errors
    /// Those of [`Plan::run`]; the old index stays, and watching may go on.
    pub async fn run(
        &mut self,
        plan: Plan,
        embedder: &Embedder,
        progress: &Progress,
    ) -> Result<Report, IngestError> {
        let report = plan.run(embedder, progress).await?;
        self.failed = false;
        Ok(report)
    }

    /// Waits until the book's files have changed and rest again, or until a failed ingest is due for another try.
    ///
    /// A book that changes without end is reported all the same after some seconds.
    pub async fn changed(&mut self) {
        let began = tokio::time::Instant::now();
        let (mut unrest, mut quiet) = (0, 0);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.look().await {
                unrest += 1;
                quiet = 0;
            } else if unrest > 0 {
                quiet += 1;
            }
            if quiet >= QUIET_LOOKS || unrest >= MOST_LOOKS {
                return;
            }
            if self.failed && unrest == 0 && began.elapsed() >= RETRY_EVERY {
                return;
            }
        }
    }

    /// Looks at the files; true when they differ from the last look.
    async fn look(&mut self) -> bool {
        let folders: Vec<PathBuf> = self.seen.iter().map(|(folder, _)| folder.clone()).collect();
        let data_folder = self.index_file.parent().map(Path::to_owned);
        let looked = tokio::task::spawn_blocking(move || {
            let state = |folder: PathBuf| {
                let state = folder_state(&folder, data_folder.as_deref());
                (folder, state)
            };
            folders.into_iter().map(state).collect::<Vec<_>>()
        });
        let Ok(now) = looked.await else { return false };
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}
