//! What ranking does beyond counting words and comparing vectors, each part with a name, so that it can be left out
//! and what it brings can be measured.

/// A part of ranking that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Slips of the finger are read as what was meant.
    Spelling,
    /// The words of the question are looked for.
    Words,
    /// Words in titles and headings count twice.
    Fields,
    /// The meaning of the question is looked for, where there is an embedder.
    Meaning,
    /// A chunk is as near as its nearest sentence.
    Sentences,
    /// Meaning counts for more when the best section holds few of the question's words.
    Paraphrase,
    /// A section gains a little from the best section of its page.
    Page,
    /// A section whose heading is the question comes first.
    Heading,
}

impl Step {
    /// All of them, in the order in which a question meets them.
    pub const ALL: [Self; 8] = [
        Self::Spelling,
        Self::Words,
        Self::Fields,
        Self::Meaning,
        Self::Sentences,
        Self::Paraphrase,
        Self::Page,
        Self::Heading,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spelling => "spelling",
            Self::Words => "words",
            Self::Fields => "fields",
            Self::Meaning => "meaning",
            Self::Sentences => "sentences",
            Self::Paraphrase => "paraphrase",
            Self::Page => "page",
            Self::Heading => "heading",
        }
    }
}

/// Which parts of ranking are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps(u32);

impl Default for Steps {
    fn default() -> Self {
        Self::ALL
    }
}

impl Steps {
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether `step` is in use.
    pub fn has(self, step: Step) -> bool {
        self.0 & 1 << step as u32 != 0
    }

    /// The same without `step`.
    pub fn without(self, step: Step) -> Self {
        Self(self.0 & !(1 << step as u32))
    }
}
