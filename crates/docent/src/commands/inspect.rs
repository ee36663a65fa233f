//! `docent inspect`: what is read from a book, one line a section.

use std::io::{BufWriter, Write};

use anyhow::Context;
use clap::Args;
use corpus::{Chunk, ChunkOptions, Page, Section, Warning, chunk_sections, read_book};
use serde::Serialize;

use super::BookArguments;
use super::source::BookSource;
use super::table::table;
use crate::ingest::{Progress, read_site};

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the book, or address of a built site
    book: BookSource,
    /// Print one JSON object a section
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: BookArguments,
}

/// One section as it was read.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    route: &'a str,
    url: &'a str,
    anchor: Option<&'a str>,
    heading_path: &'a [String],
    chunks: usize,
    tokens: usize,
    warnings: Vec<&'a Warning>,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let context = || format!("cannot read the book in {}", arguments.book);
    let book = match &arguments.book {
        BookSource::Folder(folder) => read_book(folder, &arguments.how.options()).with_context(context)?,
        BookSource::Site(start) => {
            let options = arguments.how.site_options();
            read_site(start, &options, &Progress::on_stderr()).await.with_context(context)?
        }
    };
    for warning in &book.warnings {
        eprintln!("warning: {warning}");
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut people = table(&["route", "anchor", "section", "chunks", "tokens", "warnings"]);
    let (mut sections, mut chunks, mut tokens) = (0, 0, 0);
    for page in &book.pages {
        let cut = chunk_sections(page, &ChunkOptions::default());
        for (place, (section, own)) in page.sections.iter().zip(&cut).enumerate() {
            let line = line(page, place, section, own);
            sections += 1;
            chunks += line.chunks;
            tokens += line.tokens;
            if arguments.json {
                serde_json::to_writer(&mut out, &line).map_err(std::io::Error::from)?;
                writeln!(out)?;
            } else {
                let warnings: Vec<String> = line.warnings.iter().map(|warning| warning.to_string()).collect();
                people.add_row([
                    line.route.to_owned(),
                    line.anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default(),
                    line.heading_path.join(" > "),
                    line.chunks.to_string(),
                    line.tokens.to_string(),
                    warnings.join("\n"),
                ]);
            }
        }
    }
    if !arguments.json {
        writeln!(out, "{people}")?;
        writeln!(
            out,
            "{}: {} pages, {sections} sections, {chunks} chunks, {tokens} tokens",
            book.title,
            book.pages.len()
        )?;
    }
    out.flush()?;
    Ok(())
}

/// A section's line.
fn line<'a>(page: &'a Page, place: usize, section: &'a Section, chunks: &[Chunk]) -> Line<'a> {
    let next_line = page.sections.get(place + 1).map_or(usize::MAX, |next| next.line);
    let warnings = page
        .warnings
        .iter()
        .filter(|warning| {
            let first = place == 0 && warning.line < section.line;
            first || (section.line..next_line).contains(&warning.line)
        })
        .collect();
    Line {
        file: &page.file,
        route: &page.route,
        url: &page.url,
        anchor: section.anchor.as_deref(),
        heading_path: &section.heading_path,
        chunks: chunks.len(),
        tokens: chunks.iter().map(|chunk| chunk.token_count as usize).sum(),
        warnings,
    }
}
