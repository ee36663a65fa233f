//! The public surface: an [`Encoder`] holds weights and tokenizer and gives vectors.

use std::path::Path;
use std::sync::Mutex;

use crate::kernels::Level;
use crate::model::{self, Half, Pair, Scratch};
use crate::tokenizer::Tokenizer;
use crate::weights::{Checksum, Storage, Weights};

/// Tokens that a worker encodes in one go: enough that every loaded weight is used often, few enough that the
/// activations stay in the second cache.
const BATCH_TOKENS: usize = 256;

/// Why weights could not be used.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is not a weights file, or damaged.
    #[error("{0}")]
    Format(String),
}

/// Which side of retrieval a text stands on; some models want a prefix for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What a reader asks.
    Query,
    /// What the book says.
    Passage,
}

/// A sentence encoder: weights and tokenizer, ready to use from several threads.
pub struct Encoder {
    weights: Weights,
    tokenizer: Tokenizer,
    level: Level,
    /// Buffers of earlier calls. A call takes one for each of its threads and puts it back.
    scratch: Mutex<Vec<Scratch>>,
}

impl Encoder {
    /// The encoder whose weights are part of the program: all-MiniLM-L6-v2, 384 dimensions.
    ///
    /// Costs a few milliseconds. The weights are not copied: their pages are read on first use and shared by all
    /// processes that run this program.
    pub fn builtin() -> Result<Self, EncoderError> {
        Self::new(Storage::builtin(), Checksum::Trust)
    }

    /// Opens a weights file, made by `weights/convert.py`, by mapping it.
    ///
    /// Every byte is checked first; a file that is cut, damaged or something else gives [`EncoderError::Format`].
    /// Replace a file in use by renaming another over it, never by writing into it.
    pub fn open(path: &Path) -> Result<Self, EncoderError> {
        let named = |error| match error {
            EncoderError::Format(message) => EncoderError::Format(format!("{}: {message}", path.display())),
            io @ EncoderError::Io(_) => io,
        };
        Self::new(Storage::map(path)?, Checksum::Verify).map_err(named)
    }

