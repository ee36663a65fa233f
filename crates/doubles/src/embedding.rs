//! Vectors without a model: words hashed into a vector of the length asked for. Texts that share words are near, the same
//! text gives the same vector everywhere.

/// The words of a text: runs of letters and digits, in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// A unit vector of `dimensions` values, from the words of `text`. Hints that models want in front of a text
/// (`task: … | query: `, `title: … | text: `) do not count as words.
pub fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0f32; dimensions.max(1)];
    let text = [" | query: ", " | text: "]
        .iter()
        .find_map(|hint| text.split_once(hint))
        .map_or(text, |(_, text)| text);
    for word in words(text) {
        let hash = fnv1a(&word);
        // Long words count more: they are the rare ones.
        let weight = (word.chars().count() as f32).sqrt() * if hash >> 63 == 0 { 1.0 } else { -1.0 };
        let place = (hash % vector.len() as u64) as usize;
        vector[place] += weight;
    }
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm == 0.0 {
        vector[0] = 1.0;
    } else {
        vector.iter_mut().for_each(|value| *value /= norm);
    }
    vector
}

/// FNV-1a, 64 bits, with a final mix so that the high bits depend on every byte.
fn fnv1a(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(one: &str, other: &str) -> f32 {
        embed(one, 256).iter().zip(embed(other, 256)).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn shared_words_make_texts_near() {
        let near = cosine("How is torque measured?", "Torque is measured in newton metres.");
        let far = cosine("How is torque measured?", "The cat sleeps under a warm blanket.");
        assert!(near > 0.4 && far < 0.2, "{near} {far}");
        assert!(
            (cosine("task: question answering | query: torque", "title: none | text: torque") - 1.0).abs()
                < 1e-6
        );
    }

    #[test]
    fn every_text_has_a_unit_vector() {
        for text in ["", "a", "Grüße aus 北京"] {
            let norm: f32 = embed(text, 64).iter().map(|value| value * value).sum();
            assert!((norm - 1.0).abs() < 1e-5, "{text:?} {norm}");
        }
    }
}
