//! Mixed questions for minutes while the model's service fails at random: every stream must end as documented, every
//! message must be in the store, and memory must stay flat. The seed fixes which faults come and what is asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use doubles::{Fault, GeminiDouble, Pace, Planned, Quota};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::program::Program;
use crate::reader::Chunked;
use crate::{Common, QUESTIONS, report, temporary_folder};

/// Seconds that one answer may take in all: short, so that silence costs the soak little.
const ANSWER_SECONDS: u64 = 6;

/// A stream that is not over after this is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// Memory may grow by this much after the first quarter, in bytes: caches of the allocator, not of the program.
const GROWTH: u64 = 24 << 20;

/// Memory is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Notices that the manual describes.
const NOTICES: [&str; 3] = ["model_resting", "answer_withheld", "answer_cut"];

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

/// What was seen.
#[derive(Debug, Default, Serialize)]
struct Seen {
    /// Answers by how they ended: an outcome, `error CODE`, or `left`.
    endings: BTreeMap<String, u64>,
    notices: BTreeMap<String, u64>,
    degraded: u64,
    /// How often each fault was switched on.
    faults: BTreeMap<String, u64>,
    /// Statuses of `/api/health`.
    health: BTreeMap<String, u64>,
    /// Messages that were looked for and found in the store.
    messages: u64,
    /// What must not happen, in words.
    wrong: Vec<String>,
    resident_mib: Vec<f64>,
}

/// A small generator (xorshift): the same seed, the same soak.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

type Shared = Rc<std::cell::RefCell<Seen>>;

/// Runs the soak; true when nothing was wrong.
pub async fn run(common: &Common, plan: Plan) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let gemini = GeminiDouble::start().await;
    let mut setup = common.setup(folder.path().join("data"));
    for (name, value) in [
        ("GEMINI_API_KEY", gemini.key().to_owned()),
        ("DOCENT_GEMINI_BASE_URL", gemini.base_url()),
        ("DOCENT_ANSWER_TIMEOUT", ANSWER_SECONDS.to_string()),
        // So that what is kept for resuming is soon as much as it will ever be.
        ("DOCENT_RESUME_SECONDS", "5".to_owned()),
        ("DOCENT_CONVERSATION_LIMIT", "0".to_owned()),
        ("LOG_LEVEL", "error".to_owned()),
    ] {
        setup.more.push((name.to_owned(), value));
    }
    // The start is healthy only when the double answers, which runs on this thread.
    let program = tokio::task::spawn_blocking(move || Program::start(&setup))
        .await
        .map_err(|error| error.to_string())??;
    let seen = Shared::default();
    let end = Instant::now() + plan.takes;
    let local = tokio::task::LocalSet::new();
    for reader in 0..plan.readers {
        let dice = Dice(plan.seed.wrapping_mul(2_654_435_761).wrapping_add(reader as u64 + 1));
        local.spawn_local(read_on(program.address, end, dice, Rc::clone(&seen)));
    }
    let watched = local.run_until(async {
        tokio::join!(fail_on(&gemini, end, Dice(plan.seed | 1), &seen), watch(&program, end, &seen));
    });
    watched.await;
    if timeout(STUCK * 2, local).await.is_err() {
        seen.borrow_mut().wrong.push("readers were still waiting long after the end".to_owned());
    }
    let complaints = program.complaints();
    program.stop()?;
    let mut seen = seen.take();
    let panics = complaints.iter().filter(|line| line.contains("panicked"));
    seen.wrong.extend(panics.map(|line| format!("log: {line}")));
    check_memory(&mut seen);
    print(common, plan, &seen);
    Ok(seen.wrong.is_empty())
}

/// Switches faults on and off at random.
async fn fail_on(gemini: &GeminiDouble, end: Instant, mut dice: Dice, seen: &Shared) {
    let pace = Pace { first_ms: 20, between_ms: 5, words: 3 };
    gemini.set_pace(pace);
    while Instant::now() < end {
        let (name, fault) = match dice.below(12) {
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
            _ => ("not there", Fault::Hang),
        };
        *seen.borrow_mut().faults.entry(name.to_owned()).or_default() += 1;
        let on = Duration::from_millis(500 + dice.below(2500) as u64);
        if name == "not there" {
            gemini.refuse_connections();
            sleep(on).await;
            if let Err(error) = gemini.accept_connections().await {
                seen.borrow_mut().wrong.push(format!("the double lost its port: {error}"));
                return;
            }
        } else {
            gemini.plan(Planned::new(fault).always());
            sleep(on).await;
        }
        gemini.reset();
        gemini.set_pace(pace);
        sleep(Duration::from_millis(500 + dice.below(3000) as u64)).await;
    }
}