    /// As [`Encoder::open`], from the bytes of a weights file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, EncoderError> {
        Self::new(Storage::Heap(bytes), Checksum::Verify)
    }

    fn new(storage: Storage, checksum: Checksum) -> Result<Self, EncoderError> {
        let weights = Weights::parse(storage, checksum)?;
        let tokenizer = Tokenizer::new(&weights)?;
        Ok(Self { weights, tokenizer, level: Level::best(), scratch: Mutex::default() })
    }

    /// Computes on `level` instead of the fastest that the processor has. The vectors are the same, bit for bit.
    #[doc(hidden)]
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Names model, weights and pooling: equal fingerprints give equal vectors.
    pub fn fingerprint(&self) -> &str {
        &self.weights.fingerprint
    }

    /// The model's name, such as `all-MiniLM-L6-v2`.
    pub fn name(&self) -> &str {
        &self.weights.settings.name
    }

    /// Licence of the weights and where they come from, as the weights file states them.
    pub fn provenance(&self) -> (&str, &str) {
        (&self.weights.settings.licence, &self.weights.settings.source)
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.weights.settings.hidden
    }

    /// Longest input in tokens, with the two that mark begin and end. What is longer is cut by [`Encoder::encode`].
    pub fn max_tokens(&self) -> usize {
        self.weights.settings.max_tokens
    }

    /// Length of `text` in tokens, with the two that mark begin and end, without the prefix of a role.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.count(text)
    }

    /// Token ids of `text` with the two that mark begin and end, cut to `limit`.
    pub fn token_ids(&self, text: &str, limit: usize) -> Vec<u32> {
        self.tokenizer.encode(text, limit)
    }

    /// Encodes `texts` on up to `threads` threads, a single one on up to two: `texts.len() × dimensions` values, each row of
    /// unit length.
    ///
    /// Texts longer than [`Encoder::max_tokens`] are cut, as the model's reference does; [`Encoder::windows`]
    /// cuts them into parts that fit. The result does not depend
    /// on `threads`, on the processor or on which texts are given together. The calling thread works too; 0 counts
    /// as 1. It is pure computation, about a millisecond for a question and ten for a page of text: call it
    /// outside async threads.
    pub fn encode(&self, texts: &[&str], role: Role, threads: usize) -> Vec<f32> {
        if let ([text], true) = (texts, threads > 1) {
            return self.encode_in_halves(text, role);
        }
        let width = self.dimensions();
        let mut vectors = vec![0.0; texts.len() * width];
        // A few jobs for each thread, so that long texts in one job do not leave the other threads idle.
        let threads = threads.clamp(1, texts.len().max(1));
        let texts_per_job = (texts.len() / (threads * 8)).clamp(1, 32);
        let jobs = Mutex::new(texts.chunks(texts_per_job).zip(vectors.chunks_mut(texts_per_job * width)));
        let work = || {
            self.with_scratch(|scratch| {
                while let Some((texts, vectors)) = jobs.lock().ok().and_then(|mut jobs| jobs.next()) {
                    self.encode_job(texts, role, scratch, vectors);
                }
            });
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // When the system gives no more threads, the others do the work.
                let _ = std::thread::Builder::new().name("encoder".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
        vectors
    }

    /// Encodes one text on two threads, of which the caller's is one.
    fn encode_in_halves(&self, text: &str, role: Role) -> Vec<f32> {
        let ids = self.ids(text, role);
        let mut vector = vec![0.0; self.dimensions()];
        let pair = Pair::default();
        let [mine, other] = pair.halves();
        let work = |half: Half<'_>| {
            self.with_scratch(|scratch| {
                let mut rows = Vec::new();
                model::encode_half(&self.weights, self.level, &ids, &half, scratch, &mut rows);
                rows
            })
        };
        std::thread::scope(|scope| {
            let helper = std::thread::Builder::new().name("encoder".to_owned());
            match helper.spawn_scoped(scope, move || work(other)) {
                Ok(_) => model::pool(&self.weights, self.level, &work(mine), &mut vector),
                // The system gives no more threads.
                Err(_) => self.with_scratch(|scratch| {
                    let texts = std::slice::from_ref(&ids);
                    model::encode(&self.weights, self.level, texts, scratch, &mut vector);
                }),
            }
        });
        vector
    }

    /// Lends buffers of an earlier call, or new ones.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.scratch.lock().ok().and_then(|mut kept| kept.pop()).unwrap_or_default();
        let made = work(&mut scratch);
        if let Ok(mut kept) = self.scratch.lock() {
            kept.push(scratch);
        }
        made
    }

    /// Cuts `body` at spaces into the fewest parts of about equal length such that each fits the model's window
    /// together with `heading` and the prefix of `role`, and gives each part with the heading in front.
    ///
    /// For sections longer than [`Encoder::max_tokens`]: encode every window and let the section score as its best
    /// one. Measured on documentation questions, nDCG@10 is 0.73 so, 0.69 when the section is cut at the first
    /// window, and 0.69 with the mean of the windows.
    ///
    /// Never empty; without the headings, the windows in order are the words of `body`. A window is too long only
    /// where a single word or the heading is; [`Encoder::encode`] then cuts it.
    pub fn windows(&self, heading: &str, body: &str, role: Role) -> Vec<String> {
        let with_heading =
            |part: &str| if heading.is_empty() { part.to_owned() } else { format!("{heading}\n{part}") };
        // Begin and end mark are counted with each.
        let inner = |text: &str| self.tokenizer.count(text) - 2;
        let room = self.max_tokens().saturating_sub(2 + inner(self.prefix(role)) + inner(heading)).max(1);
        let words: Vec<(&str, usize)> = body.split_whitespace().map(|word| (word, inner(word))).collect();
        let tokens: usize = words.iter().map(|(_, tokens)| tokens).sum();
        if tokens <= room {
            return vec![with_heading(body)];
        }
        let goal = tokens.div_ceil(tokens.div_ceil(room));
        let (mut windows, mut part, mut held) = (Vec::new(), String::new(), 0);
        for (word, tokens) in words {
            if held > 0 && (held + tokens > room || held >= goal) {
                windows.push(with_heading(&part));
                part.clear();
                held = 0;
            }
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(word);
            held += tokens;
        }
        windows.push(with_heading(&part));
        windows
    }

    fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.weights.settings.query_prefix,
            Role::Passage => &self.weights.settings.passage_prefix,
        }
    }

    /// Token ids of `text` with the prefix of its role, cut to the window.
    fn ids(&self, text: &str, role: Role) -> Vec<u32> {
        let (prefix, limit) = (self.prefix(role), self.max_tokens());
        if prefix.is_empty() {
            self.tokenizer.encode(text, limit)
        } else {
            self.tokenizer.encode(&format!("{prefix}{text}"), limit)
        }
    }

    fn encode_job(&self, texts: &[&str], role: Role, scratch: &mut Scratch, vectors: &mut [f32]) {
        let width = self.dimensions();
        let mut batch: Vec<Vec<u32>> = Vec::new();
        let (mut done, mut tokens) = (0, 0);
        for (index, text) in texts.iter().enumerate() {
            let ids = self.ids(text, role);
            tokens += ids.len();
            batch.push(ids);
            if tokens >= BATCH_TOKENS || index + 1 == texts.len() {
                let out = &mut vectors[done * width..(index + 1) * width];
                model::encode(&self.weights, self.level, &batch, scratch, out);
                batch.clear();
                (done, tokens) = (index + 1, 0);
            }
        }
    }
}
