//! How long an index takes to build, to open and to search, at the sizes of real books: 1,000 to 100,000 chunks.
//!
//! `cargo bench -p search` runs everything; `cargo bench -p search -- lexical` a part. Text and vectors are made up
//! from a fixed seed: 120 words a chunk whose frequencies follow Zipf's law over 50,000 words, as in a large manual,
//! and 384 values a vector. `sizes_and_percentiles` prints file sizes and the percentiles of the hybrid query.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use corpus::{Chunk, ChunkId};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use search::{Index, IndexBuilder, Metadata, Scope, fuse_weighted};

const DIMENSIONS: usize = 384;
const WORDS_IN_CHUNK: usize = 120;
const VOCABULARY: usize = 50_000;
const CHUNKS_ON_PAGE: u32 = 10;

fn main() {
    divan::main();
}

/// A generator of numbers that look random (xorshift64*), so that every run sees the same book.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A word by Zipf's law: rank r with a probability of about 1 / r.
    fn word(&mut self) -> String {
        let rank = (VOCABULARY as f64).powf(self.unit()) as u64;
        // A fixed shuffle of the bits, so that neighbours in rank are no neighbours in the alphabet.
        let mut number = (rank.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % 11_881_376;
        let letter = |number: u64| char::from(b'a' + (number % 26) as u8);
        let mut word = String::new();
        for _ in 0..5 {
            word.push(letter(number));
            number /= 26;
        }
        word
    }

    fn text(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn vector(&mut self) -> Vec<f32> {
        // The sum of uniform numbers is close enough to a normal one for a direction.
        (0..DIMENSIONS).map(|_| (0..4).map(|_| self.unit() as f32 - 0.5).sum()).collect()
    }
}

fn chunk(number: u32, random: &mut Random) -> Chunk {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random.next().to_le_bytes());
    id[8..12].copy_from_slice(&number.to_le_bytes());
    let page = number / CHUNKS_ON_PAGE;
    Chunk {
        id: ChunkId(id),
        file_path: format!("docs/page-{page}.md"),
        title: format!("Page {page}"),
        url: format!("https://book.example/docs/page-{page}"),
        anchor: Some(format!("section-{number}")),
        heading_path: vec![random.text(3)],
        section_depth: 2,
        position: number % CHUNKS_ON_PAGE,
        content: random.text(WORDS_IN_CHUNK),
        sentences: Vec::new(),
        token_count: WORDS_IN_CHUNK as u32,
        version: None,
        locale: "en".to_owned(),
        content_hash: ChunkId(id),
    }
}

fn chunks(count: u32) -> Vec<Chunk> {
    let mut random = Random(0x00D0_CE47);
    (0..count).map(|number| chunk(number, &mut random)).collect()
}

fn builder_of(chunks: &[Chunk], dimensions: usize) -> IndexBuilder {
    let mut random = Random(0x5EED);
    let mut builder = IndexBuilder::new(Metadata { dimensions, ..Metadata::default() });
    for chunk in chunks {
        let vector = if dimensions == 0 { Vec::new() } else { random.vector() };
        builder.push(chunk, &vector);
    }
    builder
}

/// An index file of `count` chunks with vectors, written once a run.
struct Book {
    path: PathBuf,
    index: Index,
    made_in: Duration,
    _folder: tempfile::TempDir,
}

impl Book {
    fn new(count: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("book.index");
        let chunks = chunks(count);
        let started = Instant::now();
        builder_of(&chunks, DIMENSIONS).write_file(&path).expect("the index is written");
        let made_in = started.elapsed();
        let index = Index::open(&path).expect("the index opens");
        Self { path, index, made_in, _folder: folder }
    }

    fn of(count: u32) -> &'static Self {
        static BOOKS: [LazyLock<Book>; 4] = [
            LazyLock::new(|| Book::new(1_000)),
            LazyLock::new(|| Book::new(5_000)),
            LazyLock::new(|| Book::new(10_000)),
            LazyLock::new(|| Book::new(100_000)),
        ];
        &BOOKS[match count {
            1_000 => 0,
            5_000 => 1,
            10_000 => 2,
            _ => 3,
        }]
    }
}

