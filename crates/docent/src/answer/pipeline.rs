//! The steps from question to answer, in order.

use std::time::Duration;

use corpus::{ChunkOptions, chunk_page};
use futures_util::StreamExt;
use search::Index;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::cache::{AnswerCache, Kept, Key, pieces};
use super::citations::CitationFilter;
use super::digest::digest;
use super::doubts::doubts;
use super::extractive::{Closeness, Extract, comparable, compose};
use super::mismatch::mismatch;
use super::prompt::{book_prompt, selection_prompt, setting};
use super::refusal::{NEAREST, SILENT_SELECTION, UNCERTAIN_SELECTION, refusal};
use super::standalone::{may_lean_back, write_out};
use super::suggestions::{parts, suggestions};
use super::support::{cited_sources, source};
use super::verify::{Support, verify};
use super::{
    AnswerEvent, Ending, Failure, Generator, Notice, NoticeCode, Outcome, Question, Source, Subject,
    TokenUsage, query,
};
use crate::providers::{Delta, FinishReason, Prompt, ProviderError};
use crate::retrieve::{
    EmbedRole, Embedder, Passage, PassageLimits, Query, Retrieval, Retriever, Verdict, retrieve,
};

/// Events that may wait for a slow reader before the generator is held back.
const QUEUE: usize = 64;

/// Everything that is needed to answer questions about one book.
#[derive(Debug, Clone)]
pub struct Answerer {
    /// The book's title.
    pub book: String,
    /// Where passages are looked for.
    pub retriever: Retriever,
    /// What turns questions into vectors.
    pub embedder: Embedder,
    /// What writes the answer.
    pub generator: Generator,
    /// How much text the generator gets.
    pub limits: PassageLimits,
    /// Upper bound of a generated answer.
    pub max_answer_tokens: u32,
    /// Time that one answer may take in all.
    pub timeout: Duration,
    /// Answers that were written before.
    pub cache: AnswerCache,
    /// Whether the model writes follow-ups out before they are searched for.
    pub writes_out: bool,
}

/// A running answer. Dropping it stops the work and the model call.
#[derive(Debug)]
pub struct AnswerStream {
    events: mpsc::Receiver<AnswerEvent>,
    _task: AbortOnDropHandle<()>,
}

impl AnswerStream {
    /// The next event; `None` after the end.
    pub async fn next(&mut self) -> Option<AnswerEvent> {
        self.events.recv().await
    }
}

/// Starts answering `question`.
pub fn answer(answerer: &Answerer, question: Question) -> AnswerStream {
    let (sender, events) = mpsc::channel(QUEUE);
    let run = Run {
        answerer: answerer.clone(),
        question,
        events: sender,
        deadline: Instant::now() + answerer.timeout,
        usage: TokenUsage::default(),
        support: Support::default(),
        degraded: false,
    };
    let work = async move {
        // An error means that nobody listens any more.
        let _ = run.run().await;
    };
    // What it logs belongs to the request that asked.
    let task = tokio::spawn(work.in_current_span());
    AnswerStream { events, _task: AbortOnDropHandle::new(task) }
}

/// The reader is gone.
struct Gone;

struct Run {
    answerer: Answerer,
    question: Question,
    events: mpsc::Sender<AnswerEvent>,
    deadline: Instant,
    usage: TokenUsage,
    support: Support,
    degraded: bool,
}

/// How the model's part went.
enum Written {
    /// All of it, with the text and the numbers it cites.
    Whole { text: String, cited: Vec<usize>, refused: bool, cut: bool },
    /// Nothing was shown: somebody else may answer.
    Nothing(Notice),
    /// It broke off after text was shown.
    Broken { text: String, cited: Vec<usize>, failure: Failure },
}

impl Run {
    async fn run(mut self) -> Result<(), Gone> {
        match self.question.subject.clone() {
            Subject::Book => self.about_the_book().await,
            Subject::Selection(selection) => self.about_the_selection(&selection).await,
        }
    }

