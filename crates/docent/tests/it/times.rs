//! The manual's table of times is the one that the program goes by.

use std::path::Path;

use docent::config::{Config, Values};
use docent::times::{ANSWER, RESUME, table};

/// The line before the table, and the one that follows its head.
const HEAD: &str = "| what | limit |\n| --- | --- |\n";

#[test]
fn the_manual_shows_the_times_of_the_program() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deployment/faults.md");
    let text = std::fs::read_to_string(&page).expect("the page");
    let (before, rest) = text.split_once(HEAD).expect("the table of times");
    let length = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    let (shown, after) = rest.split_at(length);
    let rows: String = table().iter().map(|(what, limit)| format!("| {what} | {limit} |\n")).collect();
    if shown != rows && std::env::var_os("UPDATE_TIMES").is_some() {
        std::fs::write(&page, format!("{before}{HEAD}{rows}{after}")).expect("written");
        return;
    }
    assert_eq!(shown, rows, "run this test with UPDATE_TIMES=1, then read `git diff`");
}

#[test]
fn what_can_be_set_is_so_long_when_nobody_sets_it() {
    let config = Config::from_values(&Values::with(&[]), Vec::new()).expect("a configuration");
    assert_eq!((config.answer_timeout, config.resume_window), (ANSWER, RESUME));
}
