//! What a very large book costs: 10,000 pages, some 100,000 chunks. Prints time and memory of the program's own
//! `ingest`, the size of the index and how long it takes to open, and the percentiles of a question.
//!
//! `cargo bench -p docent --bench scale` measures; `-- --pages N` takes another size; `-- --write DIR` only writes the
//! book. Sizes and times are printed, not judged: a busy machine is slow.

mod book;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use book::Random;
use corpus::{BookOptions, Chunk, ChunkOptions, chunk_page, read_book};
use search::{Hit, Index, IndexBuilder, Metadata, Scope, fuse_weighted};

const PAGES: usize = 10_000;
/// The size for which a run that finds nothing new has its own goal.
const PAGES_UNCHANGED: usize = 2_000;
const DIMENSIONS: usize = 384;
const QUESTIONS: usize = 400;
/// Hits that each leg gives to the fusion, as for an answer.
const HITS: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let pages = value("--pages").map_or(PAGES, |number| number.parse().expect("--pages needs a number"));
    if let Some(folder) = value("--write") {
        let written = book::write(Path::new(folder), pages).expect("the book is written");
        println!("{pages} pages, {} files, {:.1} MB", written.files, megabytes(written.bytes));
        return;
    }
    // `cargo bench -- NAME` runs all benches with a name that this one does not know.
    if arguments.iter().skip(1).any(|argument| !argument.starts_with("--")) && value("--pages").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    ingest_unchanged(folder.path());
    let large = Large::write(folder.path(), pages);
    large.ingest();
    large.words();
    large.words_and_vectors();
}

/// A small book that has not changed.
fn ingest_unchanged(folder: &Path) {
    let root = folder.join("small");
    book::write(&root, PAGES_UNCHANGED).expect("the book is written");
    let first = Run::ingest(&root);
    println!("{PAGES_UNCHANGED} pages, ingested:            {first}");
    let second = Run::ingest(&root);
    println!("{PAGES_UNCHANGED} pages, nothing has changed: {second}");
    let page = root.join(book::page_name(PAGES_UNCHANGED / 2));
    let text = std::fs::read_to_string(&page).expect("the page is there");
    std::fs::write(&page, text + "One sentence was added to one page.\n").expect("the page is written");
    println!("{PAGES_UNCHANGED} pages, one was edited:      {}", Run::ingest(&root));
}

struct Large {
    root: PathBuf,
    pages: usize,
}

impl Large {
    fn write(folder: &Path, pages: usize) -> Self {
        let root = folder.join("large");
        let written = book::write(&root, pages).expect("the book is written");
        println!("{pages} pages: {} files, {:.1} MB", written.files, megabytes(written.bytes));
        Self { root, pages }
    }

    fn index_file(&self) -> PathBuf {
        data_folder(&self.root).join("index.docent")
    }

    fn ingest(&self) {
        println!("{} pages, ingested:            {}", self.pages, Run::ingest(&self.root));
        println!("{} pages, nothing has changed: {}", self.pages, Run::ingest(&self.root));
    }

    /// The index that the program wrote.
    fn words(&self) {
        let index = open(&self.index_file());
        let mut times: Vec<Duration> = self
            .questions()
            .iter()
            .map(|(text, _)| timed(|| index.lexical(text, Scope::default(), HITS)).1)
            .collect();
        println!("  question, by words:            {}", percentiles(&mut times));
    }