/// Questions of eight words as readers use them, frequent and rare ones.
fn queries(count: usize) -> Vec<(String, Vec<f32>)> {
    let mut random = Random(0x0A5C);
    (0..count).map(|_| (format!("how is the {}", random.text(5)), random.vector())).collect()
}

#[divan::bench(args = [5_000, 100_000], sample_count = 20, sample_size = 1)]
fn open(bencher: Bencher<'_, '_>, count: u32) {
    let book = Book::of(count);
    bencher.bench(|| Index::open(black_box(&book.path)).expect("the index opens"));
}

#[divan::bench(args = [5_000, 100_000])]
fn lexical(bencher: Bencher<'_, '_>, count: u32) {
    let book = Book::of(count);
    let queries = queries(64);
    let mut next = queries.iter().cycle();
    bencher
        .with_inputs(|| next.next().expect("a cycle has no end"))
        .bench_local_values(|(text, _)| book.index.lexical(text, Scope::default(), 10));
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn nearest(bencher: Bencher<'_, '_>, count: u32) {
    let book = Book::of(count);
    let queries = queries(64);
    let mut next = queries.iter().cycle();
    bencher
        .with_inputs(|| next.next().expect("a cycle has no end"))
        .bench_local_values(|(_, vector)| book.index.nearest(vector, Scope::default(), 10));
}

/// The 400 candidates of a question, each with six sentences.
#[divan::bench]
fn raised_by_sentences(bencher: Bencher<'_, '_>) {
    const SENTENCES: usize = 6;
    let mut random = Random(0x5EED);
    let mut builder = IndexBuilder::new(Metadata { dimensions: DIMENSIONS, ..Metadata::default() });
    for chunk in chunks(400) {
        let vectors: Vec<f32> = (0..=SENTENCES).flat_map(|_| random.vector()).collect();
        builder.push(&chunk, &vectors);
    }
    let index = Index::from_bytes(builder.build()).expect("an index");
    let (_, query) = &queries(1)[0];
    let hits = index.nearest(query, Scope::default(), 400);
    bencher.bench_local(|| index.raised_by_sentences(black_box(query), &hits));
}

/// Chunks in, bytes of an index out, without vectors: analysis, postings, file.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn build(bencher: Bencher<'_, '_>) {
    let chunks = chunks(5_000);
    let bytes: usize = chunks.iter().map(|chunk| chunk.content.len()).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| builder_of(black_box(&chunks), 0).build());
}

/// Not a measurement of one thing: prints what the other benches cannot say.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn sizes_and_percentiles() {
    for count in [5_000, 100_000] {
        let Book { index, made_in, .. } = Book::of(count);
        let (mut wall, mut cpu): (Vec<_>, Vec<_>) =
            queries(400).iter().map(|query| hybrid(index, query)).unzip();
        eprintln!(
            "{count} chunks × {DIMENSIONS}: {:.1} MB, {} terms, made in {made_in:.1?}; lexical + nearest + fusion: \
             wall {}, CPU {}",
            index.size_bytes() as f64 / 1e6,
            index.term_count(),
            percentiles(&mut wall),
            percentiles(&mut cpu),
        );
    }
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let percentile = |percent: usize| times[times.len() * percent / 100];
    format!("p50 {:.2?} p95 {:.2?}", percentile(50), percentile(95))
}

/// Time that this thread has run, which a busy machine does not lengthen as it does the time on the wall. Linux
/// counts in ticks of a few milliseconds; zero where the system does not tell.
fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Time on the wall and CPU time of one question.
fn hybrid(index: &Index, (text, vector): &(String, Vec<f32>)) -> (Duration, Duration) {
    let (started, ran) = (Instant::now(), cpu_time());
    let lexical = index.lexical(text, Scope::default(), 50);
    let lexical = lexical.iter().map(|hit| search::Hit { ordinal: hit.ordinal, score: hit.score }).collect();
    let nearest = index.nearest(vector, Scope::default(), 50);
    black_box(fuse_weighted(&[(0.4, lexical), (0.6, nearest)]));
    (started.elapsed(), cpu_time().saturating_sub(ran))
}
