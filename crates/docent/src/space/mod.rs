//! A Hugging Face Space: what is uploaded, and what is said to the Hub.
//!
//! [`card`] checks the README's front matter by the rules of the Hub, [`export`] writes the tree that is uploaded.

pub mod card;
pub mod export;

pub use export::{BookPart, ExportError, Exported, Program, find_sources};
