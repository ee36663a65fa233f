//! Mixed questions for minutes while every service fails at random and Docent itself is killed and started again: every
//! stream must end as documented, every accepted message must be in the store once, and memory must stay flat. The seed
//! fixes which faults come and what is asked.

mod faults;
mod gate;
mod ledger;
mod postgres;
mod readers;
mod report;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use doubles::{GeminiDouble, QdrantDouble};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use self::gate::{Gate, Mode};
use self::ledger::{Accepted, Stored, compare, stored};
use self::postgres::Postgres;
use self::readers::STUCK;
use self::report::Seen;
use self::wire::{ask, get, status};
use crate::program::{Program, Setup, free_address};
use crate::{Common, QUESTIONS, temporary_folder};

/// Seconds that one answer may take in all: short, so that silence costs the soak little.
const ANSWER_SECONDS: u64 = 6;

/// Memory and health are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When everything is back, the outbox must be empty and health well within this time: longer than any pause that the
/// manual names for a service that was away.
const RECOVERY: Duration = Duration::from_secs(150);

/// How long, how many readers, and which seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long.
    pub takes: Duration,
    /// Readers that ask one question after the other.
    pub readers: usize,
    /// Decides faults and questions.
    pub seed: u64,
}

/// A small generator (xorshift): the same seed, the same soak.
struct Dice(u64);

