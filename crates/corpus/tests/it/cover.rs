//! No text is dropped: not by the chunker, checked against the sections, and not by the reader, checked
//! against a plain look at the source.

use corpus::{
    Block, BlockKind, BookOptions, ChunkOptions, Page, Section, SentenceKind, chunk_page, chunk_sections,
    count_tokens, read_book, read_page,
};
use proptest::prelude::*;

use crate::books::shared_site;

/// The text that a section's chunks hold, with the repeated fences and header rows of cut blocks taken out
/// again, and what the section holds: both without white space.
fn assert_covered(page: &Page, options: &ChunkOptions) {
    let chunks = chunk_page(page, options);
    let place = |path: &[String], anchor: &Option<String>| (path.to_vec(), anchor.clone());
    let mut sections = page.sections.iter().filter(|section| !section.blocks.is_empty()).peekable();
    let mut rest = chunks.iter().peekable();
    while let Some(section) = sections.next() {
        let here = place(&section.heading_path, &section.anchor);
        let mut expected = dense(&section.text());
        while let Some(same) = sections.next_if(|next| place(&next.heading_path, &next.anchor) == here) {
            expected.push_str(&dense(&same.text()));
        }
        let mut lines: Vec<String> = Vec::new();
        while let Some(chunk) = rest.next_if(|chunk| place(&chunk.heading_path, &chunk.anchor) == here) {
            lines.extend(chunk.content.lines().map(dense).filter(|line| !line.is_empty()));
        }
        assert!(covers(&lines, &expected), "{}: {lines:#?} is not {expected}", page.file);
    }
    assert!(rest.next().is_none(), "{}: a chunk belongs to no section", page.file);
    for chunk in &chunks {
        assert!(!chunk.content.trim().is_empty());
        assert_eq!(chunk.token_count as usize, count_tokens(&chunk.content));
        let mut covered = vec![false; chunk.content.len()];
        let mut end = 0;
        for sentence in &chunk.sentences {
            let range = sentence.start as usize..sentence.end as usize;
            assert!(range.start >= end && range.end > range.start, "sentences overlap in {}", page.file);
            end = range.end;
            let text = &chunk.content[range.clone()];
            assert!(!text.trim().is_empty());
            if sentence.kind != SentenceKind::ListItem {
                assert_eq!(text.trim(), text);
            }
            covered[range].fill(true);
        }
        for (at, character) in chunk.content.char_indices() {
            if !covered[at] && !character.is_whitespace() {
                let line = chunk.content[..at].rfind('\n').map_or(0, |newline| newline + 1);
                let before = &chunk.content[line..at];
                let marker = before.trim().is_empty()
                    || before.trim().chars().all(|c| c.is_ascii_digit() || "-.[x ]".contains(c));
                assert!(marker, "{}: {character:?} in {:?} belongs to no sentence", page.file, chunk.content);
            }
        }
    }
    let mut ids: Vec<_> = chunks.iter().map(|chunk| chunk.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), chunks.len(), "{}: ids are not unique", page.file);
}

/// Whether lines follow each other in `expected`, where lines that look like fences or header rows may have
/// been put in. A line that may be either is tried both ways.
fn covers(lines: &[String], expected: &str) -> bool {
    let mut open = vec![(0, 0)];
    while let Some((mut line, mut at)) = open.pop() {
        loop {
            let Some(text) = lines.get(line) else {
                if at == expected.len() {
                    return true;
                }
                break;
            };
            let follows = expected[at..].starts_with(text.as_str());
            let repeated = text.starts_with("```") || text.starts_with('|');
            if follows && repeated {
                open.push((line + 1, at));
            }
            if !follows && !repeated {
                break;
            }
            line += 1;
            at += if follows { text.len() } else { 0 };
        }
    }
    false
}

fn dense(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn sentences_are_embedded_below_their_headings() {
    let texts = |body: &str| {
        let page = read_page("docs/page.mdx", &format!("# Motors\n\n## Torque\n\n{body}\n"));
        let chunk = chunk_page(&page, &ChunkOptions::default()).swap_remove(0);
        assert!(chunk.embedding_text().ends_with(&chunk.content));
        chunk.sentence_texts()
    };
    assert_eq!(texts("It turns. It stops."), ["Motors > Torque\nIt turns.", "Motors > Torque\nIt stops."]);
    assert_eq!(texts("It turns."), [""; 0], "one sentence is the whole");
    assert!(texts(&"No. ".repeat(90)).len() < 90, "a table of numbers is not embedded number by number");
}

#[test]
fn sections_that_look_alike_keep_their_own_chunks() {
    let page = read_page("docs/page.mdx", "qq\n# D\n# E\n# D\nthe words of the second D");
    let chunks = chunk_sections(&page, &ChunkOptions::default());
    let counts: Vec<usize> = chunks.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 0, 0, 1]);
    assert_eq!(chunks.concat(), chunk_page(&page, &ChunkOptions::default()));
}

