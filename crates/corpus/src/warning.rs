//! What an author should know about a file that was read all the same.

use std::fmt;

use serde::Serialize;

/// Something in a book that was understood only in part; the text around it was kept.
///
/// `file` is relative to the book's root with `/` separators; `line` counts from 1 and is 0 when the
/// whole file is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Path relative to the book's root.
    pub file: String,
    /// Line in that file, from 1; 0 for the whole file.
    pub line: usize,
    /// What was found, lower case, no final dot, ending in what to do when that is known.
    pub message: String,
}

impl Warning {
    /// A warning about a whole file.
    pub(crate) fn file(file: &str, message: &str) -> Self {
        Self { file: file.to_owned(), line: 0, message: message.to_owned() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(formatter, "{}: {}", self.file, self.message)
        } else {
            write!(formatter, "{}:{}: {}", self.file, self.line, self.message)
        }
    }
}
