//! Cuts sections into chunks: blocks are packed whole as long as they fit, what is too long is cut at
//! sentences, lines or rows, and nothing is left out.

use std::collections::HashMap;
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use crate::sentence::split_sentences;
use crate::{BlockKind, Chunk, ChunkId, ChunkOptions, Page, Section, Sentence, SentenceKind, count_tokens};

/// A list item longer than this many bytes is quoted sentence by sentence.
const LONG_ITEM_BYTES: usize = 300;

/// Cuts a page into chunks along its sections and blocks.
///
/// No text is dropped: the contents of a section's chunks, in order and without white space, equal
/// [`crate::Section::text`] without white space (a code block or table that had to be cut repeats its fence or
/// header row in each part). A section without blocks gives no chunk; its heading is in the path of the
/// sections below it. O(n).
pub fn chunk_page(page: &Page, options: &ChunkOptions) -> Vec<Chunk> {
    chunk_sections(page, options).into_iter().flatten().collect()
}

/// The chunks of [`chunk_page`], one list for each of the page's sections, in their order; a section without
/// blocks has an empty one. Two sections may look the same (same headings, no anchor); the lists tell them apart.
pub fn chunk_sections(page: &Page, options: &ChunkOptions) -> Vec<Vec<Chunk>> {
    let mut all = Vec::with_capacity(page.sections.len());
    let mut position = 0;
    let mut seen: HashMap<(&[String], Option<&str>), u32> = HashMap::new();
    for section in &page.sections {
        let mut chunks: Vec<Chunk> = Vec::new();
        if section.blocks.is_empty() {
            all.push(chunks);
            continue;
        }
        // Two sections of one page may look the same; their chunks are told apart by a count.
        let count = seen.entry((&section.heading_path, section.anchor.as_deref())).or_default();
        let occurrence = *count;
        *count += 1;
        for (place, pieces) in pack(section, options).into_iter().enumerate() {
            let (content, sentences) = assemble(&pieces);
            let token_count = count_tokens(&content);
            let mut chunk = Chunk {
                id: ChunkId([0; 16]),
                file_path: page.file.clone(),
                title: page.title.clone(),
                url: page.url.clone(),
                anchor: section.anchor.clone(),
                heading_path: section.heading_path.clone(),
                section_depth: section.depth,
                position,
                token_count: u32::try_from(token_count).unwrap_or(u32::MAX),
                content,
                sentences,
                version: page.version.clone(),
                locale: page.locale.clone(),
                content_hash: ChunkId([0; 16]),
            };
            chunk.content_hash = hash(&[&chunk.embedding_text()]);
            chunk.id = identify(&chunk, occurrence, place);
            chunks.push(chunk);
            position += 1;
        }
        all.push(chunks);
    }
    all
}

/// The id does not hold the position on the page, so a new section above changes no other chunk's id.
fn identify(chunk: &Chunk, occurrence: u32, place: usize) -> ChunkId {
    let numbers = format!("{occurrence}.{place}");
    let mut parts = vec![
        chunk.file_path.as_str(),
        chunk.version.as_deref().unwrap_or_default(),
        chunk.locale.as_str(),
        chunk.anchor.as_deref().unwrap_or_default(),
        numbers.as_str(),
        chunk.content.as_str(),
    ];
    parts.extend(chunk.heading_path.iter().map(String::as_str));
    hash(&parts)
}

fn hash(parts: &[&str]) -> ChunkId {
    let mut state = Xxh3::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        state.update(&(part.len() as u64).to_le_bytes());
        state.update(part.as_bytes());
    }
    ChunkId(state.digest128().to_be_bytes())
}

/// A block, or a part of one that was too long.
#[derive(Debug, Clone)]
struct Piece {
    kind: BlockKind,
    text: String,
    tokens: usize,
    /// Carries on a block that was cut.
    continued: bool,
}

