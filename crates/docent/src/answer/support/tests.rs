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
fn a_table_row_is_selected_from_its_first_cell_to_its_last() {
    let link = |text: &str, claim: &str| {
        let source = source(&passage(text), claim);
        (source.quote, source.href.replace("%20", " "))
    };
    let table = |rows: &str| format!("# Ports\n\n| name | port |\n| --- | --- |\n{rows}");
    let quoted = |quote: &str, href: &str| (quote.to_owned(), href.to_owned());
    assert_eq!(
        link(&table("| web | 7860 |\n| `mail` | 25 |\n"), "mail 25"),
        quoted("mail 25", "/docs/a#:~:text=mail,25")
    );
    // Its first cell stands further up: the cell before it tells which one is meant.
    assert_eq!(
        link(&table("| web | 7860 |\n| mail and web | 26 |\n| web | mail 25 |\n"), "web mail 25"),
        quoted("web mail 25", "/docs/a#:~:text=26-,web,mail 25")
    );
    // Nothing tells the second row of two that begin alike after the same cell.
    assert_eq!(
        link(&table("| web | 1 |\n| web | 1 |\n| web | 25 |\n"), "web 25"),
        quoted("web 25", "/docs/a")
    );
    // The end of the row stands in it before.
    assert_eq!(
        link("# P\n\n| a | b | c |\n| --- | --- | --- |\n| web | on 80 | 80 |\n", "web on 80 80"),
        quoted("web on 80 80", "/docs/a")
    );
}

#[test]
fn the_quote_is_what_the_first_citing_sentence_says() {
    let passage =
        passage("# Motors\n\nMotors are loud. Torque is measured in newton metres. Paint is red.\n");
    let answer = "The paint is red [1]. Motors are loud, and torque is measured in newton metres [1].";
    let sources = cited_sources(answer, &[1], std::slice::from_ref(&passage));
    assert_eq!(sources[0].quote, "Paint is red.");
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
