//! What people ask about in general: topics.txt, one a line. A question that is nearer to one of them than to any
//! passage has a better home than the book.
//!
//! Their vectors are shipped for the built-in encoder, so that weighing a question costs a few ten thousand
//! multiplications and no book needs to be read again. A test makes the file anew and compares.

/// Bytes of one vector: each component as a signed byte, in units of a length that does not matter, because only
/// directions are compared.
const DIMENSIONS: usize = 384;

/// Vectors of the topics by the built-in encoder, one after the other.
const MINILM: &[u8] = include_bytes!("elsewhere/all-MiniLM-L6-v2.bytes");

/// The highest cosine of a question's vector, which has unit length, with a topic; `None` for an embedder whose
/// vectors of the topics are not known. Some 70,000 multiplications.
pub(super) fn nearest_topic(embedder: &str, vector: &[f32]) -> Option<f32> {
    if !super::evidence::is_minilm(embedder) || vector.len() != DIMENSIONS {
        return None;
    }
    MINILM.chunks_exact(DIMENSIONS).map(|topic| cosine(topic, vector)).max_by(f32::total_cmp)
}

fn cosine(topic: &[u8], vector: &[f32]) -> f32 {
    let (mut product, mut square) = (0.0f32, 0.0f32);
    for (component, value) in topic.iter().zip(vector) {
        let component = f32::from(component.cast_signed());
        product += component * value;
        square += component * component;
    }
    product / square.sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests;
