//! What was pushed comes back.

use corpus::ChunkId;
use search::{Index, IndexBuilder, Metadata, Ordinal};

use crate::{builder, chunks, use_everything};

#[test]
fn every_chunk_comes_back_as_it_was() {
    let index = Index::from_bytes(builder().build()).unwrap();
    let back: Vec<_> = index.reading_order().map(|ordinal| index.chunk(ordinal).to_chunk()).collect();
    assert_eq!(back, chunks());
    for chunk in chunks() {
        let ordinal = index.find(chunk.id).unwrap();
        assert_eq!(index.chunk(ordinal).id, chunk.id);
    }
    assert_eq!(index.find(ChunkId([0xEE; 16])), None);
    assert_eq!(
        (index.metadata().embedder.as_str(), index.metadata().facts["title"].as_str()),
        ("test", "Gears")
    );
    use_everything(&index);
}

#[test]
fn ordinals_follow_the_ids() {
    let index = Index::from_bytes(builder().build()).unwrap();
    let ids: Vec<_> = (0..index.len() as u32).map(|number| index.chunk(Ordinal(number)).id).collect();
    assert!(ids.is_sorted());
}

#[test]
fn the_order_of_pushes_shows_in_the_reading_order_alone() {
    let build = |chunks: &[corpus::Chunk]| {
        let mut builder = IndexBuilder::new(Metadata::default());
        chunks.iter().for_each(|chunk| builder.push(chunk, &[]));
        Index::from_bytes(builder.build()).unwrap()
    };
    let mut backwards = chunks();
    backwards.reverse();
    let (one, other) = (build(&chunks()), build(&backwards));
    let lexical = |index: &Index| index.lexical("measured torque", search::Scope::default(), 9);
    assert_eq!(lexical(&one), lexical(&other));
    assert!(one.reading_order().eq(other.reading_order().collect::<Vec<_>>().into_iter().rev()));
}

#[test]
fn a_page_is_its_chunks_in_reading_order() {
    let index = Index::from_bytes(builder().build()).unwrap();
    let order: Vec<_> = index.reading_order().collect();
    let check = |place: usize, expected: &[Ordinal]| assert_eq!(index.page(order[place]), expected);
    check(0, &order[0..2]);
    check(1, &order[0..2]);
    // The next two share a file, but not a locale.
    check(2, &order[2..3]);
    check(3, &order[3..4]);
    check(4, &order[4..5]);
    assert_eq!(index.page(Ordinal(99)), []);
}

#[test]
fn a_chunk_without_vector_has_none() {
    let index = Index::from_bytes(builder().build()).unwrap();
    let order: Vec<_> = index.reading_order().collect();
    assert_eq!(index.vector(order[3]), None);
    assert_eq!(index.vector(Ordinal(99)), None);
    let vector = index.vector(order[2]).unwrap();
    assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-6);
    let found: Vec<_> =
        index.nearest(vector, search::Scope::default(), 9).iter().map(|hit| hit.ordinal).collect();
    assert_eq!((found.len(), found[0]), (4, order[2]));
}

#[test]
fn a_near_sentence_raises_its_chunk_alone() {
    let index = Index::from_bytes(builder().build()).unwrap();
    let order: Vec<_> = index.reading_order().collect();
    let hits: Vec<_> = order.iter().map(|ordinal| search::Hit { ordinal: *ordinal, score: 0.5 }).collect();
    let scores = |query: &[f32]| -> Vec<f32> {
        index
            .raised_by_sentences(query, &hits)
            .iter()
            .map(|hit| (hit.score * 100.0).round() / 100.0)
            .collect()
    };
    assert_eq!(scores(&[0.0, 0.0, 7.0]), [0.5, 1.0, 0.5, 0.5, 0.5], "its first sentence");
    assert_eq!(scores(&[-2.0, 0.0, 1.0]), [0.5, 1.0, 0.5, 0.5, 0.5], "its second");
    assert_eq!(scores(&[0.0, 1.0, 0.0]), [0.5; 5], "neither");
    for without_meaning in [&[][..], &[1.0], &[0.0; 3], &[f32::NAN; 3]] {
        assert_eq!(scores(without_meaning), [0.5; 5]);
    }
}

