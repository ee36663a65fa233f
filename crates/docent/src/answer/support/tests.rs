use corpus::{ChunkOptions, chunk_page, read_page};

use super::*;

fn passage(text: &str) -> Passage {
    let chunk = chunk_page(&read_page("docs/a.md", text), &ChunkOptions::default()).remove(0);
    Passage {
        page_before: String::new(),
        position: 0,
        n: 1,
        file: chunk.file_path,
        title: chunk.title,
        heading_path: chunk.heading_path,
        url: "/docs/a".into(),
        anchor: chunk.anchor,
        content: chunk.content,
        sentences: chunk.sentences,
        score: 1.0,
        similarity: 0.123_456,
    }
}

#[test]
fn the_quote_is_the_sentence_that_says_it() {
    let passage =
        passage("# Motors\n\nMotors are loud. Torque is measured in newton metres. Paint is red.\n");
    let sources =
        cited_sources("The unit of torque is the newton metre [1].", &[1], std::slice::from_ref(&passage));
    assert_eq!(sources[0].quote, "Torque is measured in newton metres.");
    assert_eq!(sources[0].href, "/docs/a#:~:text=Torque%20is%20measured%20in%20newton%20metres.");
    assert_eq!(sources[0].similarity, 0.123);
}

#[test]
fn a_table_row_is_quoted_but_not_selected() {
    let passage = passage("# Ports\n\n| name | port |\n| --- | --- |\n| web | 7860 |\n");
    let source = source(&passage, "web 7860");
    assert_eq!(source.quote, "web 7860");
    assert_eq!(source.href, "/docs/a");
}

#[test]
fn every_cited_sentence_has_its_claim() {
    let found = claims("One [1]. Two [2][3]\n\n- Three [1]");
    let expected = [("One", vec![1]), (". Two", vec![2, 3]), ("- Three", vec![1])];
    for ((claim, markers), (text, numbers)) in found.iter().zip(expected) {
        assert_eq!((claim.as_str(), markers), (text, &numbers));
    }
}

#[test]
fn a_source_that_is_not_cited_is_not_listed() {
    let passage = passage("# A\n\nText.\n");
    assert!(cited_sources("No marker.", &[], &[passage]).is_empty());
}
