//! Text → token ids, by the BERT rules: clean, set CJK characters apart, strip accents, lower the case, cut at
//! spaces and punctuation, then cut each word into the longest pieces of the vocabulary. The ids are those of the
//! reference (`tokenizers` by Hugging Face), also for its oddities; `tests/it/reference.rs` compares them.

mod vocabulary;

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use crate::encoder::EncoderError;
use crate::weights::{Settings, Weights};
use vocabulary::Vocabulary;

/// A word of more characters than this is unknown as a whole, as in the reference.
const LONGEST_WORD: usize = 100;

/// What the reference recognises in the text itself, before any normalisation.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Cuts texts into tokens of one vocabulary.
pub(crate) struct Tokenizer {
    vocabulary: Vocabulary,
    lowercase: bool,
    strip_accents: bool,
    split_cjk: bool,
    unknown: u32,
    first: u32,
    last: u32,
    special: Vec<(&'static str, u32)>,
}

impl Tokenizer {
    pub fn new(weights: &Weights) -> Result<Self, EncoderError> {
        let Settings { lowercase, strip_accents, split_cjk, vocabulary: count, .. } = weights.settings;
        let vocabulary = Vocabulary::new(weights.vocabulary());
        if vocabulary.len() != count {
            return Err(EncoderError::Format(format!(
                "weights file has {} tokens, its header says {count}",
                vocabulary.len()
            )));
        }
        let id = |token: &str| {
            vocabulary
                .find(token.as_bytes())
                .ok_or_else(|| EncoderError::Format(format!("weights file has no {token} in its vocabulary")))
        };
        let (unknown, first, last) = (id("[UNK]")?, id("[CLS]")?, id("[SEP]")?);
        let special = SPECIAL.iter().filter_map(|token| Some((*token, id(token).ok()?))).collect();
        Ok(Self { vocabulary, lowercase, strip_accents, split_cjk, unknown, first, last, special })
    }

    /// Token ids of `text` between `[CLS]` and `[SEP]`, at most `limit` in all: what does not fit is cut from the end.
    pub fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        let mut ids = vec![self.first];
        self.append(text, limit.saturating_sub(1), &mut ids);
        ids.push(self.last);
        ids
    }

    /// How many tokens `text` has in all, with `[CLS]` and `[SEP]`.
    pub fn count(&self, text: &str) -> usize {
        self.encode(text, usize::MAX).len()
    }

    /// Appends the ids of `text` until `ids` holds `limit`.
    fn append(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        let mut rest = text;
        while ids.len() < limit {
            let Some((at, token, id)) = self.next_special(rest) else { break };
            self.append_plain(&rest[..at], limit, ids);
            ids.push(id);
            rest = &rest[at + token.len()..];
        }
        self.append_plain(rest, limit, ids);
        ids.truncate(limit);
    }

    fn next_special(&self, text: &str) -> Option<(usize, &'static str, u32)> {
        let mut from = 0;
        while let Some(at) = text[from..].find('[') {
            let at = from + at;
            if let Some((token, id)) = self.special.iter().find(|(token, _)| text[at..].starts_with(token)) {
                return Some((at, token, *id));
            }
            from = at + 1;
        }
        None
    }

    fn append_plain(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        // A cut long text is not read to its end: the words that are left out would be thrown away.
        let mut word = String::new();
        let end_word = |word: &mut String, ids: &mut Vec<u32>| {
            if !word.is_empty() {
                self.append_word(word, ids);
                word.clear();
            }
            ids.len() < limit
        };
        let mut each = |c: char| {
            if c.is_whitespace() {
                end_word(&mut word, ids)
            } else if is_punctuation(c) {
                end_word(&mut word, ids);
                word.push(c);
                end_word(&mut word, ids)
            } else {
                word.push(c);
                true
            }
        };
        if text.is_ascii() {
            let _ = text.bytes().try_for_each(|byte| {
                let go_on = match byte {
                    b'\t' | b'\n' | b'\r' => each(' '),
                    0..=31 | 127 => true,
                    _ if self.lowercase => each(byte.to_ascii_lowercase() as char),
                    _ => each(byte as char),
                };
                go_on.then_some(())
            });
        } else {
            self.for_each_normal(text, &mut each);
        }
        end_word(&mut word, ids);
    }

    /// Calls `each` with the characters of the normalised text until it gives false.
    fn for_each_normal(&self, text: &str, each: &mut impl FnMut(char) -> bool) {
        let cleaned = text.chars().filter(|c| !is_dropped(*c)).map(|c| if is_space(c) { ' ' } else { c });
        let spaced = cleaned.flat_map(|c| {
            let apart = self.split_cjk && is_chinese(c);
            let around = apart.then_some(' ');
            around.into_iter().chain([c]).chain(around)
        });
        let mut lowered = |c: char| {
            if self.lowercase { c.to_lowercase().all(&mut *each) } else { each(c) }
        };
        if self.strip_accents {
            let _ = spaced.nfd().map(|(c, _)| c).filter(|c| !c.is_mark_nonspacing()).all(&mut lowered);
        } else {
            let mut spaced = spaced;
            let _ = spaced.all(&mut lowered);
        }
    }

    /// Appends the longest pieces that make up `word`, or the unknown token when some part has none.
    fn append_word(&self, word: &str, ids: &mut Vec<u32>) {
        if word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD {
            ids.push(self.unknown);
            return;
        }
        let before = ids.len();
        let bytes = word.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            match self.vocabulary.longest_prefix(&word[start..], start > 0) {
                Some((length, id)) => {
                    ids.push(id);
                    start += length;
                }
                None => {
                    ids.truncate(before);
                    ids.push(self.unknown);
                    return;
                }
            }
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || c.is_whitespace()
}

fn is_dropped(c: char) -> bool {
    c == '\0' || c == '\u{fffd}' || (c.is_other() && !matches!(c, '\t' | '\n' | '\r'))
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || (!c.is_ascii() && c.is_punctuation())
}

/// The CJK ideographs, as the reference lists them.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F
        | 0x2B740..=0x2B81F | 0x2B920..=0x2CEAF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests;
