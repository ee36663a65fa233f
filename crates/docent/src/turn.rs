//! One turn of a conversation: a question is accepted, answered, kept.
//!
//! A turn runs on its own task and writes its events into a [`TurnLog`]. Readers follow the log from any
//! event on, so a stream that was cut can be resumed. When the last reader leaves before the end, a model's
//! answer is stopped, and its call with it; what was said until then is stored. An answer that only quotes the
//! book costs nothing and goes on.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::answer::{
    AnswerEvent, Answerer, Ending, Generator, Notice, NoticeCode, Outcome, Question, Source, Subject,
    TokenUsage, answer,
};
use crate::conversations::{ConversationId, Conversations, Message, MessageId, Role};
use crate::metrics::Metrics;

/// Exchanges of a conversation that a follow-up may lean on.
const HISTORY: usize = 3;

/// Finished turns that are kept for resuming, at most.
const KEPT_TURNS: usize = 1000;

/// Bytes that finished turns may hold together; the oldest go first.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What an event costs beside its text: its place in the log and its allocation.
const EVENT_BYTES: usize = 160;

/// A question as it was accepted.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The conversation it belongs to; `None` begins a new one.
    pub conversation: Option<ConversationId>,
    /// What the reader typed.
    pub text: String,
    /// What it is about.
    pub subject: Subject,
    /// Docs version that the reader looks at.
    pub version: Option<String>,
    /// Locale that the reader looks at.
    pub locale: Option<String>,
    /// URL of the page that the reader looks at.
    pub page: Option<String>,
    /// What the reader should know before the answer begins.
    pub notices: Vec<Notice>,
}

/// What happens in a turn, in order: `Begun`, `Sources`, `Delta`s, `Notice`s, then one `Ended`.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// The turn has its names.
    Begun {
        /// The conversation, new or continued.
        conversation: ConversationId,
        /// The answer that is being written.
        message: MessageId,
    },
    /// The passages that were considered.
    Sources(Vec<Source>),
    /// The next piece of the answer.
    Delta(String),
    /// Something the reader should know.
    Notice(Notice),
    /// The end; the answer is stored.
    Ended(Box<Ending>),
}

/// Everything that happened in one turn so far.
#[derive(Debug)]
pub struct TurnLog {
    /// The conversation that the answer belongs to.
    conversation: ConversationId,
    /// The answer that is being written.
    pub message: MessageId,
    /// The reader has forgotten the conversation: nothing more of it is stored.
    forgotten: AtomicBool,
    state: Mutex<LogState>,
    changed: Notify,
    /// The answer stops when nobody follows it any more.
    ends_without_readers: bool,
    /// Set when the answer is to stop.
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct LogState {
    events: Vec<Arc<TurnEvent>>,
    ended: bool,
    readers: usize,
}

/// Follows a [`TurnLog`]. When the last one is dropped before the end, the answer stops.
#[derive(Debug)]
pub struct TurnReader {
    log: Arc<TurnLog>,
    next: usize,
}

impl TurnLog {
    pub(crate) fn new(conversation: ConversationId, message: MessageId) -> Self {
        Self {
            conversation,
            message,
            forgotten: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Notify::new(),
            ends_without_readers: true,
            stop: CancellationToken::new(),
        }
    }

    /// Follows the log from event `next` on; the first event has number 0.
    pub fn read_from(self: &Arc<Self>, next: usize) -> TurnReader {
        self.lock().readers += 1;
        TurnReader { log: Arc::clone(self), next }
    }

    fn push(&self, event: TurnEvent) {
        {
            let mut state = self.lock();
            state.ended |= matches!(event, TurnEvent::Ended(_));
            state.events.push(Arc::new(event));
        }
        self.changed.notify_waiters();
    }

    /// About how much memory the log holds.
    fn size_bytes(&self) -> usize {
        let size = |event: &Arc<TurnEvent>| match &**event {
            TurnEvent::Delta(text) => text.len(),
            TurnEvent::Sources(sources) => sources.iter().map(source_bytes).sum(),
            TurnEvent::Ended(ending) => ending.sources.iter().map(source_bytes).sum(),
            TurnEvent::Begun { .. } | TurnEvent::Notice(_) => 0,
        };
        self.lock().events.iter().map(|event| EVENT_BYTES + size(event)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TurnReader {
    /// The answer that is being written.
    pub fn message(&self) -> MessageId {
        self.log.message
    }

    /// The next event and its number; `None` after the end.
    pub async fn next(&mut self) -> Option<(usize, Arc<TurnEvent>)> {
        loop {
            let changed = self.log.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that no event slips in between.
            changed.as_mut().enable();
            {
                let state = self.log.lock();
                if let Some(event) = state.events.get(self.next) {
                    self.next += 1;
                    return Some((self.next - 1, Arc::clone(event)));
                }
                if state.ended {
                    return None;
                }
            }
            changed.await;
        }
    }
}

impl Drop for TurnReader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers -= 1;
        if state.readers == 0 && !state.ended && self.log.ends_without_readers {
            self.log.stop.cancel();
        }
    }
}

/// The running turns and those that can still be resumed.
#[derive(Debug, Clone)]
pub struct Turns {
    kept: Arc<Mutex<Kept>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    resume_window: Duration,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Kept {
    logs: HashMap<MessageId, Arc<TurnLog>>,
    /// Finished turns, oldest first.
    finished: VecDeque<Finished>,
    /// What the finished turns hold together.
    bytes: usize,
}

#[derive(Debug)]
struct Finished {
    at: Instant,
    message: MessageId,
    bytes: usize,
}

impl Turns {
    /// Turns that stay resumable for `resume_window` after their end, and are counted in `metrics`.
    pub fn new(resume_window: Duration, metrics: Metrics) -> Self {
        Self {
            kept: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            resume_window,
            metrics,
        }
    }

