//! Docent from outside: over HTTP against the real router, as a process, and by its sources. Everything runs on loopback,
//! with books that the tests write and doubles in place of the model providers.

mod support;

mod arrows;
mod bad_input;
mod chat;
mod commands;
mod conversations;
mod deploy;
mod doctor;
mod embedding;
mod faults;
mod followups;
mod goldens;
mod health;
mod ingest;
mod injection;
mod limits;
mod lives;
mod logs;
mod origins;
mod outages;
mod outbox;
mod pages;
mod postgres;
mod processes;
mod qdrant;
mod qdrant_book;
mod quickstart;
mod resume;
mod selections;
mod sites;
mod space;
mod times;
mod unsupported;
mod watch;
mod whole;
