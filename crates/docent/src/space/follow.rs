//! From a commit to the moment at which it runs: stages and logs are followed, a runtime that stays on the old commit is
//! restarted, and every end has its reason.

use std::time::Duration;

use super::hub::{Hub, HubError, Runtime};
use super::log::Log;

/// Looks at a stage that does not move before it counts: right after a push the Hub still shows the old state.
const PATIENT_LOOKS: u32 = 12;

/// Lines of a log that are shown with a failure.
const LAST_LINES: usize = 20;

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The stage changed.
    Stage(String),
    /// A line of the build's or the container's log.
    Line(String),
    /// Something was done about a runtime that stays behind.
    Note(&'static str),
}

/// How it ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployed {
    /// The commit runs.
    Running,
    /// The commit is deployed, and asleep until the next request.
    Sleeping,
}

/// Why a commit does not run.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The Hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A stage that does not go on.
    #[error("the Space is {stage}{}{}; {}", reason.as_ref().map_or(String::new(), |text| format!(": {text}")), shown(log), remedy(stage))]
    Ended {
        /// As the Hub names it.
        stage: String,
        /// What the Hub says.
        reason: Option<String>,
        /// The last lines of the log.
        log: Vec<String>,
    },
    /// The stream of a log does not last.
    #[error("the Hub ends the log again and again; `docent space status` shows how the Space is")]
    Torn,
    /// What was read cannot be passed on.
    #[error("cannot print the log")]
    Output(#[source] std::io::Error),
    /// It still shows another commit.
    #[error(
        "the Space still runs another commit after a restart and a rebuild; look at its page, and deploy again"
    )]
    Stale,
    /// It takes too long.
    #[error("the Space is not ready after {} min, its stage is {stage}; `docent space status` shows how it goes on", .after.as_secs() / 60)]
    TimedOut {
        /// The last stage.
        stage: String,
        /// The limit.
        after: Duration,
    },
}

fn shown(log: &[String]) -> String {
    log.iter().map(|line| format!("\n  {line}")).collect::<String>() + if log.is_empty() { "" } else { "\n" }
}

/// What to do about a stage that does not go on.
pub fn remedy(stage: &str) -> &'static str {
    match stage {
        "BUILD_ERROR" => {
            "the last lines say which step failed; the old container goes on answering. `docent space logs --build` shows all"
        }
        "CONFIG_ERROR" => "the README's first lines are wrong; export again and leave them as they are",
        "NO_APP_FILE" => "the Dockerfile or the README's block is missing; deploy again",
        "RUNTIME_ERROR" => {
            "the container ended; `docent space logs` says why, often a variable that is wrong"
        }
        "PAUSED" => "only its owner can wake it: `docent space restart`",
        "STOPPED" => "start it with `docent space restart`",
        "DELETING" => "it is being deleted",
        _ => "look at the Space's page",
    }
}

/// How long and how often is looked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks.
    pub pause: Duration,
    /// In all.
    pub limit: Duration,
}

/// Waits until `commit` runs.
///
/// # Errors
/// See [`FollowError`].
pub async fn follow(
    hub: &Hub,
    id: &str,
    commit: &str,
    pace: Pace,
    mut tell: impl FnMut(Told),
) -> Result<Deployed, FollowError> {
    let began = tokio::time::Instant::now();
    let mut last = String::new();
    let (mut moved, mut looks, mut restarts) = (false, 0, 0);
    let mut seen = [0; 2];
    loop {
        let runtime = hub.runtime(id).await?;
        let stage = runtime.stage.clone();
        if stage != last {
            tell(Told::Stage(stage.clone()));
            last.clone_from(&stage);
            looks = 0;
        }
        looks += 1;
        let ours = runtime.sha.as_deref().map(|sha| sha == commit);
        match stage.as_str() {
            "BUILDING" | "RUNNING_BUILDING" | "APP_STARTING" | "RUNNING_APP_STARTING" => {
                moved = true;
                let place = usize::from(stage.ends_with("STARTING"));
                news(hub, id, place, &mut seen, pace.pause, &mut tell).await;
            }
            "RUNNING" | "SLEEPING" if ours == Some(true) || (ours.is_none() && moved) => {
                news(hub, id, 1, &mut seen, pace.pause, &mut tell).await;
                return Ok(if stage == "RUNNING" { Deployed::Running } else { Deployed::Sleeping });
            }
            "RUNNING" | "SLEEPING" if looks >= PATIENT_LOOKS => {
                if restarts == 2 {
                    return Err(FollowError::Stale);
                }
                tell(Told::Note(if restarts == 0 {
                    "it still runs another commit: restarting"
                } else {
                    "it still runs another commit: building again"
                }));
                hub.restart(id, restarts == 1).await?;
                (restarts, looks) = (restarts + 1, 0);
            }
            "RUNNING" | "SLEEPING" => {}
            stage
                if is_end(stage)
                    && (moved
                        || looks >= PATIENT_LOOKS
                        || (ours == Some(true) && stage != "NO_APP_FILE")) =>
            {
                return Err(ended(hub, id, runtime, pace.pause).await);
            }
            // New stages appear; what is not known is waited for.
            _ => {}
        }
        if began.elapsed() > pace.limit {
            return Err(FollowError::TimedOut { stage, after: pace.limit });
        }
        tokio::time::sleep(pace.pause).await;
    }
}

pub(super) fn is_end(stage: &str) -> bool {
    matches!(
        stage,
        "BUILD_ERROR" | "RUNTIME_ERROR" | "CONFIG_ERROR" | "NO_APP_FILE" | "PAUSED" | "STOPPED" | "DELETING"
    )
}

/// The log is replayed from its beginning at each look, so what was seen is skipped by count.
async fn news(
    hub: &Hub,
    id: &str,
    place: usize,
    seen: &mut [usize; 2],
    patience: Duration,
    tell: &mut impl FnMut(Told),
) {
    // A log that cannot be read must not end a deployment.
    let lines = hub.log(id, [Log::Build, Log::Container][place], patience).await.unwrap_or_default();
    let fresh = lines.iter().skip(seen[place]);
    fresh.for_each(|line| tell(Told::Line(line.text.clone())));
    seen[place] = seen[place].max(lines.len());
}

async fn ended(hub: &Hub, id: &str, runtime: Runtime, patience: Duration) -> FollowError {
    let log = if runtime.stage == "RUNTIME_ERROR" { Log::Container } else { Log::Build };
    let lines = hub.log(id, log, patience).await.unwrap_or_default();
    let cut = lines.len().saturating_sub(LAST_LINES);
    let log = lines.into_iter().skip(cut).map(|line| line.text).collect();
    FollowError::Ended { stage: runtime.stage, reason: runtime.error, log }
}