    /// The same chunks with vectors of random directions.
    fn words_and_vectors(&self) {
        let chunks = self.chunks();
        let path = self.root.join("vectors.index");
        let (_, took) = timed(|| {
            let mut random = Random::new(0x5EED);
            let mut builder = IndexBuilder::new(Metadata { dimensions: DIMENSIONS, ..Metadata::default() });
            for chunk in &chunks {
                builder.push(chunk, &random.vector(DIMENSIONS));
            }
            builder.write_file(&path).expect("the index is written");
        });
        println!("  with {DIMENSIONS} values a chunk, written in {took:.1?}");
        drop(chunks);
        let index = open(&path);
        let (mut words, mut vectors, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for (text, vector) in &self.questions() {
            let (lexical, took_words) = timed(|| index.lexical(text, Scope::default(), HITS));
            let (nearest, took_vectors) = timed(|| index.nearest(vector, Scope::default(), HITS));
            let (_, took_fusion) = timed(|| {
                let lexical =
                    lexical.iter().map(|hit| Hit { ordinal: hit.ordinal, score: hit.score }).collect();
                fuse_weighted(&[(0.4, lexical), (0.6, nearest)])
            });
            words.push(took_words);
            vectors.push(took_vectors);
            both.push(took_words + took_vectors + took_fusion);
        }
        println!("  question, by words:            {}", percentiles(&mut words));
        println!("  question, by vectors:          {}", percentiles(&mut vectors));
        println!("  question, by both, fused:      {}", percentiles(&mut both));
    }

    fn chunks(&self) -> Vec<Chunk> {
        let (book, read_in) =
            timed(|| read_book(&self.root, &BookOptions::default()).expect("the book is read"));
        let (chunks, cut_in) = timed(|| {
            let options = ChunkOptions::default();
            book.pages.iter().flat_map(|page| chunk_page(page, &options)).collect::<Vec<_>>()
        });
        println!("  of which reading takes {read_in:.2?} and cutting {cut_in:.2?}");
        chunks
    }

    /// Questions as readers ask them: some words of the language around some of the book's, frequent and rare ones.
    fn questions(&self) -> Vec<(String, Vec<f32>)> {
        let mut random = Random::new(0x0A5C);
        (0..QUESTIONS)
            .map(|_| {
                (
                    format!("how is the {} of a {}", random.words(3), random.words(2)),
                    random.vector(DIMENSIONS),
                )
            })
            .collect()
    }
}

/// Opens an index some times over and says how long that takes.
fn open(path: &Path) -> Index {
    let mut times: Vec<Duration> =
        (0..10).map(|_| timed(|| Index::open(path).expect("the index opens")).1).collect();
    let index = Index::open(path).expect("the index opens");
    println!(
        "  index of {} chunks, {} terms:  {:.1} MB, opened in {}",
        index.len(),
        index.term_count(),
        megabytes(index.size_bytes()),
        percentiles(&mut times)
    );
    index
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let value = work();
    (value, started.elapsed())
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let percentile = |percent: usize| times[times.len() * percent / 100];
    format!("p50 {:.2?}, p95 {:.2?}", percentile(50), percentile(95))
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn data_folder(book: &Path) -> PathBuf {
    book.with_extension("data")
}

/// What one run of the program took.
struct Run {
    took: Duration,
    /// Its processor time and its memory at the highest, where the system tells (Linux).
    usage: Option<Usage>,
    /// What it said.
    words: String,
}

impl Run {
    fn ingest(book: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_docent"));
        command.arg("ingest").arg(book).env("DOCENT_EMBEDDER", "none");
        command.env("DOCENT_DATA_DIR", data_folder(book)).current_dir(book);
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let usage = watch(&mut child);
        let took = started.elapsed();
        let output = child.wait_with_output().expect("the program ends");
        assert!(output.status.success(), "{}", output.status);
        let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Self { took, usage, words }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2?}", self.took)?;
        if let Some(usage) = self.usage {
            write!(formatter, ", CPU {:.2?}, at most {:.0} MB", usage.cpu, megabytes(usage.peak))?;
        }
        write!(formatter, "\n  {}", self.words)
    }
}

#[derive(Debug, Clone, Copy)]
struct Usage {
    cpu: Duration,
    /// Bytes.
    peak: usize,
}

/// Waits for the end of a process and looks at it meanwhile: both figures only grow, so the last look tells.
fn watch(child: &mut Child) -> Option<Usage> {
    const LOOK_EVERY: Duration = Duration::from_millis(2);
    let mut last = None;
    while child.try_wait().expect("the program can be waited for").is_none() {
        last = usage(child.id()).or(last);
        std::thread::sleep(LOOK_EVERY);
    }
    last
}

/// Fields 14 and 15 of `/proc/PID/stat` in ticks of 10 ms, and `VmHWM` of `/proc/PID/status` (proc(5)).
fn usage(process: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let ticks = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Usage { cpu: Duration::from_millis(ticks * 10), peak: kilobytes * 1024 })
}