    async fn about_the_book(&mut self) -> Result<(), Gone> {
        let Question { text, history, page, .. } = &self.question;
        let asked = query(text, history, page.as_deref());
        let key = self.key(&asked);
        // What is searched, by which kept answers are told apart; hits of Qdrant come with a small index of their own.
        let book = self.answerer.retriever.index();
        if let Some(kept) = key.as_ref().and_then(|key| self.answerer.cache.get(key, &book)) {
            return self.say_again(kept).await;
        }
        let page = asked.page.clone();
        let (standalone, found) = self.look_up(asked).await;
        let (whole, is_whole) = (found.whole.clone(), found.whole.is_some());
        self.degraded |= found.degraded.is_some();
        if let Some(unavailable) = &found.unavailable {
            return self.cannot_search(unavailable.for_readers()).await;
        }
        let index = found.index;
        let passages = found.passages;
        let read = found.question;
        let asked = telling_words(&read, &index);
        let considered: Vec<Source> = passages.iter().map(|passage| source(passage, &asked)).collect();
        let verdict = if passages.is_empty() { Verdict::OutOfScope } else { found.verdict };
        if verdict != Verdict::Answerable {
            return self.refuse(verdict, &asked, considered, &passages).await;
        }
        // A model sees for itself that a passage answers something else; quoting cannot, also when it stands in for a
        // model. A question with words behind it, of the conversation or of the page, is no sentence that could be held
        // against others.
        let is_plain = !is_whole && page.is_none() && !found.evidence.heading;
        let misses =
            is_plain && standalone == self.question.text && mismatch(&read, &passages, &index).is_some();
        if matches!(self.answerer.generator, Generator::Extractive) && misses {
            return self.refuse(Verdict::Uncertain, &asked, considered, &passages).await;
        }
        self.send(AnswerEvent::Sources(considered.clone())).await?;
        let setting = setting(whole.as_ref(), page.as_deref(), &passages);
        let (title, most) = (&self.answerer.book, self.answerer.max_answer_tokens);
        let prompt = book_prompt(title, &self.question, setting.as_deref(), &passages, most);
        match self.write(&prompt, passages.len()).await? {
            // It was not found, and nothing else was said.
            Some(Written::Whole { text, refused: true, .. }) if text.trim().is_empty() => {
                self.say_refusal(Verdict::Uncertain, &asked, considered, &passages).await
            }
            Some(Written::Whole { text, cited, refused, cut }) => {
                // An account of the whole says in few words what many sentences say: no single one supports it.
                if !refused && !is_whole {
                    // The model knows these too, and may repeat their names.
                    let told = [
                        &read,
                        &self.question.text,
                        &self.answerer.book,
                        setting.as_deref().unwrap_or_default(),
                    ];
                    let told = told.join("\n");
                    self.verify(&told, &text, &passages, &index).await;
                }
                let mut sources = cited_sources(&text, &cited, &passages);
                if sources.is_empty() {
                    // The model did not cite: show what it was given.
                    sources = considered.iter().take(NEAREST).cloned().collect();
                }
                self.send_doubts().await?;
                let doubtful = self.support.is_mostly_missing();
                let outcome = if refused || doubtful { Outcome::Uncertain } else { Outcome::Answered };
                let next = if is_whole { parts(&passages) } else { suggestions(&read, &cited, &passages) };
                let is_good = !refused && !doubtful && !cited.is_empty();
                if let Some(key) = key.filter(|_| is_good && !self.degraded && !cut) {
                    let kept = Kept {
                        text,
                        considered,
                        sources: sources.clone(),
                        suggestions: next.clone(),
                        support: self.support.clone(),
                    };
                    self.answerer.cache.keep(key, kept, &book);
                }
                self.end(outcome, sources, next, None).await
            }
            Some(Written::Broken { text, cited, failure }) => {
                let sources = cited_sources(&text, &cited, &passages);
                self.end(Outcome::Failed, sources, Vec::new(), Some(failure)).await
            }
            Some(Written::Nothing(notice)) => {
                self.degraded = true;
                self.send(AnswerEvent::Notice(notice)).await?;
                if misses {
                    return self.say_refusal(Verdict::Uncertain, &asked, considered, &passages).await;
                }
                self.quote(&read, is_whole, &passages, &index).await
            }
            None => self.quote(&read, is_whole, &passages, &index).await,
        }
    }

    /// What was looked for, and what was found. A follow-up is written out by the model, when there is one, while the words
    /// of the conversation are looked for; what the model says too late or wrongly is not missed.
    async fn look_up(&mut self, asked: Query) -> (String, Retrieval) {
        let standalone = asked.text.clone();
        let writes_out = self.answerer.writes_out
            && asked.whole.is_none()
            && !self.question.history.is_empty()
            && may_lean_back(&self.question.text);
        if !writes_out {
            let found = self.search(asked).await;
            return (standalone, found);
        }
        let written = write_out(&self.answerer.generator, &self.question);
        // Each search costs a call to a provider's embedder: then only one is made.
        let (written, found) = if self.answerer.embedder.is_free() {
            let (written, found) = tokio::join!(written, self.search(asked.clone()));
            (written, Some(found))
        } else {
            (written.await, None)
        };
        match (written, found) {
            (Some((text, usage)), found) => {
                self.usage = usage;
                let found = match found {
                    Some(found) if text == standalone => found,
                    _ => self.search(Query { text: text.clone(), ..asked }).await,
                };
                (text, found)
            }
            (None, Some(found)) => (standalone, found),
            (None, None) => {
                let found = self.search(asked).await;
                (standalone, found)
            }
        }
    }

