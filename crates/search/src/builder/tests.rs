//! What spills must come back as if it had never left the memory.

use super::*;
use crate::testing::chunk;

/// Chunks whose words come again and again, some only once, some only late; ids in no order.
fn chunks() -> Vec<Chunk> {
    (0..97u32)
        .map(|number| {
            let words: Vec<String> =
                (1..30).map(|step| format!("word{}", (number * step * step) % (7 + number))).collect();
            let text = format!("{} only{number}. `code_{}`", words.join(" "), number % 5);
            let mut chunk = chunk(number, &format!("Page {}", number / 4), &["Part"], &text);
            chunk.id.0[0] = (number as u8).wrapping_mul(151);
            chunk
        })
        .collect()
}

fn metadata() -> Metadata {
    Metadata { embedder: "test".to_owned(), dimensions: 3, ..Metadata::default() }
}

fn filled(mut builder: IndexBuilder, run: usize) -> IndexBuilder {
    builder.occurrences.run = run;
    for chunk in chunks() {
        let number = chunk.position as f32;
        let vector = [number, 1.0, -number];
        builder.push(&chunk, if chunk.position == 13 { &[] } else { &vector });
    }
    builder
}

#[test]
fn an_index_that_spilled_has_the_same_bytes() {
    let whole = filled(IndexBuilder::new(metadata()), usize::MAX).build();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for run in [1, 40, 1000, usize::MAX] {
        let path = folder.path().join("index.docent");
        let spilling = IndexBuilder::spilling(metadata(), folder.path()).expect("a builder");
        let builder = filled(spilling, run);
        builder.write_file(&path).expect("the file is written");
        assert!(std::fs::read(&path).expect("the file") == whole, "runs of {run} postings");
        let names = std::fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(names, 1, "only the index has a name");
    }
}

#[test]
fn a_page_stays_one_page_however_many_headings_a_book_has() {
    let mut builder = IndexBuilder::new(Metadata::default());
    for number in 0..6 {
        let anchors = MOST_RECENT as u32 / 2;
        for step in 0..anchors {
            builder.strings.shared(&format!("heading-{number}-{step}")).expect("in memory");
        }
        builder.push(&chunk(number, &format!("Page {}", number / 3), &["Part"], "Some text."), &[]);
    }
    let index = crate::Index::from_bytes(builder.build()).expect("a fresh index opens");
    let of_page = |number: usize| index.page(index.reading_order().nth(number).expect("a chunk")).len();
    assert_eq!((of_page(0), of_page(5)), (3, 3));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gone = folder.path().join("gone");
    let error = IndexBuilder::spilling(Metadata::default(), &gone).expect_err("no folder, no files");
    assert!(error.to_string().contains("gone"), "{error}");
}

/// A device that is always full stands for a disk that becomes full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_when_the_file_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut builder = IndexBuilder::spilling(metadata(), folder.path()).expect("a builder");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    builder.strings.bytes = Spool::File(io::BufWriter::with_capacity(16, full), 0);
    let builder = filled(builder, usize::MAX);
    let path = folder.path().join("index.docent");
    let error = builder.write_file(&path).expect_err("nothing can be written");
    assert!(matches!(error, IndexError::Io(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing is left behind");
}
