//! Text to unit vector on the CPU, from local weights. Synchronous and pure: no network, no other runtime.
//!
//! [`Encoder`] is the surface, with [`is_word`] beside it. Inside, in the order in which a text travels:
//! - `tokenizer`: text → token ids, the same ids as the reference WordPiece gives;
//! - `weights`: the file of 8-bit rows that this crate defines, compiled in or mapped;
//! - `model`: ids → vector, a BERT forward pass over texts laid end to end, without padding;
//! - `math`: what happens to one row of activations (normalise, activate, round to 8 bits);
//! - `words`: which words are common English, as the built-in vocabulary has it;
//! - `kernels`: matrix products for each kind of processor, and the only room with `unsafe` arithmetic.
//!
//! Matrix products are sums of integers and everything else keeps one order of operations, so every
//! processor gives the same vector, bit for bit.
#![deny(unsafe_code)]

mod encoder;
mod kernels;
mod math;
mod model;
mod tokenizer;
mod weights;
mod words;

pub use encoder::{Encoder, EncoderError, Role};
#[doc(hidden)]
pub use kernels::Level;
pub use words::is_word;