/// The pieces of each chunk of a section.
fn pack(section: &Section, options: &ChunkOptions) -> Vec<Vec<Piece>> {
    let limit = options.max_tokens.max(8);
    let pieces: Vec<Piece> =
        section.blocks.iter().flat_map(|block| cut_block(block.kind, &block.text, limit)).collect();
    let total: usize = pieces.iter().map(|piece| piece.tokens).sum();
    // As many chunks as the limit asks for, and all about equally long: no crumb at the end.
    let target = if total <= limit { limit } else { total.div_ceil(total.div_ceil(limit)) };
    let mut chunks: Vec<Vec<Piece>> = Vec::new();
    let mut open: Vec<Piece> = Vec::new();
    let mut tokens = 0;
    for piece in pieces {
        let full = tokens + piece.tokens > limit;
        // Short of the limit a chunk is closed at its target, unless the piece that follows is a crumb or
        // belongs to a list that goes on.
        let enough = tokens >= target && piece.tokens >= options.min_tokens && !piece.continued;
        if !open.is_empty() && (full || enough) {
            chunks.push(std::mem::take(&mut open));
            tokens = 0;
        }
        tokens += piece.tokens;
        open.push(piece);
    }
    if let Some(previous) = chunks.last_mut().filter(|_| tokens < options.min_tokens) {
        // A crumb is left: the chunk before it gives of its own what keeps both in bounds.
        let mut before: usize = previous.iter().map(|piece| piece.tokens).sum();
        while tokens < options.min_tokens && previous.len() > 1 {
            let Some(last) = previous.last() else { break };
            if before - last.tokens < options.min_tokens || tokens + last.tokens > limit {
                break;
            }
            before -= last.tokens;
            tokens += last.tokens;
            open.extend(previous.pop());
            open.rotate_right(1);
        }
    }
    if !open.is_empty() {
        chunks.push(open);
    }
    chunks
}

fn cut_block(kind: BlockKind, text: &str, limit: usize) -> Vec<Piece> {
    let tokens = count_tokens(text);
    if tokens <= limit {
        return vec![Piece { kind, text: text.to_owned(), tokens, continued: false }];
    }
    let texts = match kind {
        BlockKind::Code => cut_code(text, limit),
        BlockKind::Table => cut_table(text, limit),
        BlockKind::Prose | BlockKind::ListItem | BlockKind::Math => cut_prose(text, limit),
    };
    texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| Piece { kind, tokens: count_tokens(&text), text, continued: index > 0 })
        .collect()
}

/// Whole sentences up to the limit; a longer sentence is cut between words, a longer word anywhere.
fn cut_prose(text: &str, limit: usize) -> Vec<String> {
    let mut ranges = split_sentences(text);
    // A list item's marker stands before its first sentence.
    if let Some(first) = ranges.first_mut() {
        first.start = 0;
    }
    let units = ranges.into_iter().flat_map(|range| {
        let sentence = &text[range];
        if count_tokens(sentence) <= limit { vec![sentence] } else { cut_words(sentence, limit) }
    });
    fill(units, " ", limit)
}

fn cut_words(text: &str, limit: usize) -> Vec<&str> {
    text.split_inclusive(char::is_whitespace)
        .flat_map(|word| if count_tokens(word) <= limit { vec![word] } else { cut_anywhere(word, limit) })
        .collect()
}

/// Cuts a row that is longer than a chunk between words, into parts as long as may be.
fn cut_row(row: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut end, mut tokens) = (0, 0, 0);
    for word in cut_words(row, limit) {
        let cost = count_tokens(word);
        if end > start && tokens + cost > limit {
            parts.push(row[start..end].trim());
            (start, tokens) = (end, 0);
        }
        end += word.len();
        tokens += cost;
    }
    parts.push(row[start..end].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Cuts text without white space. A character costs at most one token, so `limit` characters always fit.
fn cut_anywhere(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(limit).map_or(rest.len(), |(at, _)| at);
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}

/// Joins units into texts of at most `limit` tokens.
fn fill<'a>(units: impl Iterator<Item = &'a str>, separator: &str, limit: usize) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut tokens = 0;
    for unit in units {
        let cost = count_tokens(unit);
        if !open.is_empty() && tokens + cost > limit {
            texts.push(std::mem::take(&mut open));
            tokens = 0;
        }
        if !open.is_empty() && !open.ends_with(char::is_whitespace) {
            open.push_str(separator);
        }
        open.push_str(unit);
        tokens += cost;
    }
    texts.push(open);
    texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// Cuts at lines, blank ones first, and gives each part its fence.
fn cut_code(text: &str, limit: usize) -> Vec<String> {
    let Some((fence, rest)) = text.split_once('\n') else { return cut_words_owned(text, limit) };
    let Some((body, closing)) = rest.rsplit_once('\n') else { return cut_words_owned(text, limit) };
    let room = limit.saturating_sub(count_tokens(fence) + count_tokens(closing)).max(1);
    let lines = body
        .split('\n')
        .flat_map(|line| if count_tokens(line) <= room { vec![line] } else { cut_anywhere(line, room) });
    fill_lines(lines, room).into_iter().map(|part| format!("{fence}\n{part}\n{closing}")).collect()
}