    /// Begins a turn; `permit` is held until its end.
    pub fn begin(
        &self,
        answerer: &Answerer,
        conversations: &Conversations,
        asked: Asked,
        permit: OwnedSemaphorePermit,
    ) -> TurnReader {
        let conversation = asked.conversation.unwrap_or_else(ConversationId::random);
        let mut log = TurnLog::new(conversation, MessageId::random());
        // Quoting the book costs nothing: a reader whose connection was cut finds the whole answer again.
        log.ends_without_readers = !matches!(answerer.generator, Generator::Extractive);
        let log = Arc::new(log);
        let reader = log.read_from(0);
        self.keep(&log);
        let turn = Turn {
            answerer: answerer.clone(),
            conversations: conversations.clone(),
            conversation,
            log: Arc::clone(&log),
            metrics: self.metrics.clone(),
            stop_all: self.stop.clone(),
        };
        let turns = self.clone();
        let work = async move {
            turn.run(asked).await;
            turns.finished(&log);
            drop(permit);
        };
        self.tasks.spawn(work.in_current_span());
        reader
    }

    /// The log of a turn that runs or ended within the resume window.
    pub fn find(&self, message: MessageId) -> Option<Arc<TurnLog>> {
        let mut kept = self.lock();
        kept.expire(self.resume_window);
        kept.logs.get(&message).cloned()
    }

    /// Stops the answers of a conversation that is forgotten, stores nothing more of it, and lets nobody resume it.
    pub fn forget(&self, conversation: ConversationId) {
        self.lock().logs.retain(|_, log| {
            let forgotten = log.conversation == conversation;
            if forgotten {
                log.forgotten.store(true, Ordering::Release);
                log.stop.cancel();
            }
            !forgotten
        });
    }

    /// Waits until all turns have ended, at most `patience`; stops the others and waits for their last words.
    pub async fn drain(&self, patience: Duration) {
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }

    fn keep(&self, log: &Arc<TurnLog>) {
        let mut kept = self.lock();
        kept.expire(self.resume_window);
        kept.logs.insert(log.message, Arc::clone(log));
    }

    fn finished(&self, log: &TurnLog) {
        let bytes = log.size_bytes();
        let mut kept = self.lock();
        kept.finished.push_back(Finished { at: Instant::now(), message: log.message, bytes });
        kept.bytes += bytes;
        kept.expire(self.resume_window);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn expire(&mut self, window: Duration) {
        while let Some(oldest) = self.finished.front() {
            if oldest.at.elapsed() < window && self.finished.len() <= KEPT_TURNS && self.bytes <= KEPT_BYTES {
                break;
            }
            self.bytes -= oldest.bytes;
            self.logs.remove(&oldest.message);
            self.finished.pop_front();
        }
    }
}

struct Turn {
    answerer: Answerer,
    conversations: Conversations,
    conversation: ConversationId,
    log: Arc<TurnLog>,
    metrics: Metrics,
    stop_all: CancellationToken,
}

impl Turn {
    async fn run(self, asked: Asked) {
        let asked_message = Message {
            id: MessageId::random(),
            role: Role::User,
            content: asked.text.clone(),
            sources: Vec::new(),
            outcome: None,
            created_at: Timestamp::now(),
        };
        // Begun before the turn is told of: a store with an outbox has the question from here on.
        let saving = self.save(&asked_message);
        self.log.push(TurnEvent::Begun { conversation: self.conversation, message: self.log.message });
        let history = self.history(&asked).await;
        // Told between the last word and the end, whenever they came up: readers rely on that order.
        let mut notices = asked.notices;

        let question = Question {
            text: asked.text,
            subject: asked.subject,
            history,
            version: asked.version,
            locale: asked.locale,
            page: asked.page,
        };
        let began = Timestamp::now();
        // Writers queue for the store; the first word need not wait in that queue.
        let (mut stored, (text, ending)) = tokio::join!(saving, self.follow(question, began, &mut notices));
        let message = Message {
            id: self.log.message,
            role: Role::Assistant,
            content: text,
            sources: ending.sources.clone(),
            outcome: Some(ending.outcome),
            created_at: began,
        };
        // Stored before the end is told: whoever sees the end can rely on it.
        if self.log.forgotten.load(Ordering::Acquire) {
            self.conversations.drop_draft(message.id);
        } else {
            stored &= self.save(&message).await;
        }
        if !stored || !self.conversations.is_lasting() {
            let message = "This conversation could not be stored; it will be missing later.".to_owned();
            notices.push(Notice { code: NoticeCode::ConversationNotStored, message });
        }
        for notice in notices {
            self.log.push(TurnEvent::Notice(notice));
        }
        tracing::info!(
            conversation.id = %self.conversation,
            message.id = %self.log.message,
            outcome = ending.outcome.name(),
            degraded = ending.degraded,
            answer_tokens = ending.usage.answer_tokens,
            "turn ended"
        );
        let TokenUsage { prompt_tokens, answer_tokens } = ending.usage;
        self.metrics.turn_ended(ending.outcome.name(), ending.degraded, prompt_tokens, answer_tokens);
        self.log.push(TurnEvent::Ended(Box::new(ending)));
    }