impl Dice {
    /// The dice of one of those who throw them.
    fn of(seed: u64, who: u64) -> Self {
        Self(seed.wrapping_mul(2_654_435_761).wrapping_add(who) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// The program under test, what readers saw, and what was accepted.
struct World {
    /// Where Docent listens, in all its lives.
    address: SocketAddr,
    setup: Setup,
    program: RefCell<Option<Program>>,
    /// Docent is being ended or is not ready yet.
    down: Cell<bool>,
    /// How often it was ended, and how often of that by SIGKILL.
    ends: Cell<u64>,
    kills: Cell<u64>,
    seen: RefCell<Seen>,
    asked: RefCell<BTreeSet<String>>,
    accepted: RefCell<Vec<Accepted>>,
}

/// Runs the soak; true when nothing was wrong.
pub async fn run(common: &Common, plan: Plan) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let (gemini, qdrant) = (GeminiDouble::start().await, QdrantDouble::start().await);
    let mut postgres = Postgres::start().await?;
    let gate = match &postgres {
        Some(postgres) => Some(Gate::before(postgres.address).await.map_err(|error| error.to_string())?),
        None => None,
    };
    let mut setup = common.setup(folder.path().join("data"));
    let mut set = |name: &str, value: String| setup.more.push((name.to_owned(), value));
    set("GEMINI_API_KEY", gemini.key().to_owned());
    set("DOCENT_GEMINI_BASE_URL", gemini.base_url());
    set("DOCENT_EMBEDDINGS_PER_MINUTE", "0".to_owned());
    set("QDRANT_URL", qdrant.base_url());
    set("QDRANT_API_KEY", qdrant.key().to_owned());
    set("DOCENT_ANSWER_TIMEOUT", ANSWER_SECONDS.to_string());
    // So that what is kept for resuming is soon as much as it will ever be.
    set("DOCENT_RESUME_SECONDS", "5".to_owned());
    set("DOCENT_CONVERSATION_LIMIT", "0".to_owned());
    set("LOG_LEVEL", "error".to_owned());
    // As in the image of a Space.
    set("MALLOC_ARENA_MAX", "2".to_owned());
    set("MALLOC_TRIM_THRESHOLD_", "131072".to_owned());
    if let Some(gate) = &gate {
        set("DATABASE_URL", Postgres::url(gate.address));
    }
    let world = Rc::new(World::start(setup).await?);
    world.seen.borrow_mut().postgres = postgres.is_some();
    world.until("the copy in Qdrant", RECOVERY, async || !qdrant.collections().is_empty()).await?;

    let began = Instant::now();
    let (end, last_restart) = (began + plan.takes, began + plan.takes / 3);
    let dice = |who: u64| Dice::of(plan.seed, who);
    let local = tokio::task::LocalSet::new();
    for reader in 0..plan.readers {
        let dice = dice(100 + reader as u64);
        local.spawn_local(readers::read_on(reader, end, dice, Rc::clone(&world)));
    }
    let of_database = async {
        if let (Some(postgres), Some(gate)) = (&mut postgres, &gate) {
            faults::of_postgres(postgres, gate, end, dice(3), &world).await;
        }
    };
    local
        .run_until(async {
            tokio::join!(
                faults::of_gemini(&gemini, end, dice(1), &world),
                faults::of_qdrant(&qdrant, end, dice(2), &world),
                of_database,
                faults::of_docent(last_restart, dice(4), &world),
                watch(&world, end),
            )
        })
        .await;
    if timeout(STUCK * 2, local).await.is_err() {
        world.wrong("readers were still waiting long after the end".to_owned());
    }
    if let Some(gate) = &gate {
        gate.set(Mode::Open);
    }
    let recovered = Instant::now();
    if let Err(error) =
        world.until("health is well again", RECOVERY, || world.is_well_after_a_question()).await
    {
        let health = get(world.address, "/api/health").await;
        world.wrong(format!("{error}: {health:?}"));
    }
    world.seen.borrow_mut().recovery_seconds = recovered.elapsed().as_secs_f64();
    world.look_into_the_store(postgres.as_ref()).await;
    let program = world.program.take();
    if let Some(program) = program {
        let complaints = program.complaints();
        complaints
            .iter()
            .filter(|line| line.contains("panicked"))
            .for_each(|line| world.wrong(format!("log: {line}")));
        if let Err(error) = program.stop() {
            world.wrong(error);
        }
    }
    let mut seen = world.seen.take();
    seen.check_memory();
    report::print(common, plan, &seen);
    Ok(seen.wrong.is_empty())
}

/// Looks at memory and health.
async fn watch(world: &World, end: Instant) {
    while Instant::now() < end {
        sleep(LOOK_EVERY).await;
        let ends = world.ends.get();
        if world.down.get() {
            continue;
        }
        if let Some(program) = &*world.program.borrow() {
            world.seen.borrow_mut().resident(program.usage().resident);
        }
        let health = get(world.address, "/api/health").await;
        if world.down.get() || world.ends.get() != ends {
            continue;
        }
        match health {
            Ok((code @ (200 | 503), body)) => {
                let status = body["status"].as_str().unwrap_or("?");
                let fits = (code == 200) == (status == "healthy");
                if !fits || !["healthy", "degraded", "unhealthy"].contains(&status) {
                    world.wrong(format!("health: {code} {body}"));
                }
                let away = body["failed_services"].as_array().map_or(0, Vec::len);
                world.seen.borrow_mut().count_health(status, away);
            }
            other => world.wrong(format!("health: {other:?}")),
        }
    }
}

impl World {
    /// Starts Docent and waits until it is healthy, with all services there.
    async fn start(setup: Setup) -> Result<Self, String> {
        let address = free_address().map_err(|error| format!("no free port: {error}"))?;
        let world = Self {
            address,
            setup,
            program: RefCell::default(),
            down: Cell::new(true),
            ends: Cell::default(),
            kills: Cell::default(),
            seen: RefCell::default(),
            asked: RefCell::default(),
            accepted: RefCell::default(),
        };
        world.start_again(RECOVERY).await?;
        Ok(world)
    }

    /// Starts Docent on the same port and data, and waits until it answers questions.
    async fn start_again(&self, patience: Duration) -> Result<(), String> {
        *self.program.borrow_mut() = Some(Program::launch(&self.setup, self.address)?);
        self.until("Docent is ready", patience, async || status(self.address, "/readyz").await == 200)
            .await?;
        self.seen.borrow_mut().begin_life();
        self.down.set(false);
        Ok(())
    }

    fn kill(&self) {
        self.down.set(true);
        self.ends.set(self.ends.get() + 1);
        self.kills.set(self.kills.get() + 1);
        // Dropping it kills it.
        self.program.take();
    }

    async fn terminate(&self) -> Result<(), String> {
        self.down.set(true);
        self.ends.set(self.ends.get() + 1);
        let Some(program) = self.program.take() else { return Ok(()) };
        // It waits for its child, and the doubles live on this thread.
        tokio::task::spawn_blocking(move || program.stop()).await.map_err(|error| error.to_string())?
    }

    /// Looks again and again.
    async fn until(
        &self,
        what: &str,
        patience: Duration,
        mut look: impl AsyncFnMut() -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        while !look().await {
            if let Some(words) = self.program.borrow_mut().as_mut().and_then(Program::ended) {
                return Err(format!("{what}: the program ended: {words}"));
            }
            if began.elapsed() > patience {
                return Err(format!("{what}: not within {patience:?}"));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// A service that was away counts as away until it is used: asks a question, then looks at health.
    async fn is_well_after_a_question(&self) -> bool {
        // Written like the others: one that the book refuses would never reach the model.
        let question = format!("{} [{}.0]", QUESTIONS[0], self.asked.borrow().len());
        self.asked(&question);
        ask(self.address, &json!({ "message": question }), None).await;
        sleep(Duration::from_secs(1)).await;
        get(self.address, "/api/health").await.is_ok_and(|(code, _)| code == 200)
    }

    /// Compares the ledger with the store, once everything had time to arrive.
    async fn look_into_the_store(&self, postgres: Option<&Postgres>) {
        let (accepted, asked) = (self.accepted.borrow().clone(), self.asked.borrow().clone());
        let began = Instant::now();
        loop {
            let rows = match postgres {
                Some(postgres) => rows_of(postgres),
                None => self.rows_over_http(&accepted).await,
            };
            let wrong = rows.map_or_else(|error| vec![error], |rows| compare(&accepted, &asked, &rows));
            if wrong.is_empty() || began.elapsed() > RECOVERY {
                let mut seen = self.seen.borrow_mut();
                seen.accepted = accepted.len() as u64;
                seen.wrong.extend(wrong);
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn rows_over_http(&self, accepted: &[Accepted]) -> Result<Vec<Stored>, String> {
        let conversations: BTreeSet<&String> = accepted.iter().map(|one| &one.conversation).collect();
        let mut rows = Vec::new();
        for conversation in conversations {
            let (_, mut body) = get(self.address, &format!("/api/conversation/{conversation}")).await?;
            for message in body["messages"].as_array_mut().into_iter().flatten() {
                message["conversation_id"] = conversation.as_str().into();
            }
            rows.extend(stored(&body["messages"]));
        }
        Ok(rows)
    }

    fn is_down(&self) -> bool {
        self.down.get()
    }

    fn ends_and_kills(&self) -> (u64, u64) {
        (self.ends.get(), self.kills.get())
    }

    fn asked(&self, question: &str) {
        self.asked.borrow_mut().insert(question.to_owned());
    }

    fn accepted(&self, accepted: Accepted) {
        self.accepted.borrow_mut().push(accepted);
    }

    fn wrong(&self, words: String) {
        self.seen.borrow_mut().wrong.push(words);
    }

    fn count_fault(&self, service: &str, name: &str) {
        *self.seen.borrow_mut().faults.entry(format!("{service}: {name}")).or_default() += 1;
    }

    fn count_ending(&self, ending: &str) {
        *self.seen.borrow_mut().endings.entry(ending.to_owned()).or_default() += 1;
    }

    fn count_done(&self, outcome: &str, degraded: bool) {
        self.count_ending(outcome);
        self.seen.borrow_mut().degraded += u64::from(degraded);
    }

    fn count_notice(&self, code: &str) {
        *self.seen.borrow_mut().notices.entry(code.to_owned()).or_default() += 1;
    }

    fn count_shown(&self) {
        self.seen.borrow_mut().shown += 1;
    }
}

fn rows_of(postgres: &Postgres) -> Result<Vec<Stored>, String> {
    const ALL: &str = "SELECT coalesce(json_agg(json_build_object('conversation_id', conversation_id, 'id', id, \
                       'role', role, 'content', content)), '[]') FROM messages";
    let text = postgres.select(ALL).ok_or("the database does not answer in the end")?;
    let rows: Value = serde_json::from_str(&text).map_err(|error| format!("messages: {error}"))?;
    Ok(stored(&rows))
}
