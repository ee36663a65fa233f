//! What the tests share: a running server, books, streams read as events, raw connections, and the program as a process.

mod disk;
mod postgres;
mod process;
mod raw;
mod server;
mod site;
mod stream;

pub use disk::Disk;
pub use postgres::{Postgres, free_port};
pub use process::{Output, Running, docent, run};
pub use raw::raw;
pub use server::{Setup, TestServer};
pub use site::Site;
pub use stream::{Transcript, frames_of};

use std::path::Path;
use std::time::Duration;

/// How long a test waits for something that must happen. Far above what it takes; it only turns a hang into a failure.
pub const CAP: Duration = Duration::from_secs(30);

/// A small book: file, Markdown.
pub type Pages = &'static [(&'static str, &'static str)];

/// A book about motors: two pages that answer different questions.
pub const MOTORS: Pages = &[
    (
        "docs/motors.md",
        "# Motors\n\nA motor turns current into motion.\n\n## Torque\n\nThe torque of a motor is measured in newton \
         metres. A longer lever needs less force for the same torque.\n\n## Speed\n\nThe speed of a motor is measured \
         in revolutions per minute.\n",
    ),
    (
        "docs/wheels.md",
        "# Wheels\n\nWheels carry the robot.\n\n## Tyres\n\nRubber tyres grip wet concrete better than plastic tyres \
         do.\n\n## Bearings\n\nBall bearings need grease once every season.\n",
    ),
];

/// A question that [`MOTORS`] answers, with all of its words in one sentence.
pub const QUESTION: &str = "How is the torque of a motor measured?";

/// Writes a book into `folder`.
pub fn write_book(folder: &Path, pages: &[(&str, &str)]) {
    for (file, markdown) in pages {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder for the page");
        std::fs::write(path, markdown).expect("the page is written");
    }
}

/// Waits for `future`, but not for ever.
pub async fn within_cap<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(CAP, future).await.unwrap_or_else(|_| panic!("{what} did not happen within {CAP:?}"))
}

/// Asks again and again until `look` finds something, but not for ever.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    within_cap(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