/// Cuts at rows and gives each part the header row.
fn cut_table(text: &str, limit: usize) -> Vec<String> {
    let (header, rows) = text.split_once('\n').unwrap_or((text, ""));
    let header_tokens = count_tokens(header);
    if header_tokens * 2 > limit || rows.is_empty() {
        // A header that fills a chunk by itself cannot be repeated.
        let rows = text
            .split('\n')
            .flat_map(|row| if count_tokens(row) <= limit { vec![row] } else { cut_row(row, limit) });
        return fill_lines(rows, limit);
    }
    let room = limit - header_tokens;
    let rows = rows
        .split('\n')
        .flat_map(|row| if count_tokens(row) <= room { vec![row] } else { cut_row(row, room) });
    fill_lines(rows, room).into_iter().map(|part| format!("{header}\n{part}")).collect()
}

fn cut_words_owned(text: &str, limit: usize) -> Vec<String> {
    fill(cut_words(text, limit).into_iter(), " ", limit)
}

fn fill_lines<'a>(lines: impl Iterator<Item = &'a str>, limit: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut tokens = 0;
    let mut close = |open: &mut Vec<&str>| {
        let part = open.join("\n");
        let part = part.trim_matches('\n').trim_end();
        if !part.trim().is_empty() {
            parts.push(part.to_owned());
        }
        open.clear();
    };
    for line in lines {
        let cost = count_tokens(line);
        // Three quarters full, a blank line is a better place to stop than the very end.
        let good_place = line.trim().is_empty() && tokens * 4 >= limit * 3;
        if !open.is_empty() && (tokens + cost > limit || good_place) {
            close(&mut open);
            tokens = 0;
        }
        open.push(line);
        tokens += cost;
    }
    close(&mut open);
    parts
}

/// The text of a chunk and its sentences.
fn assemble(pieces: &[Piece]) -> (String, Vec<Sentence>) {
    let mut content = String::new();
    let mut sentences = Vec::new();
    let mut previous: Option<BlockKind> = None;
    for piece in pieces {
        if let Some(kind) = previous {
            let tight = kind == BlockKind::ListItem && piece.kind == BlockKind::ListItem;
            content.push_str(if tight { "\n" } else { "\n\n" });
        }
        previous = Some(piece.kind);
        let start = content.len();
        content.push_str(&piece.text);
        piece_sentences(piece, start, &mut sentences);
    }
    (content, sentences)
}

fn piece_sentences(piece: &Piece, start: usize, sentences: &mut Vec<Sentence>) {
    let text = piece.text.as_str();
    let mut add = |range: Range<usize>, kind| {
        let place = |at: usize| u32::try_from(start + at).unwrap_or(u32::MAX);
        sentences.push(Sentence { start: place(range.start), end: place(range.end), kind });
    };
    match piece.kind {
        BlockKind::Prose => {
            split_sentences(text).into_iter().for_each(|range| add(range, SentenceKind::Prose));
        }
        BlockKind::ListItem => {
            let marker = if piece.continued { 0 } else { marker_length(text) };
            let item = &text[marker..];
            if item.len() > LONG_ITEM_BYTES {
                for range in split_sentences(item) {
                    add(marker + range.start..marker + range.end, SentenceKind::ListItem);
                }
            } else if !item.trim().is_empty() {
                add(marker..text.len(), SentenceKind::ListItem);
            }
        }
        BlockKind::Table => {
            let mut at = 0;
            for row in text.split('\n') {
                if !row.trim().is_empty() {
                    add(at..at + row.len(), SentenceKind::TableRow);
                }
                at += row.len() + 1;
            }
        }
        BlockKind::Code | BlockKind::Math => add(0..text.len(), SentenceKind::Code),
    }
}

/// Bytes of an item's indentation, marker and check box.
pub(crate) fn marker_length(text: &str) -> usize {
    let trimmed = text.trim_start_matches(' ');
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match trimmed.strip_prefix("- ") {
        Some(rest) => rest,
        None if digits > 0 => match trimmed[digits..].strip_prefix(". ") {
            Some(rest) => rest,
            None => return 0,
        },
        None => return 0,
    };
    let rest = rest.strip_prefix("[x] ").or_else(|| rest.strip_prefix("[ ] ")).unwrap_or(rest);
    text.len() - rest.len()
}
