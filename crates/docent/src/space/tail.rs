//! A log as it grows: lines are told as they arrive, a connection that breaks is made again without a line twice, and the
//! end of a build has its stage.

use std::io;
use std::time::Duration;

use super::follow::{FollowError, is_end};
use super::hub::Hub;
use super::log::{Log, LogLine};

/// The Hub sends something more often, if only to keep the connection open. After this silence it is made anew; the Hub's
/// own client waits as long.
const SILENCE: Duration = Duration::from_secs(120);

/// Connections in a row that end without a new line before it is given up.
const BARREN: u32 = 5;

/// What was told already: a log is replayed from its beginning at each connection.
#[derive(Debug, Default)]
struct Seen {
    /// By it a log that began anew is known.
    first: Option<LogLine>,
    /// Lines told.
    count: usize,
}

impl Seen {
    /// Whether `line`, the one at `place`, is new.
    fn is_new(&mut self, place: usize, line: &LogLine) -> bool {
        if place == 0 && self.first.as_ref() != Some(line) {
            *self = Self { first: Some(line.clone()), count: 0 };
        }
        let new = place >= self.count;
        self.count += usize::from(new);
        new
    }
}

/// Tells the lines of a log from its beginning until there will be no more: a build has ended, or a container has. `pause`
/// lies between two looks at the Space, which are taken while nothing comes, and before a broken connection is made again.
/// The last stage is returned when it is one to be content with.
///
/// # Errors
/// [`FollowError::Ended`] when build or container failed, [`FollowError::Hub`] when the Hub does not answer five times in a
/// row, [`FollowError::Torn`] when it ends the log as often, [`FollowError::Output`] from `tell`.
pub async fn tail(
    hub: &Hub,
    id: &str,
    log: Log,
    pause: Duration,
    mut tell: impl FnMut(&str) -> io::Result<()>,
) -> Result<String, FollowError> {
    let mut seen = Seen::default();
    let mut barren = 0;
    let last = loop {
        let mut stream = hub.log_stream(id, log).await?;
        let mut place = 0;
        barren += 1;
        let over = loop {
            tokio::select! {
                line = stream.next() => {
                    let Some(line) = line else { break None };
                    if seen.is_new(place, &line) {
                        tell(&line.text).map_err(FollowError::Output)?;
                        barren = 0;
                    }
                    place += 1;
                }
                () = tokio::time::sleep(pause) => {
                    let runtime = hub.runtime(id).await?;
                    if is_over(log, &runtime.stage) {
                        break Some(runtime);
                    }
                    barren = 0;
                    if stream.silence() > SILENCE {
                        break None;
                    }
                }
            }
        };
        let runtime = match over {
            Some(runtime) => runtime,
            None => hub.runtime(id).await?,
        };
        if is_over(log, &runtime.stage) {
            break runtime;
        }
        if barren == BARREN {
            return Err(FollowError::Torn);
        }
        tokio::time::sleep(pause).await;
    };
    // The last lines may have come after the last look, or not at all.
    for (place, line) in hub.log(id, log, pause).await?.iter().enumerate() {
        if seen.is_new(place, line) {
            tell(&line.text).map_err(FollowError::Output)?;
        }
    }
    if is_end(&last.stage) {
        return Err(FollowError::Ended { stage: last.stage, reason: last.error, log: Vec::new() });
    }
    Ok(last.stage)
}

/// Whether a log will not grow at this stage. While a build fails, the old container goes on.
fn is_over(log: Log, stage: &str) -> bool {
    match log {
        Log::Build => {
            is_end(stage) || ["RUNNING", "SLEEPING", "APP_STARTING", "RUNNING_APP_STARTING"].contains(&stage)
        }
        Log::Container => stage == "SLEEPING" || (is_end(stage) && stage != "BUILD_ERROR"),
    }
}
