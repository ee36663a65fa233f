//! Checks that what we would quote stands in the built page: `quotes SOURCE BUILD [BASE_URL]`.
//!
//! Reads a site's sources and its build, and looks for the visible text of every sentence of every chunk in the
//! built page of the same route, white space aside; compares the anchors as well. Rows of tables are left out:
//! a quote does not go over cells. Prints what is missing and ends with 1 if anything is.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use corpus::{BookOptions, ChunkOptions, Page, SentenceKind, chunk_page, read_book, visible_text};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, build, rest @ ..] = arguments.as_slice() else {
        eprintln!("quotes SOURCE BUILD [BASE_URL]");
        return ExitCode::from(2);
    };
    let all = BookOptions { blog: true, pages: true, ..BookOptions::default() };
    let served = BookOptions { base_url: rest.first().cloned(), ..BookOptions::default() };
    let books = (read_book(Path::new(source), &all), read_book(Path::new(build), &served));
    let (source, build) = match books {
        (Ok(source), Ok(build)) => (source, build),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let built: HashMap<String, (String, Vec<&str>)> =
        build.pages.iter().map(|page| (key(page), (text_of(page), anchors(page)))).collect();
    let (mut sentences, mut missing, mut unbuilt) = (0, 0, 0);
    for page in &source.pages {
        let Some((text, built_anchors)) = built.get(&key(page)) else {
            // Pages of nothing but a title are not in the reading of the build.
            unbuilt += usize::from(page.sections.iter().any(|section| !section.blocks.is_empty()));
            continue;
        };
        if anchors(page) != *built_anchors {
            missing += 1;
            println!("{}: anchors {:?}, built {built_anchors:?}", page.file, anchors(page));
        }
        for chunk in chunk_page(page, &ChunkOptions::default()) {
            for sentence in chunk.sentences.iter().filter(|sentence| sentence.kind != SentenceKind::TableRow)
            {
                let quote =
                    squash(&visible_text(&chunk.content[sentence.start as usize..sentence.end as usize]));
                sentences += 1;
                if !text.contains(&quote) {
                    missing += 1;
                    println!("{}: {quote}", page.file);
                }
            }
        }
    }
    println!(
        "{} pages, {sentences} sentences, {missing} not in the build, {unbuilt} pages not built",
        source.pages.len()
    );
    ExitCode::from(u8::from(missing + unbuilt > 0 || sentences == 0))
}

/// The path of a page, with `index.html` and closing slashes aside.
fn key(page: &Page) -> String {
    let url = page
        .url
        .split_once("://")
        .map_or(page.url.as_str(), |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    url.trim_end_matches("index.html").trim_matches('/').to_owned()
}

fn anchors(page: &Page) -> Vec<&str> {
    page.sections.iter().filter_map(|section| section.anchor.as_deref()).collect()
}

fn text_of(page: &Page) -> String {
    let mut text = String::new();
    for section in &page.sections {
        text.push_str(section.heading_path.last().map_or("", String::as_str));
        for block in &section.blocks {
            text.push(' ');
            text.push_str(&visible_text(&block.text));
        }
        text.push(' ');
    }
    squash(&text)
}

fn squash(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
