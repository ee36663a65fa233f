//! A tokenizer-free estimate of how many model tokens a text costs. Chunks are cut by it, so it is fast,
//! depends on nothing and errs on the high side for code and for scripts without spaces.

/// Characters of an ASCII word that one token holds on average in the vocabularies of common models.
const ASCII_RUN: usize = 6;
/// The same for words of other alphabets, which are cut into shorter pieces.
const OTHER_RUN: usize = 3;

/// Estimates the number of model tokens in `text`.
///
/// A word of ASCII letters or digits counts one token per started run of six characters, other
/// alphabetic words the same per three characters, CJK characters and punctuation marks one each.
/// Empty text is 0. O(n).
pub fn count_tokens(text: &str) -> usize {
    let mut tokens = 0;
    let (mut ascii, mut other) = (0_usize, 0_usize);
    for character in text.chars() {
        if is_cjk(character) {
            tokens += 1 + word_tokens(ascii, other);
            (ascii, other) = (0, 0);
        } else if character.is_ascii_alphanumeric() {
            ascii += 1;
        } else if !character.is_ascii() && (character.is_alphanumeric() || is_joiner(character)) {
            other += 1;
        } else {
            tokens += word_tokens(ascii, other) + usize::from(!character.is_whitespace());
            (ascii, other) = (0, 0);
        }
    }
    tokens + word_tokens(ascii, other)
}

fn word_tokens(ascii: usize, other: usize) -> usize {
    if other == 0 { ascii.div_ceil(ASCII_RUN) } else { (ascii + other).div_ceil(OTHER_RUN) }
}

/// Scripts that are written without spaces and cost about a token a character.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{2e80}'..='\u{2fdf}' | '\u{3040}'..='\u{30ff}' | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}' | '\u{ac00}'..='\u{d7af}')
}

/// Combining marks and joiners belong to the word around them (Arabic vowels, Devanagari signs).
fn is_joiner(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{903}'
        | '\u{93a}'..='\u{94f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::count_tokens;

    fn check(text: &str, expected: usize) {
        assert_eq!(count_tokens(text), expected, "{text:?}");
    }

    #[test]
    fn words_cost_one_token_per_started_run() {
        check("", 0);
        check("  \n ", 0);
        check("torque", 1);
        check("torques", 2);
        check("a b", 2);
    }

    #[test]
    fn other_scripts_cost_more() {
        check("日本語", 3);
        check("мир", 1);
        check("привет", 2);
        check("a日b", 3);
    }

    #[test]
    fn punctuation_costs_one_each() {
        check("fn main() {}", 6);
        check("Yes!", 2);
    }
}