/// Looks at memory and health.
async fn watch(program: &Program, end: Instant, seen: &Shared) {
    while Instant::now() < end {
        sleep(LOOK_EVERY).await;
        let resident = program.usage().resident as f64 / f64::from(1 << 20);
        seen.borrow_mut().resident_mib.push(resident);
        match get(program.address, "/api/health").await {
            Ok((code @ (200 | 503), body)) => {
                let status = body["status"].as_str().unwrap_or("?").to_owned();
                let fits = (code == 200) == (status == "healthy");
                let mut seen = seen.borrow_mut();
                if !fits || !["healthy", "degraded"].contains(&status.as_str()) {
                    seen.wrong.push(format!("health: {code} {status}"));
                }
                *seen.health.entry(status).or_default() += 1;
            }
            other => seen.borrow_mut().wrong.push(format!("health: {other:?}")),
        }
    }
}

/// One reader: asks, checks how the answer ends, and whether it is kept.
async fn read_on(address: SocketAddr, end: Instant, mut dice: Dice, seen: Shared) {
    let mut conversation: Option<String> = None;
    while Instant::now() < end {
        let question = QUESTIONS[dice.below(QUESTIONS.len())];
        let mut body = json!({ "message": question });
        let kind = dice.below(8);
        if kind == 0 {
            body["mode"] = "selection".into();
            body["context"] = "Docent listens on port 7860. Set PORT to change it.".into();
        } else if kind < 4 {
            body["conversation_id"] = conversation.clone().into();
        }
        if body["conversation_id"].is_null()
            && let Some(body) = body.as_object_mut()
        {
            body.remove("conversation_id");
        }
        let leaves = kind == 7;
        match timeout(STUCK, ask(address, &body, leaves)).await {
            Err(_) => seen.borrow_mut().wrong.push(format!("stuck for {STUCK:?}: {question}")),
            Ok(Err(error)) => seen.borrow_mut().wrong.push(error),
            Ok(Ok(_)) if leaves => *seen.borrow_mut().endings.entry("left".to_owned()).or_default() += 1,
            Ok(Ok(stream)) => {
                let said = note(&stream, &seen);
                if let Err(error) = is_kept(address, &said).await {
                    seen.borrow_mut().wrong.push(error);
                } else {
                    seen.borrow_mut().messages += 2;
                }
                conversation = Some(said.conversation);
            }
        }
        sleep(Duration::from_millis(dice.below(400) as u64)).await;
    }
}

/// What a stream said.
#[derive(Default)]
struct Said {
    conversation: String,
    message: String,
    text: String,
}

/// Checks the events of a whole stream and counts its end.
fn note(stream: &str, seen: &Shared) -> Said {
    let mut said = Said::default();
    let mut seen = seen.borrow_mut();
    let mut ends = 0;
    let mut last = String::new();
    for frame in stream.split("\n\n").filter(|frame| !frame.is_empty() && !frame.starts_with(':')) {
        let numbered = frame.starts_with("id: ");
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
        let event: Value = serde_json::from_str(data).unwrap_or(Value::Null);
        let word = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        last = word("type");
        match last.as_str() {
            "metadata" => {
                said.conversation = word("conversation_id");
                said.message = word("message_id");
            }
            // Without a number it tells a failure to old clients, and is not part of the answer.
            "token" if numbered => said.text.push_str(&word("content")),
            "token" | "sources" => {}
            "notice" => {
                let code = word("code");
                if !NOTICES.contains(&code.as_str()) {
                    seen.wrong.push(format!("notice {code}"));
                }
                *seen.notices.entry(code).or_default() += 1;
            }
            "done" => {
                ends += 1;
                seen.degraded += u64::from(event["degraded"] == true);
                *seen.endings.entry(word("outcome")).or_default() += 1;
            }
            "error" => {
                ends += 1;
                let code = word("code");
                if code != "interrupted" {
                    seen.wrong.push(format!("error {code}"));
                }
                *seen.endings.entry(format!("error {code}")).or_default() += 1;
            }
            other => seen.wrong.push(format!("an event of type '{other}': {frame}")),
        }
    }
    if ends != 1 || !matches!(last.as_str(), "done" | "error") {
        seen.wrong.push(format!("{ends} ends, the last event is '{last}'"));
    }
    if said.text.trim().is_empty() {
        seen.wrong.push("an answer without a word".to_owned());
    }
    said
}

