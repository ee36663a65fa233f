use corpus::{ChunkOptions, chunk_page, read_page};
use search::{IndexBuilder, Metadata};

use super::*;

/// An index of pages cut into chunks of at most `max_tokens`.
fn index(pages: &[(&str, &str)], max_tokens: usize) -> Index {
    let options = ChunkOptions { max_tokens, ..ChunkOptions::default() };
    let mut builder = IndexBuilder::new(Metadata::default());
    for (file, text) in pages {
        chunk_page(&read_page(file, text), &options).iter().for_each(|chunk| builder.push(chunk, &[]));
    }
    Index::from_bytes(builder.build()).expect("an index")
}

/// The chunks that hold these words, best first.
fn hits(index: &Index, words: &[&str]) -> Vec<ScoredChunk> {
    let place = |word: &&str| {
        let found = index.reading_order().find(|ordinal| index.chunk(*ordinal).content.contains(word));
        found.unwrap_or_else(|| panic!("no chunk holds {word}"))
    };
    let scores = (0..).map(|rank| 1.0 - rank as f32 * 0.05);
    let hit = |(ordinal, score)| ScoredChunk { ordinal, score, lexical: None, cosine: None };
    words.iter().map(place).zip(scores).map(hit).collect()
}

/// What is chosen: number, section and text of each passage, blank lines as bars.
fn chosen(index: &Index, words: &[&str], limits: PassageLimits) -> Vec<String> {
    let passages = select(index, &hits(index, words), limits);
    let shown = |passage: &Passage| {
        let section = passage.heading_path.last().unwrap_or(&passage.title);
        format!("{} {section}: {}", passage.n, passage.content.replace("\n\n", " | "))
    };
    passages.iter().map(shown).collect()
}

/// `count` paragraphs of ten words that begin with `name` and their number.
fn paragraphs(name: &str, count: usize) -> String {
    let paragraph = |number| {
        let words: Vec<String> = (2..=10).map(|word| format!("{name}{number}x{word}")).collect();
        format!("{name}{number} {}.\n\n", words.join(" "))
    };
    (1..=count).map(paragraph).collect()
}

/// The first words of the paragraphs of each passage.
fn starts(index: &Index, words: &[&str], limits: PassageLimits) -> Vec<String> {
    let first = |part: &str| part.split(' ').next().unwrap_or_default().to_owned();
    let passages = select(index, &hits(index, words), limits);
    passages
        .iter()
        .map(|passage| passage.content.split("\n\n").map(first).collect::<Vec<_>>().join(" "))
        .collect()
}

fn limits(tokens: usize) -> PassageLimits {
    PassageLimits { tokens, ..PassageLimits::default() }
}

#[test]
fn a_small_section_is_shown_whole() {
    let page = format!("# P\n\n## Short\n\n{}## Other\n\nnothing here\n", paragraphs("s", 8));
    let index = index(&[("p.md", &page)], 40);
    assert!(index.len() > 3, "the section is cut: {} chunks", index.len());
    assert_eq!(starts(&index, &["s2"], limits(2400)), ["s1 s2 s3 s4 s5 s6 s7 s8"]);
}

#[test]
fn of_a_large_section_the_neighbours_come_along() {
    let page = format!("# P\n\n## Long\n\n{}", paragraphs("l", 40));
    let index = index(&[("p.md", &page)], 60);
    let shown = starts(&index, &["l20"], limits(400));
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(shown.contains("l19 l20 l21") && !shown.contains("l1 ") && !shown.contains("l40"), "{shown}");
}

#[test]
fn two_hits_of_one_small_section_are_one_passage() {
    let page = format!("# P\n\n## Short\n\n{}", paragraphs("s", 8));
    let index = index(&[("p.md", &page), ("q.md", "# Q\n\nquite another text\n")], 40);
    assert_eq!(starts(&index, &["s7", "s1", "another"], limits(2400)), ["s1 s2 s3 s4 s5 s6 s7 s8", "quite"]);
}

#[test]
fn near_duplicates_are_shown_once() {
    let note = "The flywheel must be stopped before anyone opens the housing of the gearbox or the motor";
    let first = format!("# A\n\n{note} today.\n");
    let copy = format!("# B\n\n{note} tomorrow.\n");
    let index = index(&[("a.md", &first), ("b.md", &copy), ("c.md", "# C\n\nWheels turn.\n")], 512);
    let shown = chosen(&index, &["today", "tomorrow", "Wheels"], limits(2400));
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].contains("today") && shown[1].contains("Wheels"), "{shown:?}");
}

#[test]
fn a_page_has_two_passages_and_numbers_have_no_gap() {
    let page = "# P\n\n## A\n\nalpha\n\n## B\n\nbeta\n\n## C\n\ngamma\n";
    let index = index(&[("p.md", page), ("q.md", "# Q\n\ndelta\n")], 512);
    let shown = chosen(&index, &["gamma", "alpha", "beta", "delta"], limits(2400));
    assert_eq!(shown, ["1 C: gamma", "2 A: alpha", "3 Q: delta"]);
}

#[test]
fn the_budget_holds_and_the_best_hit_is_always_there() {
    let page = format!("# P\n\n## Long\n\n{}", paragraphs("l", 12));
    let other = format!("# Q\n\n## Long\n\n{}", paragraphs("m", 12));
    let index = index(&[("p.md", &page), ("q.md", &other)], 60);
    for tokens in [1, 50, 100, 150, 300, 1000] {
        let passages = select(&index, &hits(&index, &["l6", "m2", "m9", "l1 "]), limits(tokens));
        let used: usize = passages.iter().map(|passage| corpus::count_tokens(&passage.content)).sum();
        assert!(passages[0].content.contains("l6"), "{tokens}");
        assert!(used <= tokens || passages.len() == 1, "{tokens}: {used}");
    }
}