    async fn search(&self, asked: Query) -> Retrieval {
        let Question { version, locale, .. } = &self.question;
        let query = Query { version: version.clone(), locale: locale.clone(), ..asked };
        retrieve(&self.answerer.retriever, &self.answerer.embedder, &query, self.answerer.limits).await
    }

    /// Names a question whose answer may be kept: a model writes it, and nothing but the book decides what it is.
    fn key(&self, asked: &Query) -> Option<Key> {
        let Question { history, version, locale, .. } = &self.question;
        let written = !matches!(self.answerer.generator, Generator::Extractive);
        (written && history.is_empty()).then(|| Key {
            question: asked.text.trim().to_owned(),
            page: asked.page.clone(),
            whole: asked.whole.clone(),
            version: version.clone(),
            locale: locale.clone(),
        })
    }

    /// Streams an answer that was written before.
    async fn say_again(&mut self, kept: Kept) -> Result<(), Gone> {
        self.support = kept.support;
        self.send(AnswerEvent::Sources(kept.considered)).await?;
        for piece in pieces(&kept.text) {
            self.send(AnswerEvent::Delta(piece.to_owned())).await?;
        }
        self.send_doubts().await?;
        self.end(Outcome::Answered, kept.sources, kept.suggestions, None).await
    }

    async fn about_the_selection(&mut self, selection: &str) -> Result<(), Gone> {
        self.send(AnswerEvent::Sources(Vec::new())).await?;
        let prompt = selection_prompt(&self.question, selection, self.answerer.max_answer_tokens);
        match self.write(&prompt, 0).await? {
            Some(Written::Whole { mut text, refused, .. }) => {
                if text.trim().is_empty() {
                    self.show(&mut text, SILENT_SELECTION.to_owned()).await?;
                }
                let outcome = if refused { Outcome::Uncertain } else { Outcome::Answered };
                self.end(outcome, Vec::new(), Vec::new(), None).await
            }
            Some(Written::Broken { failure, .. }) => {
                self.end(Outcome::Failed, Vec::new(), Vec::new(), Some(failure)).await
            }
            Some(Written::Nothing(notice)) => {
                self.degraded = true;
                self.send(AnswerEvent::Notice(notice)).await?;
                self.quote_selection(selection).await
            }
            None => self.quote_selection(selection).await,
        }
    }