    /// Passes the answer's events on and collects its text and notices; a stop ends it early.
    async fn follow(
        &self,
        question: Question,
        created_at: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> (String, Ending) {
        let began = Instant::now();
        let mut text = String::new();
        let mut sources = Vec::new();
        let mut events = answer(&self.answerer, question);
        loop {
            let event = tokio::select! {
                biased;
                () = self.log.stop.cancelled() => None,
                () = self.stop_all.cancelled() => None,
                event = events.next() => Some(event),
            };
            match event {
                Some(Some(AnswerEvent::Sources(considered))) => {
                    sources.clone_from(&considered);
                    self.begin_draft(created_at, &considered);
                    self.log.push(TurnEvent::Sources(considered));
                }
                Some(Some(AnswerEvent::Delta(piece))) => {
                    if text.is_empty() {
                        self.metrics.first_token(began.elapsed());
                    }
                    text.push_str(&piece);
                    // Kept before it is shown.
                    self.conversations.draft(self.log.message, &piece);
                    self.log.push(TurnEvent::Delta(piece));
                }
                Some(Some(AnswerEvent::Notice(notice))) => notices.push(notice),
                Some(Some(AnswerEvent::End(ending))) => return (text, *ending),
                // Stopped by the reader or by shutdown.
                None => {
                    sources.retain(|source| text.contains(&format!("[{}]", source.n)));
                    return (text, early_end(Outcome::Stopped, sources));
                }
                Some(None) => {
                    tracing::error!(message.id = %self.log.message, "an answer ended without saying how");
                    return (text, early_end(Outcome::Failed, Vec::new()));
                }
            }
        }
    }

    async fn history(&self, asked: &Asked) -> Vec<crate::conversations::Exchange> {
        let Some(conversation) = asked.conversation.filter(|_| asked.subject == Subject::Book) else {
            return Vec::new();
        };
        match self.conversations.exchanges(conversation, HISTORY).await {
            Ok(exchanges) => exchanges.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(conversation.id = %conversation, "answering without history: {error}");
                Vec::new()
            }
        }
    }

    fn begin_draft(&self, created_at: Timestamp, considered: &[Source]) {
        if self.log.forgotten.load(Ordering::Acquire) {
            return;
        }
        let nothing_yet = Message {
            id: self.log.message,
            role: Role::Assistant,
            content: String::new(),
            sources: considered.to_vec(),
            outcome: Some(Outcome::Stopped),
            created_at,
        };
        self.conversations.begin_draft(self.conversation, &nothing_yet);
    }

    /// Stores a message; a store with an outbox has it there when this returns.
    fn save<'a>(&'a self, message: &'a Message) -> impl Future<Output = bool> + Send + 'a {
        let saving = self.conversations.save(self.conversation, message);
        async move {
            match saving.await {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(conversation.id = %self.conversation, message.id = %message.id, "{error}");
                    false
                }
            }
        }
    }
}

fn early_end(outcome: Outcome, sources: Vec<Source>) -> Ending {
    let failure = (outcome == Outcome::Failed).then(|| crate::answer::Failure {
        code: "internal",
        message: "The answer broke off. Please try again.".into(),
        retry_after: Some(1),
    });
    Ending {
        outcome,
        sources,
        degraded: false,
        usage: TokenUsage::default(),
        support: crate::answer::Support::default(),
        suggestions: Vec::new(),
        failure,
    }
}

fn source_bytes(source: &Source) -> usize {
    let Source { file, heading, title, url, anchor, quote, href, .. } = source;
    let texts = [file, heading, title, url, quote, href];
    texts.iter().map(|text| text.len()).sum::<usize>()
        + anchor.as_ref().map_or(0, String::len)
        + size_of::<Source>()
}
