//! What one ingest and one answer cost inside the process: reading a book, writing its index, the extractive answer, a
//! whole turn with its two writes to the store, and the two parsers that see every byte of a model's answer.
//!
//! `cargo bench -p docent` runs everything, `cargo bench -p docent -- turn` a part. The book is the manual. Streams over
//! HTTP are measured from outside, by the `load` program; the index by the benches of `search`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use corpus::{BookOptions, ChunkOptions, chunk_page, read_book};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use docent::answer::{AnswerCache, Answerer, CitationFilter, Generator, Question, Subject, answer};
use docent::conversations::{ConversationId, Conversations, Message, MessageId, Role};
use docent::ingest::{Progress, plan};
use docent::providers::sse::SseParser;
use docent::retrieve::{Embedder, PassageLimits, Retriever, SharedIndex};
use docent::turn::{Asked, Turns};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const QUESTION: &str = "How can the answer stream be resumed after the connection was cut?";

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// The manual, ingested once a run.
struct Sample {
    answerer: Answerer,
    folder: tempfile::TempDir,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    ingest(folder.path());
    let index = search::Index::open(&folder.path().join("index.docent")).expect("the index opens");
    let answerer = Answerer {
        book: "the manual".to_owned(),
        retriever: Retriever::File(SharedIndex::new(index)),
        embedder: Embedder::None,
        generator: Generator::Extractive,
        limits: PassageLimits::default(),
        max_answer_tokens: 2048,
        timeout: Duration::from_secs(60),
        cache: AnswerCache::new(0),
        writes_out: false,
    };
    Sample { answerer, folder }
});

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Bytes of the manual's pages.
fn manual_bytes() -> usize {
    fn of(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).expect("the manual is there");
        let sizes = entries.flatten().map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => of(&entry.path()),
            _ => entry.metadata().map_or(0, |about| about.len() as usize),
        });
        sizes.sum()
    }
    of(&manual())
}

fn ingest(folder: &Path) {
    let file = folder.join("index.docent");
    let work = async {
        let plan = plan(&manual(), &BookOptions::default(), &Embedder::None, &file).await?;
        plan.run(&Embedder::None, &Progress::on_stderr()).await
    };
    RUNTIME.block_on(work).expect("the manual is ingested");
}

fn store(file: &str) -> Conversations {
    let path = SAMPLE.folder.path().join(file);
    RUNTIME.block_on(Conversations::open(&path)).expect("the store opens")
}

/// Files to chunks.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn read_and_cut(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(manual_bytes())).bench(|| {
        let book = read_book(&manual(), &BookOptions::default()).expect("the manual is read");
        book.pages.iter().map(|page| chunk_page(page, &ChunkOptions::default()).len()).sum::<usize>()
    });
}

/// Files to an index file on disk, without vectors.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn ingest_without_vectors(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(manual_bytes()))
        .with_inputs(|| tempfile::tempdir().expect("a temporary folder"))
        .bench_local_values(|folder| ingest(folder.path()));
}

/// A question to the end of its extractive answer, nothing stored.
#[divan::bench]
fn extractive_answer(bencher: Bencher<'_, '_>) {
    let answerer = &SAMPLE.answerer;
    bencher.bench_local(|| {
        RUNTIME.block_on(async {
            let question = Question { text: QUESTION.to_owned(), ..Question::default() };
            let mut events = answer(answerer, question);
            while let Some(event) = events.next().await {
                black_box(event);
            }
        });
    });
}

/// The same as a turn: question and answer are stored on disk, events go through the log that readers follow.
#[divan::bench]
fn turn(bencher: Bencher<'_, '_>) {
    let conversations = store("turns.sqlite");
    let answerer = &SAMPLE.answerer;
    let permits = Arc::new(Semaphore::new(1));
    let turns = Turns::new(Duration::from_secs(300), docent::metrics::Metrics::default());
    bencher.bench_local(|| {
        RUNTIME.block_on(async {
            let permit = permits.clone().acquire_owned().await.expect("the semaphore stays open");
            let asked = Asked {
                conversation: None,
                text: QUESTION.to_owned(),
                subject: Subject::Book,
                version: None,
                locale: None,
                page: None,
                notices: Vec::new(),
            };
            let mut reader = turns.begin(answerer, &conversations, asked, permit);
            while let Some(event) = reader.next().await {
                black_box(event);
            }
        });
    });
}

/// One message into the store on disk.
#[divan::bench]
fn save_message(bencher: Bencher<'_, '_>) {
    let conversations = store("messages.sqlite");
    bencher
        .with_inputs(|| Message {
            id: MessageId::random(),
            role: Role::User,
            content: QUESTION.to_owned(),
            sources: Vec::new(),
            outcome: None,
            created_at: jiff::Timestamp::now(),
        })
        .bench_local_values(|message| {
            RUNTIME
                .block_on(conversations.save(ConversationId::random(), &message))
                .expect("the message is saved");
        });
}

/// A model's text in pieces of about 25 bytes, with markers.
fn pieces() -> Vec<String> {
    (0..100).map(|place| format!("and so the book goes on [{}] ", place % 7)).collect()
}

#[divan::bench]
fn citation_filter(bencher: Bencher<'_, '_>) {
    let pieces = pieces();
    let bytes: usize = pieces.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(pieces.len())).bench(|| {
        let mut filter = CitationFilter::new(5);
        let shown: usize = pieces.iter().map(|piece| filter.push(piece).len()).sum();
        shown + filter.finish().len()
    });
}

#[divan::bench]
fn event_stream_parser(bencher: Bencher<'_, '_>) {
    let events: Vec<String> = pieces()
        .iter()
        .map(|piece| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{piece}\"}}],\"role\":\"model\"}},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":1000}}}}\r\n\r\n"
            )
        })
        .collect();
    let bytes: usize = events.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(events.len())).bench(|| {
        let (mut parser, mut items) = (SseParser::default(), Vec::new());
        let mut seen = 0;
        for event in &events {
            parser.push(event.as_bytes(), &mut items).expect("within the limit");
            seen += items.drain(..).count();
        }
        seen
    });
}
