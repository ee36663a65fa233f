//! Words that are one slip of the finger apart.

/// Whether one becomes the other by one letter more, less or other, or by two neighbours changing places. Letters are
/// compared as bytes, so that an accent counts as up to two; equal words are not one slip apart. O(length).
pub(crate) fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 || short == long {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(one, other)| one == other).count();
    let (short, long) = (&short[same..], &long[same..]);
    if short.len() < long.len() {
        return *short == long[1..];
    }
    short[1..] == long[1..]
        || (short.len() > 1 && short[0] == long[1] && short[1] == long[0] && short[2..] == long[2..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_one_slip;

    /// Everything that one slip makes of a word.
    fn slips(word: &[u8]) -> Vec<Vec<u8>> {
        let mut made = Vec::new();
        for place in 0..=word.len() {
            for letter in b'a'..=b'c' {
                let mut more = word.to_vec();
                more.insert(place, letter);
                made.push(more);
            }
            if place < word.len() {
                let mut less = word.to_vec();
                less.remove(place);
                made.push(less);
                for letter in b'a'..=b'c' {
                    let mut changed = word.to_vec();
                    changed[place] = letter;
                    made.push(changed);
                }
            }
            if place + 1 < word.len() {
                let mut swapped = word.to_vec();
                swapped.swap(place, place + 1);
                made.push(swapped);
            }
        }
        made.retain(|other| other != word);
        made
    }

    proptest! {
        #[test]
        fn slips_are_those_that_a_finger_makes(one in "[a-c]{0,5}", other in "[a-c]{0,5}") {
            let made = slips(one.as_bytes()).contains(&other.as_bytes().to_vec());
            prop_assert_eq!(is_one_slip(one.as_bytes(), other.as_bytes()), made);
        }
    }
}
