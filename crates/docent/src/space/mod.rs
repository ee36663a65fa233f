//! A Hugging Face Space: what is uploaded, and what is said to the Hub.
//!
//! [`card`] checks the README's front matter by the rules of the Hub, [`export`] writes the tree that is uploaded,
//! [`settings`] says which secrets and variables go along, [`hub`] speaks the Hub's API, [`upload`] makes one commit of a
//! tree, [`follow`] waits until that commit runs, and [`tail`] reads a [`log`] as it grows.

pub mod card;
pub mod export;
pub mod follow;
pub mod hub;
pub mod log;
pub mod settings;
pub mod tail;
pub mod upload;

pub use export::{BookPart, ExportError, Exported, Program, find_sources};
