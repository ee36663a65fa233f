use std::collections::BTreeMap;

use corpus::{ChunkOptions, chunk_page, read_page};
use search::{IndexBuilder, Metadata};

use super::*;

/// The extractive answer over one page, as it would be shown.
fn check(page: &str, question: &str, expected: &str) {
    let chunks = chunk_page(&read_page("a.md", page), &ChunkOptions::default());
    let mut builder =
        IndexBuilder::new(Metadata { embedder: String::new(), dimensions: 0, facts: BTreeMap::new() });
    for chunk in &chunks {
        builder.push(chunk, &[]);
    }
    let index = Index::from_bytes(builder.build()).expect("an index");
    let passages: Vec<Passage> = chunks
        .iter()
        .enumerate()
        .map(|(place, chunk)| Passage {
            page_before: String::new(),
            position: 0,
            n: place + 1,
            file: chunk.file_path.clone(),
            title: chunk.title.clone(),
            heading_path: chunk.heading_path.clone(),
            url: chunk.url.clone(),
            anchor: chunk.anchor.clone(),
            content: chunk.content.clone(),
            sentences: chunk.sentences.clone(),
            score: 1.0,
            similarity: 0.5,
        })
        .collect();
    let mut shown = String::new();
    for extract in compose(question, &passages, &index, &Closeness::new()) {
        shown.push_str(extract.joint);
        shown.push_str(&extract.text);
        if extract.cite {
            shown.push_str(&format!(" [{}]", extract.n));
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn the_sentence_that_answers_comes_alone() {
    check(
        "# Motors\n\nMotors are loud. The torque of the small motor is nine newton metres.\n\nPaint it red.\n",
        "What is the torque of the small motor?",
        "The torque of the small motor is nine newton metres. [1]",
    );
}

#[test]
fn an_announced_code_block_comes_along_without_a_marker_of_its_own() {
    check(
        "# Install\n\nTo install the robot kit, run:\n\n```sh\nkit install\n```\n\nThen rest.\n",
        "How do I install the robot kit?",
        "To install the robot kit, run: [1]\n\n```sh\nkit install\n```",
    );
}

#[test]
fn a_row_is_told_with_the_names_of_its_columns() {
    check(
        "# Ports\n\n| name | default | meaning |\n| --- | --- | --- |\n| `PORT` | 7860 | where it listens |\n| `HOST` | all | address |\n",
        "Where does PORT listen?",
        "- `PORT`: default: 7860; meaning: where it listens [1]",
    );
}

#[test]
fn markup_of_the_book_is_not_markup_of_the_answer() {
    check(
        "# Names\n\nThe field snake\\_case\\_name holds \\*two\\* stars.\n",
        "What does snake_case_name hold?",
        "The field snake\\_case\\_name holds \\*two\\* stars. [1]",
    );
}

#[test]
fn no_passage_no_answer() {
    check("", "anything", "");
}

#[test]
fn a_sentence_that_means_the_same_wins_over_one_that_shares_words() {
    let page = "# Motors\n\nThe small motor is red. Turning strength is nine units.\n";
    let chunks = chunk_page(&read_page("a.md", page), &ChunkOptions::default());
    let mut builder = IndexBuilder::new(Metadata::default());
    builder.push(&chunks[0], &[]);
    let index = Index::from_bytes(builder.build()).expect("an index");
    let passage = Passage {
        page_before: String::new(),
        position: 0,
        n: 1,
        file: String::new(),
        title: "Motors".into(),
        heading_path: Vec::new(),
        url: String::new(),
        anchor: None,
        content: chunks[0].content.clone(),
        sentences: chunks[0].sentences.clone(),
        score: 1.0,
        similarity: 0.5,
    };
    let closeness = Closeness::from([((0, 0), 0.1), ((0, 1), 0.9)]);
    let passages = [passage];
    let shown = compose("How much torque has it?", &passages, &index, &closeness);
    assert_eq!(shown[0].text, "Turning strength is nine units.");
    assert_eq!(shown.len(), 1);
}
