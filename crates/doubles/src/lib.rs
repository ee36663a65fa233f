//! Test doubles of the outside services, on loopback: a Gemini, an OpenAI-compatible server and a Qdrant that are as strict
//! as the real ones, answer the same every time, fail on demand, and remember what they were asked. Their truth is checked from
//! outside: the providers' own client libraries run against them (`contract/`).
//!
//! ```no_run
//! # async fn example() {
//! use doubles::{Fault, GeminiDouble};
//! let gemini = GeminiDouble::start().await;
//! gemini.fault(Fault::Status { code: 503 });
//! // … a client works against `gemini.base_url()` with the key `gemini.key()` …
//! assert_eq!(gemini.requests().len(), 2, "asked again after the 503");
//! # }
//! ```
//!
//! [`NeonDouble`] is the SQL-over-HTTPS service of a hosted Postgres; the statements run on a real one.
//!
//! Everything that a test can set is also reachable over HTTP for scripts: `POST /__faults`, `POST /__answers`,
//! `POST /__pace`, `POST /__refuse`, `POST /__reset`, `GET /__requests`.

mod answer;
mod body;
mod control;
mod embedding;
mod fault;
mod gemini;
mod hub;
mod neon;
mod openai;
mod qdrant;
mod server;

pub use control::{Control, Operation, Pace, Recorded};
pub use embedding::embed;
pub use fault::{Fault, Planned, Quota};
pub use gemini::GeminiDouble;
pub use hub::{HubDouble, HubFault, SpaceState, StoredFile};
pub use neon::NeonDouble;
pub use openai::OpenAiDouble;
pub use qdrant::QdrantDouble;
