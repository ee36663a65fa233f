//! The encoder as its users see it.

mod reference;
mod vectors;
mod weights_file;
