//! Reads a book on disk and turns it into pages, sections and chunks.
//!
//! The crate is synchronous and pure: it reads files and returns values. Text from authors is never
//! an error; what could not be understood becomes a [`Warning`] with its path and line.

mod book;
mod built;
mod chunk;
mod cut;
mod docusaurus;
mod files;
mod folder;
mod front_matter;
mod markdown;
mod mdbook;
mod outline;
mod page;
mod parallel;
mod sentence;
mod slug;
mod state;
mod tokens;
mod visible;
mod warning;
mod web;

pub use book::{Book, BookError, BookKind, BookOptions, read_book, read_book_with};
pub use built::read_html_page;
pub use chunk::{Chunk, ChunkId, ChunkOptions, Sentence, SentenceKind};
pub use cut::{chunk_page, chunk_sections};
pub use docusaurus::{PagePart, page_from_parts, read_page};
pub use page::{Block, BlockKind, Page, Section};
pub use state::{FolderState, folder_state};
pub use tokens::count_tokens;
pub use visible::{visible_cells, visible_text};
pub use warning::Warning;
pub use web::{PageLinks, Sitemap, page_links, read_fetched, read_sitemap};
