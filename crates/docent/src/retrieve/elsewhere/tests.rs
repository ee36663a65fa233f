use encoder::{Encoder, Role};

use super::*;

const TOPICS: &str = include_str!("topics.txt");

/// Signed bytes of a vector whose largest component becomes 127.
fn bytes(vector: &[f32]) -> impl Iterator<Item = u8> + '_ {
    let largest = vector.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    vector.iter().map(move |value| ((value / largest * 127.0).round() as i8).cast_unsigned())
}

/// With `DOCENT_WRITE_TOPICS=1` it writes the file instead of comparing.
#[test]
fn the_shipped_vectors_are_those_of_the_topics() {
    let encoder = Encoder::builtin().expect("the built-in encoder");
    let topics: Vec<&str> = TOPICS.lines().collect();
    assert!(topics.iter().all(|topic| !topic.trim().is_empty()), "an empty line in topics.txt");
    if std::env::var_os("DOCENT_WRITE_TOPICS").is_some() {
        let vectors = encoder.encode(&topics, Role::Passage, 2);
        let written: Vec<u8> = vectors.chunks_exact(DIMENSIONS).flat_map(bytes).collect();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/retrieve/elsewhere/all-MiniLM-L6-v2.bytes");
        std::fs::write(file, written).expect("the file of vectors");
        return;
    }
    assert_eq!(MINILM.len(), topics.len() * DIMENSIONS, "run this test with DOCENT_WRITE_TOPICS=1");
    let vectors = encoder.encode(&topics, Role::Passage, 2);
    let shipped = MINILM.chunks_exact(DIMENSIONS).zip(vectors.chunks_exact(DIMENSIONS));
    for (topic, (shipped, vector)) in topics.iter().zip(shipped) {
        let cosine = cosine(shipped, vector);
        assert!(cosine > 0.999, "{topic}: {cosine}; run this test with DOCENT_WRITE_TOPICS=1");
    }
}

#[test]
fn questions_are_near_to_their_topic_and_others_know_none() {
    let encoder = Encoder::builtin().expect("the built-in encoder");
    let nearest = |question: &str| {
        let vector = encoder.encode(&[question], Role::Query, 1);
        nearest_topic(&format!("local:{}", encoder.fingerprint()), &vector).expect("a topic")
    };
    assert!(nearest("How long do I bake a cake?") > 0.4);
    assert!(nearest("What does the flux of frobnication entail?") < 0.4);
    assert_eq!(nearest_topic("gemini:text-embedding-004:384", &[0.0; DIMENSIONS]), None);
    assert_eq!(nearest_topic("local:all-MiniLM-L6-v2", &[1.0]), None);
}
