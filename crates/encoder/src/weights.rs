//! The weights file: one header of settings in plain text, then the matrices as 8-bit rows with scales.
//! It is compiled in, mapped or held in memory; the large parts are never copied. The layout is described in
//! the crate's README and written by `weights/convert.py`.

mod storage;

use std::ops::Range;

use crate::encoder::EncoderError;
pub(crate) use storage::Storage;

const MAGIC: &[u8; 8] = b"DOCENTW\n";
const FORMAT: u32 = 1;
/// Counts the changes of the arithmetic that give other vectors from the same file.
const ARITHMETIC: u32 = 1;
const FIXED_HEADER: usize = 32;
const ALIGNMENT: usize = 64;
/// Output rows that a kernel computes side by side.
pub(crate) const PANEL: usize = 16;
/// Inner dimensions are padded to this many bytes, so that the widest kernels need no special tail.
pub(crate) const INNER: usize = 64;

/// How the vectors of the tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    Mean,
    FirstToken,
}

/// What the header says of the model.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub name: String,
    pub licence: String,
    pub source: String,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub inner: usize,
    pub positions: usize,
    pub max_tokens: usize,
    pub layer_norm_eps: f32,
    pub pooling: Pooling,
    pub lowercase: bool,
    pub strip_accents: bool,
    pub split_cjk: bool,
    pub query_prefix: String,
    pub passage_prefix: String,
    pub vocabulary: usize,
    vocabulary_bytes: usize,
}

impl Settings {
    pub fn head_dimensions(&self) -> usize {
        self.hidden / self.heads
    }
}

/// A table of vectors: `rows × hidden` signed bytes, each row with its scale.
pub(crate) struct Table {
    bytes: Range<usize>,
    scales: Vec<f32>,
    hidden: usize,
}

/// A matrix with bias, in the panel order of the kernels.
pub(crate) struct Linear {
    panels: Range<usize>,
    /// The input is multiplied by these before it is rounded; padded with zeros to [`Linear::padded_inputs`].
    pub factors: Vec<f32>,
    /// One scale for each output, padded with zeros to a multiple of [`PANEL`].
    pub scales: Vec<f32>,
    pub biases: Vec<f32>,
    pub inputs: usize,
}

impl Linear {
    pub fn padded_inputs(&self) -> usize {
        self.factors.len()
    }

    pub fn padded_outputs(&self) -> usize {
        self.scales.len()
    }
}

/// Gain and offset of a layer normalisation.
pub(crate) struct Norm {
    pub gains: Vec<f32>,
    pub offsets: Vec<f32>,
}

/// One transformer layer.
pub(crate) struct Layer {
    /// Query, key and value in one matrix.
    pub attention: Linear,
    pub context: Linear,
    pub context_norm: Norm,
    pub expand: Linear,
    pub contract: Linear,
    pub contract_norm: Norm,
}

/// A weights file, checked and taken apart.
pub(crate) struct Weights {
    storage: Storage,
    pub settings: Settings,
    pub fingerprint: String,
    pub words: Table,
    pub places: Table,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
    vocabulary: Range<usize>,
}

/// Whether the checksum over the whole file is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    Verify,
    /// For bytes that are part of the program: a test verifies them once, and starting stays quick.
    Trust,
}

impl Weights {
    /// The tokens of the built-in file, one a line, without a look at its weights.
    pub fn builtin_vocabulary() -> Option<&'static [u8]> {
        let Storage::Program(bytes) = Storage::builtin() else { return None };
        let mut reader = Reader { bytes, at: 0 };
        let fixed = reader.take(FIXED_HEADER).ok()?;
        let head = reader.take(usize::try_from(u64_at(fixed, 24)).ok()?).ok()?;
        let settings = Settings::parse(std::str::from_utf8(head).ok()?).ok()?;
        bytes.get(reader.section(settings.vocabulary_bytes).ok()?)
    }

    /// Checks `storage` and takes it apart. Cost: one pass over the bytes when the checksum is verified, else
    /// less than a millisecond.
    pub fn parse(storage: Storage, checksum: Checksum) -> Result<Self, EncoderError> {
        let bytes = storage.bytes();
        let mut reader = Reader { bytes, at: 0 };
        let fixed = reader.take(FIXED_HEADER)?;
        if fixed[..8] != MAGIC[..] {
            return Err(bad(
                "this is not a Docent weights file (the first bytes differ); make one with weights/convert.py",
            ));
        }
        let format = u32_at(fixed, 8);
        if format != FORMAT {
            return Err(bad(&format!(
                "weights file has format {format}, this program reads format {FORMAT}"
            )));
        }
        let length = u64_at(fixed, 16);
        if length != bytes.len() as u64 {
            return Err(bad(&format!(
                "weights file should have {length} bytes but has {}; it is cut or was written in part, copy it again",
                bytes.len()
            )));
        }
        let stored = u32_at(fixed, 12);
        if checksum == Checksum::Verify && crc32fast::hash(&bytes[16..]) != stored {
            return Err(bad("weights file is damaged (its checksum differs); copy it again"));
        }
        let head = usize::try_from(u64_at(fixed, 24))
            .map_err(|_| bad("weights file has a header of absurd length"))?;
        let head = std::str::from_utf8(reader.take(head)?)
            .map_err(|_| bad("weights file has a header that is not UTF-8"))?;
        let settings = Settings::parse(head)?;
        let (hidden, inner) = (settings.hidden, settings.inner);

        let vocabulary = reader.section(settings.vocabulary_bytes)?;
        let words = reader.table(settings.vocabulary, hidden)?;
        let places = reader.table(settings.positions, hidden)?;
        let embedding_norm = reader.norm(hidden)?;
        let mut layers = Vec::with_capacity(settings.layers);
        for _ in 0..settings.layers {
            layers.push(Layer {
                attention: reader.linear(hidden, 3 * hidden)?,
                context: reader.linear(hidden, hidden)?,
                context_norm: reader.norm(hidden)?,
                expand: reader.linear(hidden, inner)?,
                contract: reader.linear(inner, hidden)?,
                contract_norm: reader.norm(hidden)?,
            });
        }
        if reader.at != bytes.len() {
            return Err(bad("weights file is longer than its header says"));
        }
        let fingerprint =
            format!("{}/{}d/int8.{FORMAT}.{ARITHMETIC}-{stored:08x}", settings.name, settings.hidden);
        Ok(Self { storage, settings, fingerprint, words, places, embedding_norm, layers, vocabulary })
    }

    /// The tokens in the order of their ids.
    pub fn vocabulary(&self) -> impl Iterator<Item = &[u8]> {
        self.storage.bytes()[self.vocabulary.clone()].split(|byte| *byte == b'\n')
    }

    /// Row `index` of `table` and its scale.
    pub fn row<'a>(&'a self, table: &'a Table, index: usize) -> (&'a [u8], f32) {
        let start = table.bytes.start + index * table.hidden;
        (&self.storage.bytes()[start..start + table.hidden], table.scales[index])
    }

    /// The weights of `linear` in panel order.
    pub fn panels(&self, linear: &Linear) -> &[u8] {
        &self.storage.bytes()[linear.panels.clone()]
    }
}