/// The answer must be in the store when its end was told, and its question before it.
async fn is_kept(address: SocketAddr, said: &Said) -> Result<(), String> {
    let (code, body) = get(address, &format!("/api/conversation/{}", said.conversation)).await?;
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let place = messages.iter().position(|message| message["id"] == said.message.as_str());
    match place {
        Some(place) if messages[place]["content"] != said.text.as_str() => {
            Err(format!("the stored answer differs: {}", messages[place]["content"]))
        }
        Some(place) if messages[..place].iter().any(|message| message["role"] == "user") => Ok(()),
        Some(_) => Err("lost: a question".to_owned()),
        None => Err(format!("lost: an answer ({code})")),
    }
}

/// Asks and returns the stream's text; one who leaves goes after the first bytes.
async fn ask(address: SocketAddr, body: &Value, leaves: bool) -> Result<String, String> {
    let body = body.to_string();
    let request = format!(
        "POST /api/chat HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match exchange(address, &request, leaves).await? {
        (200, text) => Ok(text),
        (status, text) => Err(format!("status {status}: {text}")),
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<(u16, Value), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (status, text) = exchange(address, &request, false).await?;
    Ok((status, serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?))
}

async fn exchange(address: SocketAddr, request: &str, leaves: bool) -> Result<(u16, String), String> {
    let words = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let mut connection = TcpStream::connect(address).await.map_err(|error| words("connect", error))?;
    connection.write_all(request.as_bytes()).await.map_err(|error| words("send", error))?;
    let mut bytes = Vec::new();
    if leaves {
        connection.read_buf(&mut bytes).await.map_err(|error| words("read", error))?;
        return Ok((200, String::new()));
    }
    connection.read_to_end(&mut bytes).await.map_err(|error| words("read", error))?;
    let head_length =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the reply has no whole head")?;
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status")?;
    bytes.drain(..head_length + 4);
    let text = if head.contains("transfer-encoding: chunked") {
        let mut text = Vec::new();
        if !Chunked::default().decode(&mut bytes, &mut text)? {
            return Err("the reply is cut".to_owned());
        }
        text
    } else {
        bytes
    };
    String::from_utf8(text).map(|text| (status, text)).map_err(|error| error.to_string())
}

/// Compares the last quarter with the second one; the first warms up.
fn check_memory(seen: &mut Seen) {
    let quarter = seen.resident_mib.len() / 4;
    if quarter == 0 {
        return;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let before = mean(&seen.resident_mib[quarter..2 * quarter]);
    let after = mean(&seen.resident_mib[seen.resident_mib.len() - quarter..]);
    if after - before > GROWTH as f64 / f64::from(1 << 20) {
        seen.wrong.push(format!("memory grew from {before:.1} to {after:.1} MiB"));
    }
}

fn print(common: &Common, plan: Plan, seen: &Seen) {
    if common.json {
        println!("{}", json!({ "seconds": plan.takes.as_secs(), "seed": plan.seed, "seen": seen }));
        return;
    }
    let mut lines = Vec::new();
    for (what, counts) in [
        ("ended", &seen.endings),
        ("notice", &seen.notices),
        ("fault", &seen.faults),
        ("health", &seen.health),
    ] {
        lines.extend(
            counts.iter().map(|(name, count)| vec![what.to_owned(), name.clone(), count.to_string()]),
        );
    }
    lines.push(vec!["degraded".to_owned(), "answers".to_owned(), seen.degraded.to_string()]);
    lines.push(vec!["stored".to_owned(), "messages found".to_owned(), seen.messages.to_string()]);
    report::print_table(&["what", "which", "count"], &lines);
    let memory = |place: Option<&f64>| place.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.1}"));
    let highest = seen.resident_mib.iter().copied().fold(0.0, f64::max);
    println!(
        "{} s with seed {}: resident {} MiB at first, {highest:.1} at most, {} at last; wrong: {}",
        plan.takes.as_secs(),
        plan.seed,
        memory(seen.resident_mib.first()),
        memory(seen.resident_mib.last()),
        seen.wrong.len()
    );
    for wrong in seen.wrong.iter().take(20) {
        println!("  {wrong}");
    }
}