#[test]
fn vectors_that_were_read_make_the_same_index() {
    let first = builder().build();
    let index = Index::from_bytes(first.clone()).unwrap();
    let mut again = IndexBuilder::new(index.metadata().clone());
    for ordinal in index.reading_order() {
        again.push(&index.chunk(ordinal).to_chunk(), &index.vectors_of(ordinal).unwrap_or_default());
    }
    assert!(again.build() == first);
}

#[test]
fn the_same_chunk_twice_is_one() {
    let mut builder = IndexBuilder::new(Metadata::default());
    let chunk = &chunks()[0];
    builder.push(chunk, &[]);
    builder.push(chunk, &[]);
    assert_eq!(Index::from_bytes(builder.build()).unwrap().len(), 1);
}

#[test]
fn the_book_says_its_language() {
    let facts = [("language".to_owned(), "de".to_owned())].into();
    let mut builder = IndexBuilder::new(Metadata { facts, ..Metadata::default() });
    let mut chunk = chunks().swap_remove(1);
    chunk.content = "Die Häuser stehen.".to_owned();
    builder.push(&chunk, &[]);
    let index = Index::from_bytes(builder.build()).unwrap();
    assert_eq!(index.lexical("haus", search::Scope::default(), 9).len(), 1);
    let marked = index.highlight("Viele Häuser", "haus");
    assert_eq!(marked.into_iter().map(|range| &"Viele Häuser"[range]).collect::<Vec<_>>(), ["Häuser"]);
}

#[test]
fn an_empty_book_answers_nothing() {
    let index = Index::from_bytes(IndexBuilder::new(Metadata::default()).build()).unwrap();
    assert!(index.is_empty());
    use_everything(&index);
    assert_eq!(index.lexical("torque", search::Scope::default(), 9), []);
}

/// From 20,000 chunks on, the file holds vectors in eight bits as well, and the scan goes over them first.
#[test]
fn a_large_index_finds_the_same_neighbours() {
    const DIMENSIONS: usize = 8;
    const COUNT: u32 = 20_000;
    let vector = |seed: u32| -> [f32; DIMENSIONS] {
        // Whole numbers from a few, so that many chunks are equally near.
        std::array::from_fn(|at| ((seed.wrapping_mul(2_654_435_761) >> (at * 3)) % 7) as f32 - 3.0)
    };
    let build = |count: u32| {
        let mut builder = IndexBuilder::new(Metadata { dimensions: DIMENSIONS, ..Metadata::default() });
        let mut chunk = chunks().swap_remove(1);
        for number in 0..count {
            chunk.id.0[..4].copy_from_slice(&number.to_be_bytes());
            builder.push(&chunk, &vector(number));
        }
        Index::from_bytes(builder.build()).unwrap()
    };
    let index = build(COUNT);
    for (seed, limit) in [(77, 1), (78, 10), (79, 500), (80, 30_000)] {
        let query = vector(seed);
        let length = query.iter().map(|value| value * value).sum::<f32>().sqrt();
        let mut expected: Vec<(Ordinal, f32)> = (0..COUNT)
            .filter_map(|number| {
                let own = index.vector(Ordinal(number))?;
                Some((Ordinal(number), own.iter().zip(&query).map(|(own, asked)| own * asked / length).sum()))
            })
            .collect();
        expected.sort_by(|left, right| right.1.total_cmp(&left.1));
        let hits = index.nearest(&query, search::Scope::default(), limit);
        assert_eq!(hits.len(), limit.min(expected.len()));
        for (hit, (_, score)) in hits.iter().zip(&expected) {
            assert!((hit.score - score).abs() < 1e-5, "{} for {score}", hit.score);
        }
        let in_order = |left: &search::Hit, right: &search::Hit| {
            left.score > right.score || left.score == right.score && left.ordinal < right.ordinal
        };
        assert!(hits.is_sorted_by(in_order));
    }
}
