//! Token → id. A hash table of its own instead of `HashMap`: keys are slices of one buffer, a piece inside a word
//! is looked up without writing `##` before it, and the whole is built in a few milliseconds.

/// The `##` that marks a piece inside a word.
const INSIDE: &[u8] = b"##";

/// The tokens of a model and where they stand in its list.
pub(crate) struct Vocabulary {
    /// All tokens, one after the other, without the mark.
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// Index of an entry plus one, 0 for an empty place. The length is a power of two.
    places: Vec<u32>,
    longest: usize,
}

struct Entry {
    start: u32,
    length: u16,
    inside: bool,
}

impl Vocabulary {
    /// Numbers `tokens` from 0. Where a token is listed twice, the last one counts, as in the reference.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut vocabulary = Self { text: Vec::new(), entries: Vec::new(), places: Vec::new(), longest: 0 };
        for token in tokens {
            let (inside, token) = token
                .strip_prefix(INSIDE)
                .filter(|rest| !rest.is_empty())
                .map_or((false, token), |rest| (true, rest));
            // No word is longer, so a longer token is never met.
            let length = u16::try_from(token.len()).unwrap_or(0);
            let start = vocabulary.text.len() as u32;
            vocabulary.text.extend_from_slice(&token[..usize::from(length)]);
            vocabulary.longest = vocabulary.longest.max(usize::from(length));
            vocabulary.entries.push(Entry { start, length, inside });
        }
        vocabulary.places = vec![0; (vocabulary.entries.len() * 2).next_power_of_two()];
        for index in 0..vocabulary.entries.len() {
            let Entry { start, length, inside } = vocabulary.entries[index];
            let start = start as usize;
            let hash = vocabulary.text[start..start + usize::from(length)].iter().fold(seed(inside), step);
            let place = vocabulary.place(hash, start, usize::from(length), inside);
            vocabulary.places[place] = index as u32 + 1;
        }
        vocabulary
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The id of a whole token such as `[CLS]`.
    pub fn find(&self, token: &[u8]) -> Option<u32> {
        self.lookup(token.iter().fold(seed(false), step), token, false)
    }

    /// Length in bytes and id of the longest token that `text` begins with.
    pub fn longest_prefix(&self, text: &str, inside: bool) -> Option<(usize, u32)> {
        // One hash of each prefix is enough: it grows with the prefix.
        let mut hashes = [0_u32; 512];
        let bytes = &text.as_bytes()[..text.len().min(self.longest).min(hashes.len())];
        let mut hash = seed(inside);
        for (byte, slot) in bytes.iter().zip(&mut hashes) {
            hash = step(hash, byte);
            *slot = hash;
        }
        (1..=bytes.len())
            .rev()
            .filter(|end| text.is_char_boundary(*end))
            .find_map(|end| Some((end, self.lookup(hashes[end - 1], &bytes[..end], inside)?)))
    }

    fn lookup(&self, hash: u32, token: &[u8], inside: bool) -> Option<u32> {
        let mut place = self.first_place(hash);
        loop {
            let index = self.places[place].checked_sub(1)?;
            if self.is(index as usize, token, inside) {
                return Some(index);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    /// The place that holds this token already, or the empty one where it belongs.
    fn place(&self, hash: u32, start: usize, length: usize, inside: bool) -> usize {
        let token = &self.text[start..start + length];
        let mut place = self.first_place(hash);
        while let Some(index) = self.places[place].checked_sub(1) {
            if self.is(index as usize, token, inside) {
                break;
            }
            place = (place + 1) & (self.places.len() - 1);
        }
        place
    }

    fn is(&self, index: usize, token: &[u8], inside: bool) -> bool {
        let Entry { start, length, inside: marked } = self.entries[index];
        let start = start as usize;
        marked == inside && &self.text[start..start + usize::from(length)] == token
    }

    fn first_place(&self, hash: u32) -> usize {
        // The low bits of FNV are weak on short keys.
        ((hash ^ (hash >> 15)) as usize) & (self.places.len() - 1)
    }
}

/// FNV-1a, started apart for pieces inside a word.
fn seed(inside: bool) -> u32 {
    if inside { 0x1234_5677 } else { 0x811c_9dc5 }
}

fn step(hash: u32, byte: &u8) -> u32 {
    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
}
