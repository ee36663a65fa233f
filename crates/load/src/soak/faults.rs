//! What goes wrong during a soak, at random: each service has a loop of its own, so that any of them may be away
//! together, and Docent itself is ended and started again in the first third.

use std::time::Duration;

use doubles::{Fault, GeminiDouble, Operation, Pace, Planned, QdrantDouble, Quota};
use tokio::time::{Instant, sleep, sleep_until};

use super::gate::{Gate, Mode};
use super::postgres::Postgres;
use super::{Dice, World};

/// How fast the double of the model writes.
const PACE: Pace = Pace { first_ms: 20, between_ms: 5, words: 3 };

/// Milliseconds without fault of one service, at most: long enough that a model that rests for 30 seconds comes back.
const LONGEST_PAUSE_MS: usize = 25_000;

/// Docent is ended at least this often apart.
const BETWEEN_ENDS: Duration = Duration::from_secs(8);

/// A start that takes longer has failed; the services may all be away meanwhile.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// Switches faults of the model's service on and off.
pub async fn of_gemini(gemini: &GeminiDouble, end: Instant, mut dice: Dice, world: &World) {
    gemini.set_pace(PACE);
    while Instant::now() < end {
        let (name, fault) = match dice.below(14) {
            0 => ("429 of the minute", Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 1500 }),
            1 => ("503", Fault::Status { code: 503 }),
            2 => ("500", Fault::Status { code: 500 }),
            3 => ("silence", Fault::Hang),
            4 => ("cut in the middle", Fault::Cut { after: 2 }),
            5 => ("silence in the middle", Fault::HangAfter { after: 2 }),
            6 => ("error event in the middle", Fault::ErrorEvent { after: 1, code: 503 }),
            7 => ("blocked prompt", Fault::BlockedPrompt { reason: "SAFETY".into() }),
            8 => ("only thinking", Fault::MaxTokensAfterThinking),
            9 => ("wrong key", Fault::BadKey),
            10 => ("cut answer", Fault::Finish { reason: "MAX_TOKENS".into() }),
            11 => ("no embeddings", Fault::Status { code: 503 }),
            12 => ("embeddings of a wrong length", Fault::WrongDimensions),
            _ => ("not there", Fault::Hang),
        };
        world.count_fault("gemini", name);
        let on = Duration::from_millis(500 + dice.below(3500) as u64);
        if name == "not there" {
            gemini.refuse_connections();
            sleep(on).await;
            if let Err(error) = gemini.accept_connections().await {
                world.wrong(format!("the double lost its port: {error}"));
                return;
            }
        } else {
            let planned = Planned::new(fault).always();
            gemini.plan(if name == "no embeddings" { planned.on(Operation::Embed) } else { planned });
            sleep(on).await;
        }
        gemini.reset();
        gemini.set_pace(PACE);
        pause(&mut dice, end).await;
    }
    gemini.reset();
    gemini.set_pace(PACE);
}

/// Switches faults of the vector database on and off.
pub async fn of_qdrant(qdrant: &QdrantDouble, end: Instant, mut dice: Dice, world: &World) {
    let page = || Fault::Raw { status: 200, content_type: "text/html".into(), body: "<html>".into() };
    while Instant::now() < end {
        let (name, fault) = match dice.below(7) {
            0 => ("suspended", Fault::Suspended),
            1 => ("wrong key", Fault::BadKey),
            2 => ("503", Fault::Status { code: 503 }),
            3 => ("429", Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 1000 }),
            4 => ("a page of a proxy", page()),
            5 => ("silence", Fault::Hang),
            _ => ("not there", Fault::Hang),
        };
        world.count_fault("qdrant", name);
        let on = Duration::from_millis(500 + dice.below(6000) as u64);
        if name == "not there" {
            qdrant.refuse_connections();
            sleep(on).await;
            if let Err(error) = qdrant.accept_connections().await {
                world.wrong(format!("the double lost its port: {error}"));
                return;
            }
        } else {
            qdrant.plan(Planned::new(fault).always());
            sleep(on).await;
        }
        qdrant.control().reset();
        pause(&mut dice, end).await;
    }
}

/// Cuts, silences and kills the database.
pub async fn of_postgres(postgres: &mut Postgres, gate: &Gate, end: Instant, mut dice: Dice, world: &World) {
    while Instant::now() < end {
        pause(&mut dice, end).await;
        let on = Duration::from_millis(500 + dice.below(6000) as u64);
        match dice.below(3) {
            0 => {
                world.count_fault("postgres", "connections cut");
                gate.set(Mode::Cut);
                sleep(on).await;
            }
            1 => {
                world.count_fault("postgres", "silence");
                gate.set(Mode::Silent);
                sleep(on).await;
            }
            _ => {
                world.count_fault("postgres", "killed");
                postgres.kill().await;
                sleep(on).await;
                if let Err(error) = postgres.go_on().await {
                    world.wrong(error);
                    return;
                }
            }
        }
        gate.set(Mode::Open);
    }
}

/// Ends Docent by SIGKILL or SIGTERM and starts it again, until `end`.
pub async fn of_docent(end: Instant, mut dice: Dice, world: &World) {
    loop {
        let next = Instant::now() + BETWEEN_ENDS + Duration::from_millis(dice.below(20_000) as u64);
        if next >= end {
            break;
        }
        sleep_until(next).await;
        let ended = if dice.below(4) == 0 {
            world.count_fault("docent", "SIGTERM");
            world.terminate().await
        } else {
            world.count_fault("docent", "SIGKILL");
            world.kill();
            Ok(())
        };
        if let Err(error) = ended {
            world.wrong(format!("SIGTERM: {error}"));
        }
        if let Err(error) = world.start_again(START_PATIENCE).await {
            world.wrong(format!("after a restart: {error}"));
            return;
        }
    }
}

/// A while without fault, but not past the end.
async fn pause(dice: &mut Dice, end: Instant) {
    let until = Instant::now() + Duration::from_millis(500 + dice.below(LONGEST_PAUSE_MS) as u64);
    sleep_until(until.min(end)).await;
}