impl Settings {
    fn parse(head: &str) -> Result<Self, EncoderError> {
        let find = |key: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .ok_or_else(|| bad(&format!("weights file does not state {key}")))
        };
        let number = |key: &str, limit: usize| match find(key)?.parse::<usize>() {
            Ok(value) if (1..=limit).contains(&value) => Ok(value),
            _ => Err(bad(&format!("weights file has {key}={}, expected 1 to {limit}", find(key)?))),
        };
        let flag = |key: &str| match find(key)? {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(bad(&format!("weights file has {key}={other}, expected true or false"))),
        };
        let settings = Self {
            name: find("name")?.to_owned(),
            licence: find("licence")?.to_owned(),
            source: find("source")?.to_owned(),
            layers: number("layers", 64)?,
            hidden: number("hidden", 4096)?,
            heads: number("heads", 256)?,
            inner: number("inner", 16_384)?,
            positions: number("positions", 8192)?,
            max_tokens: number("max_tokens", 8192)?,
            layer_norm_eps: find("layer_norm_eps")?
                .parse()
                .ok()
                .filter(|eps: &f32| eps.is_finite() && *eps > 0.0)
                .ok_or_else(|| bad("weights file has a layer_norm_eps that is not a positive number"))?,
            pooling: match find("pooling")? {
                "mean" => Pooling::Mean,
                "cls" => Pooling::FirstToken,
                other => return Err(bad(&format!("weights file has pooling={other}, expected mean or cls"))),
            },
            lowercase: flag("lowercase")?,
            strip_accents: flag("strip_accents")?,
            split_cjk: flag("split_cjk")?,
            query_prefix: find("query_prefix")?.to_owned(),
            passage_prefix: find("passage_prefix")?.to_owned(),
            vocabulary: number("vocabulary", 1 << 21)?,
            vocabulary_bytes: number("vocabulary_bytes", 1 << 26)?,
        };
        if !settings.hidden.is_multiple_of(settings.heads) || !settings.head_dimensions().is_multiple_of(2) {
            return Err(bad("weights file has a hidden size that its heads cannot share in even parts"));
        }
        if settings.max_tokens < 3 || settings.max_tokens > settings.positions {
            return Err(bad("weights file has max_tokens that its positions do not cover"));
        }
        Ok(settings)
    }
}

/// Walks the sections in their fixed order. Each starts at a multiple of [`ALIGNMENT`].
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], EncoderError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| bad("weights file is too short; it is cut, copy it again"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn section(&mut self, length: usize) -> Result<Range<usize>, EncoderError> {
        self.take(self.at.next_multiple_of(ALIGNMENT) - self.at)?;
        let start = self.at;
        self.take(length)?;
        Ok(start..self.at)
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, EncoderError> {
        let range = self.section(count * 4)?;
        let (values, _) = self.bytes[range].as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(bad("weights file holds a number that is not finite"))
        }
    }

    fn table(&mut self, rows: usize, hidden: usize) -> Result<Table, EncoderError> {
        let scales = self.floats(rows)?;
        Ok(Table { bytes: self.section(rows * hidden)?, scales, hidden })
    }

    fn norm(&mut self, hidden: usize) -> Result<Norm, EncoderError> {
        Ok(Norm { gains: self.floats(hidden)?, offsets: self.floats(hidden)? })
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Result<Linear, EncoderError> {
        let (wide, high) = (inputs.next_multiple_of(INNER), outputs.next_multiple_of(PANEL));
        let factors = self.floats(wide)?;
        let scales = self.floats(high)?;
        let biases = self.floats(high)?;
        Ok(Linear { panels: self.section(wide * high)?, factors, scales, biases, inputs })
    }
}

fn bad(message: &str) -> EncoderError {
    EncoderError::Format(message.to_owned())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