#[test]
fn chunks_cover_real_sites() {
    for (site, pages) in [("redux", 80), ("rust-book", 110)] {
        let Some(root) = shared_site(site) else { continue };
        let book = read_book(&root, &BookOptions::default()).expect("the site is readable");
        assert!(book.pages.len() >= pages, "{site}: {} pages", book.pages.len());
        for page in &book.pages {
            for (max_tokens, min_tokens) in [(256, 32), (512, 32), (40, 8)] {
                assert_covered(page, &ChunkOptions { max_tokens, min_tokens });
            }
        }
    }
}

/// Words of a page's source as a reader sees them, found without any parser: link targets, tags, imports and
/// signs are cut away line by line, nothing else.
fn words_of_source(source: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut fence = false;
    let mut front_matter = false;
    let mut import = false;
    let mut tag = false;
    let mut comment = false;
    for (index, line) in source.lines().enumerate() {
        if line.trim() == "---" && (index == 0 || front_matter) {
            front_matter = index == 0;
            continue;
        }
        let opens = line.trim_start_matches([' ', '>', '-']).starts_with("```");
        fence ^= opens;
        import = !fence
            && ((import && !line.trim().is_empty())
                || line.starts_with("import ")
                || line.starts_with("export "));
        // Only lines of plain prose are looked at: everything else has its own tests.
        let plain = !line.contains(['*', '_', '<', '>', '{', '}', '|', '`', '[', ']', '\\', '&', '$', '!'])
            && !line.starts_with(['#', ':', '=', '~'])
            && !line.starts_with("    ");
        comment =
            if comment { !line.contains("-->") } else { line.contains("<!--") && !line.contains("-->") };
        // Attributes of a tag that goes over several lines are not text.
        let in_tag = tag;
        tag = !fence
            && if tag {
                !line.contains('>')
            } else {
                line.trim_start().starts_with('<') && !line.contains('>')
            };
        if !fence && !opens && !front_matter && !import && !in_tag && !comment && plain {
            words.extend(
                line.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3).map(str::to_owned),
            );
        }
    }
    words
}

#[test]
fn the_reader_keeps_the_words_of_real_sites() {
    for site in ["redux", "rust-book"] {
        let Some(root) = shared_site(site) else { continue };
        let book = read_book(&root, &BookOptions::default()).expect("the site is readable");
        let (mut seen, mut lost) = (0, Vec::new());
        for page in &book.pages {
            let source = std::fs::read_to_string(root.join(&page.file)).expect("the page is a file");
            let text: String = page
                .sections
                .iter()
                .flat_map(|section| section.heading_path.iter().cloned().chain([section.text()]))
                .collect::<Vec<_>>()
                .join(" ");
            let words: std::collections::HashSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            for word in words_of_source(&source) {
                seen += 1;
                if !words.contains(word.as_str()) {
                    lost.push(format!("{}: {word}", page.file));
                }
            }
        }
        assert!(seen > 20_000, "{site}: only {seen} words were looked at");
        assert!(
            lost.is_empty(),
            "{site}: {} of {seen} words are lost: {:?}",
            lost.len(),
            &lost[..lost.len().min(20)]
        );
    }
}

fn any_block() -> impl Strategy<Value = Block> {
    let line = "[a-zA-Z .,!?`|#*あ。१।0-9-]{1,120}";
    let kinds = prop_oneof![
        (Just(BlockKind::Prose), line.prop_map(|text| text)),
        (Just(BlockKind::ListItem), line.prop_map(|text| format!("- {text}"))),
        (
            Just(BlockKind::Code),
            prop::collection::vec("[a-z(){};= ]{0,80}", 1..30)
                .prop_map(|l| format!("```js\n{}\n```", l.join("\n")))
        ),
        (
            Just(BlockKind::Table),
            prop::collection::vec("\\| [a-z ]{1,30} \\| [a-z ]{1,60} \\|", 1..20)
                .prop_map(|rows| rows.join("\n"))
        ),
        (Just(BlockKind::Math), "[a-z^_+=]{1,60}".prop_map(|tex| format!("$${tex}$$"))),
    ];
    kinds.prop_filter_map("blank", |(kind, text)| {
        let text =
            if kind == BlockKind::ListItem { text.trim_end().to_owned() } else { text.trim().to_owned() };
        (text.len() > 2 && text != "-").then_some(Block { kind, text, line: 1 })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_cover_any_section(
        blocks in prop::collection::vec(any_block(), 0..12),
        max_tokens in 8_usize..120,
        min_tokens in 0_usize..40,
    ) {
        let mut page = read_page("docs/a.md", "");
        page.sections = vec![Section { heading_path: vec!["H".into()], depth: 2, anchor: None, line: 1, blocks }];
        assert_covered(&page, &ChunkOptions { max_tokens, min_tokens });
    }

    #[test]
    fn any_text_is_read_and_covered(source in "(\n|[ a-z]{1,9}|[-#>`:*_|~]{1,4}|<[A-Za-z/]{0,4}>?|[{}()\\[\\]!$\\\\\"'&;]|\t|é|\u{0}|\r|import |export |</?Tabs>|\\{/\\*|\\*/\\}|---\n|:::note|```|1\\. ){0,80}") {
        let page = read_page("docs/a.mdx", &source);
        assert_covered(&page, &ChunkOptions { max_tokens: 20, min_tokens: 4 });
    }
}