    /// Lets the model write; `None` without a model. A whole text is empty only when the model refused without a word.
    async fn write(&mut self, prompt: &Prompt, known: usize) -> Result<Option<Written>, Gone> {
        let started = tokio::time::timeout_at(self.deadline, self.answerer.generator.generate(prompt)).await;
        let mut deltas = match started {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(deltas))) => deltas,
            Ok(Some(Err(error))) => return Ok(Some(Written::Nothing(self.resting(&error)))),
            Err(_) => return Ok(Some(Written::Nothing(self.too_slow()))),
        };
        let before = self.usage;
        let mut filter = CitationFilter::new(known);
        let mut text = String::new();
        let mut finish = None;
        let failure = loop {
            let shown = match tokio::time::timeout_at(self.deadline, deltas.next()).await {
                Ok(Some(Ok(Delta::Text(piece)))) => filter.push(&piece),
                Ok(Some(Ok(Delta::Usage(usage)))) => {
                    self.usage = TokenUsage {
                        prompt_tokens: before.prompt_tokens + usage.prompt_tokens,
                        answer_tokens: before.answer_tokens + usage.answer_tokens + usage.thought_tokens,
                    };
                    continue;
                }
                Ok(Some(Ok(Delta::Finished(reason)))) => {
                    finish = Some(reason);
                    continue;
                }
                Ok(Some(Err(error))) => break Some(self.resting(&error)),
                Ok(None) => break None,
                Err(_) => break Some(self.too_slow()),
            };
            self.show(&mut text, shown).await?;
        };
        let rest = filter.finish();
        self.show(&mut text, rest).await?;
        let cited = filter.cited();
        Ok(Some(match (failure, text.trim().is_empty(), finish) {
            (Some(notice), true, _) => Written::Nothing(notice),
            (Some(_), false, _) => {
                let message = "The answer broke off. Please try again.".to_owned();
                Written::Broken {
                    text,
                    cited,
                    failure: Failure { code: "interrupted", message, retry_after: Some(1) },
                }
            }
            (None, true, Some(FinishReason::Withheld(_))) => Written::Nothing(Notice {
                code: NoticeCode::AnswerWithheld,
                message: "The model withheld its answer. Here is what the book says.".into(),
            }),
            (None, true, _) if !filter.refused() => Written::Nothing(Notice {
                code: NoticeCode::ModelResting,
                message: "The model gave an empty answer. Here is what the book says.".into(),
            }),
            (None, _, finish) => {
                let cut = finish == Some(FinishReason::MaxTokens);
                if cut {
                    let message = "The answer was cut at its length limit.".to_owned();
                    self.send(AnswerEvent::Notice(Notice { code: NoticeCode::AnswerCut, message })).await?;
                }
                Written::Whole { text, cited, refused: filter.refused(), cut }
            }
        }))
    }

    /// The extractive answer over the found passages.
    async fn quote(
        &mut self,
        standalone: &str,
        is_whole: bool,
        passages: &[Passage],
        index: &Index,
    ) -> Result<(), Gone> {
        let extracts = if is_whole {
            digest(passages)
        } else {
            let closeness = self.closeness(standalone, passages).await;
            compose(standalone, passages, index, &closeness)
        };
        let text = self.show_extracts(&extracts, true).await?;
        let mut cited: Vec<usize> = extracts.iter().map(|extract| extract.n).collect();
        cited.sort_unstable();
        cited.dedup();
        self.verify(standalone, &text, passages, index).await;
        let sources = cited_sources(&text, &cited, passages);
        let next = if is_whole { parts(passages) } else { suggestions(standalone, &cited, passages) };
        self.end(Outcome::Answered, sources, next, None).await
    }

    /// The extractive answer over a marked text.
    async fn quote_selection(&mut self, selection: &str) -> Result<(), Gone> {
        let passage = selection_passage(selection);
        let index = self.answerer.retriever.index();
        let passages = std::slice::from_ref(&passage);
        let closeness = self.closeness(&self.question.text, passages).await;
        let extracts = compose(&self.question.text, passages, &index, &closeness);
        let misses = extracts.is_empty() || mismatch(&self.question.text, passages, &index).is_some();
        if misses {
            let words = if extracts.is_empty() { SILENT_SELECTION } else { UNCERTAIN_SELECTION };
            self.show(&mut String::new(), words.to_owned()).await?;
        }
        self.show_extracts(&extracts, false).await?;
        let outcome = if misses { Outcome::Uncertain } else { Outcome::Answered };
        self.end(outcome, Vec::new(), Vec::new(), None).await
    }

    /// Holds the sentences of an answer against the passages. Names of the question may be repeated.
    async fn verify(&mut self, question: &str, text: &str, passages: &[Passage], index: &Index) {
        self.support = verify(question, text, passages, index, &self.answerer.embedder).await;
    }

    /// Tells what no passage supports of what a model wrote.
    async fn send_doubts(&self) -> Result<(), Gone> {
        match doubts(&self.support) {
            Some(notice) => self.send(AnswerEvent::Notice(notice)).await,
            None => Ok(()),
        }
    }

    /// How near each sentence is to the question in meaning. Only the local encoder is asked: it costs nothing.
    async fn closeness(&self, question: &str, passages: &[Passage]) -> Closeness {
        let embedder = &self.answerer.embedder;
        let sentences = comparable(passages);
        if !matches!(embedder, Embedder::Local(_)) || sentences.is_empty() {
            return Closeness::new();
        }
        let texts: Vec<&str> = sentences.iter().map(|(_, text)| text.as_str()).collect();
        let asked =
            embedder.embed(&[question], EmbedRole::Query).await.ok().and_then(|mut asked| asked.pop());
        let (Some(asked), Ok(vectors)) = (asked, embedder.embed(&texts, EmbedRole::Passage).await) else {
            return Closeness::new();
        };
        let cosine = |vector: &Vec<f32>| vector.iter().zip(&asked).map(|(one, other)| one * other).sum();
        sentences.iter().map(|(place, _)| *place).zip(vectors.iter().map(cosine)).collect()
    }

    async fn show_extracts(&mut self, extracts: &[Extract], with_markers: bool) -> Result<String, Gone> {
        let mut text = String::new();
        for extract in extracts {
            let marker =
                if with_markers && extract.cite { format!(" [{}]", extract.n) } else { String::new() };
            self.show(&mut text, format!("{}{}{marker}", extract.joint, extract.text)).await?;
        }
        Ok(text)
    }

    async fn refuse(
        &mut self,
        verdict: Verdict,
        asked: &str,
        considered: Vec<Source>,
        passages: &[Passage],
    ) -> Result<(), Gone> {
        let nearest: Vec<Source> = considered.into_iter().take(NEAREST).collect();
        self.send(AnswerEvent::Sources(nearest.clone())).await?;
        self.say_refusal(verdict, asked, nearest, passages).await
    }

    /// The words of a refusal, behind sources that were sent.
    async fn say_refusal(
        &mut self,
        verdict: Verdict,
        asked: &str,
        mut nearest: Vec<Source>,
        passages: &[Passage],
    ) -> Result<(), Gone> {
        nearest.truncate(NEAREST);
        self.show(&mut String::new(), refusal(verdict, asked, passages)).await?;
        let outcome = if verdict == Verdict::OutOfScope { Outcome::OutOfScope } else { Outcome::Uncertain };
        self.end(outcome, nearest, Vec::new(), None).await
    }

    /// Nothing can be searched: neither the book nor the question is to blame.
    async fn cannot_search(&mut self, why: &str) -> Result<(), Gone> {
        self.send(AnswerEvent::Sources(Vec::new())).await?;
        let words = format!("I cannot search the book right now: {why}. Please try again later.");
        self.show(&mut String::new(), words).await?;
        let message = format!("The book cannot be searched right now: {why}.");
        self.send(AnswerEvent::Notice(Notice { code: NoticeCode::SearchResting, message })).await?;
        self.end(Outcome::Uncertain, Vec::new(), Vec::new(), None).await
    }

    fn resting(&self, error: &ProviderError) -> Notice {
        tracing::warn!(kind = error.kind(), "the model did not answer: {error}");
        let code =
            if error.kind() == "blocked" { NoticeCode::AnswerWithheld } else { NoticeCode::ModelResting };
        let message = match code {
            _ if error.kind() == "budget_spent" => {
                "Today's allowance for the model is used up. Here is what the book says."
            }
            NoticeCode::AnswerWithheld => "The model withheld its answer. Here is what the book says.",
            _ => "The model is resting. Here is what the book says.",
        };
        Notice { code, message: message.into() }
    }

    fn too_slow(&self) -> Notice {
        tracing::warn!(timeout = ?self.answerer.timeout, "the model took too long");
        let message = "The model took too long. Here is what the book says.".into();
        Notice { code: NoticeCode::ModelResting, message }
    }

    async fn show(&self, text: &mut String, piece: String) -> Result<(), Gone> {
        if piece.is_empty() {
            return Ok(());
        }
        text.push_str(&piece);
        self.send(AnswerEvent::Delta(piece)).await
    }

    async fn end(
        &self,
        outcome: Outcome,
        sources: Vec<Source>,
        suggestions: Vec<String>,
        failure: Option<Failure>,
    ) -> Result<(), Gone> {
        let ending = Ending {
            outcome,
            sources,
            degraded: self.degraded,
            usage: self.usage,
            support: self.support.clone(),
            suggestions,
            failure,
        };
        self.send(AnswerEvent::End(Box::new(ending))).await
    }

    async fn send(&self, event: AnswerEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

/// The words that say what is asked; all words when none of them does.
fn telling_words(question: &str, index: &Index) -> String {
    let terms = index.query_terms(question).into_iter().filter(|term| !term.stop_word);
    let words: Vec<String> = terms.map(|term| term.text).collect();
    if words.is_empty() { question.to_owned() } else { words.join(" ") }
}

/// A marked text as a passage, so that its sentences can be weighed like any others.
fn selection_passage(selection: &str) -> Passage {
    let page = corpus::read_page("selection.md", selection);
    let chunks = chunk_page(&page, &ChunkOptions::default());
    let mut content = String::new();
    let mut sentences = Vec::new();
    for chunk in chunks {
        if !content.is_empty() {
            content.push_str("\n\n");
        }
        let offset = content.len() as u32;
        content.push_str(&chunk.content);
        sentences.extend(chunk.sentences.iter().map(|sentence| corpus::Sentence {
            start: sentence.start + offset,
            end: sentence.end + offset,
            kind: sentence.kind,
        }));
    }
    Passage {
        page_before: String::new(),
        position: 0,
        n: 1,
        file: String::new(),
        title: String::new(),
        heading_path: Vec::new(),
        url: String::new(),
        anchor: None,
        content,
        sentences,
        score: 1.0,
        similarity: 1.0,
    }
}
