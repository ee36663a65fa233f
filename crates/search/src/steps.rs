//! What ranking does beyond counting words and comparing vectors, each part with a name, so that it can be left out
//! and what it brings can be measured.

/// A part of ranking that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Slips of the finger are read as what was meant.
    Spelling,
}

impl Step {
    /// All of them, in the order in which a question meets them.
    pub const ALL: [Self; 1] = [Self::Spelling];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spelling => "spelling",
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
