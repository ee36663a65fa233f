//! Docent answers readers' questions about a book.
//!
//! Two lives explain the program. *A book becomes an index*: [`ingest`] reads pages, cuts them into
//! chunks, embeds what is new and writes one file. *A question becomes an answer*: [`http`] accepts it,
//! [`turn`] runs it, [`retrieve`] finds passages, [`answer`] writes cited text, [`conversations`] keeps it.

pub mod answer;
pub mod commands;
pub mod config;
pub mod conversations;
pub mod database;
pub mod doctor;
pub mod eval;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod parts;
pub mod providers;
pub mod retrieve;
pub mod secret;
pub mod space;
pub mod status;
pub mod times;
pub mod turn;
