//! Books read from disk, as a whole: real sites, hostile input and the promise that no text is lost.

mod books;
mod cover;
mod hostile;
mod inventory;
mod reading;
mod settings;
mod state;
