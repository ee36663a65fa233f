//! A log as it grows: lines are told as they arrive, a connection that breaks is made again without a line twice, and the
//! end of a build has its stage.

use std::io;
use std::time::Duration;

use super::follow::{FollowError, is_end};
use super::hub::{Hub, HubError};
use super::log::{Log, LogLine, LogStream};

/// The Hub sends something more often, if only to keep the connection open. After this silence it is made anew; the Hub's
/// own client waits as long.
const SILENCE: Duration = Duration::from_secs(120);

/// Connections in a row that end without a new line before it is given up.
const BARREN: u32 = 5;

/// A log that is read on, connection after connection, each line once: the Hub replays it from its beginning each time.
#[derive(Debug)]
pub(super) struct Reader {
    log: Log,
    /// The connection, and how many lines it brought.
    open: Option<(LogStream, usize)>,
    /// By the first line a log that began anew is known.
    first: Option<LogLine>,
    /// Lines that were read before.
    count: usize,
}

impl Reader {
    /// At the beginning of a log; nothing is sent yet.
    pub(super) fn of(log: Log) -> Self {
        Self { log, open: None, first: None, count: 0 }
    }

    /// Connects when there is no connection.
    pub(super) async fn open(&mut self, hub: &Hub, id: &str) -> Result<(), HubError> {
        if self.open.is_none() {
            self.open = Some((hub.log_stream(id, self.log).await?, 0));
        }
        Ok(())
    }

    /// The next new line; `None` when there is no connection any more. Nothing is lost when the future is dropped.
    pub(super) async fn line(&mut self) -> Option<String> {
        while let Some((stream, place)) = &mut self.open {
            let Some(line) = stream.next().await else { break };
            let at = *place;
            *place += 1;
            if at == 0 && self.first.as_ref() != Some(&line) {
                (self.first, self.count) = (Some(line.clone()), 0);
            }
            if at >= self.count {
                self.count += 1;
                return Some(line.text);
            }
        }
        self.open = None;
        None
    }

    /// Gives up a connection on which nothing comes any more.
    fn forget_silent(&mut self) {
        self.open.take_if(|(stream, _)| stream.silence() > SILENCE);
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
    let mut reader = Reader::of(log);
    let mut barren = 0;
    let last = loop {
        reader.open(hub, id).await?;
        tokio::select! {
            line = reader.line() => if let Some(line) = line {
                tell(&line).map_err(FollowError::Output)?;
                barren = 0;
                continue;
            } else {
                barren += 1;
            },
            () = tokio::time::sleep(pause) => {
                reader.forget_silent();
                barren = 0;
            }
        }
        let runtime = hub.runtime(id).await?;
        if is_over(log, &runtime.stage) {
            break runtime;
        }
        if barren == BARREN {
            return Err(FollowError::Torn);
        }
        if barren > 0 {
            tokio::time::sleep(pause).await;
        }
    };
    // The last lines may have come after the last look, or not at all.
    reader.open(hub, id).await?;
    while let Ok(Some(line)) = tokio::time::timeout(pause, reader.line()).await {
        tell(&line).map_err(FollowError::Output)?;
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
