//! Prints what was read of a book: `cargo run -p corpus --example dump -- BOOK [FILE]`. With a file all its
//! blocks are shown, else one line a page; then the warnings and the time.

use std::path::Path;
use std::time::Instant;

use corpus::{BookOptions, ChunkOptions, chunk_page, read_book};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let book = arguments.next().unwrap_or_else(|| ".".into());
    let only = arguments.next();
    let started = Instant::now();
    let book = match read_book(Path::new(&book), &BookOptions::default()) {
        Ok(book) => book,
        Err(error) => return eprintln!("{error}"),
    };
    let read = started.elapsed();
    let options = ChunkOptions::default();
    let mut chunks = 0;
    for page in &book.pages {
        let own = chunk_page(page, &options);
        chunks += own.len();
        match &only {
            None => println!("{} {} {:?} {} chunks", page.file, page.route, page.title, own.len()),
            Some(file) if *file == page.file => {
                for section in &page.sections {
                    println!("=== {} {:?} #{:?}", section.depth, section.heading_path, section.anchor);
                    println!("{}\n", section.text());
                }
                for chunk in own {
                    println!("--- chunk {} {} tokens", chunk.id, chunk.token_count);
                    for sentence in &chunk.sentences {
                        println!(
                            "[{:?}] {}",
                            sentence.kind,
                            &chunk.content[sentence.start as usize..sentence.end as usize]
                        );
                    }
                }
            }
            Some(_) => {}
        }
    }
    for warning in book.warnings.iter().chain(book.pages.iter().flat_map(|page| &page.warnings)) {
        println!("warning: {warning}");
    }
    println!(
        "{:?} {:?}: {} pages, {chunks} chunks, read in {read:?}, all in {:?}",
        book.kind,
        book.title,
        book.pages.len(),
        started.elapsed()
    );
}
