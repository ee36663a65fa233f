//! File patterns as the docs plugin takes them: `**`, `*`, `?` and `{a,b}`.

/// Longest list of patterns that braces may unfold to.
const MAX_UNFOLDED: usize = 64;

/// Whether `path` matches `pattern`. O(pattern × path).
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    unfold(pattern).iter().any(|pattern| matches_plain(pattern.as_bytes(), path.as_bytes()))
}

/// `a.{b,c}` to `a.b` and `a.c`.
fn unfold(pattern: &str) -> Vec<String> {
    let mut patterns = vec![pattern.to_owned()];
    while let Some(at) = patterns.iter().position(|pattern| pattern.contains('{') && pattern.contains('}')) {
        let pattern = patterns.swap_remove(at);
        let (before, rest) = pattern.split_once('{').unwrap_or((&pattern, ""));
        let Some((choices, after)) = rest.split_once('}') else {
            patterns.push(pattern.replace('{', ""));
            continue;
        };
        patterns.extend(choices.split(',').map(|choice| format!("{before}{choice}{after}")));
        if patterns.len() > MAX_UNFOLDED {
            break;
        }
    }
    patterns
}

fn matches_plain(pattern: &[u8], path: &[u8]) -> bool {
    // reachable[i]: the first i bytes of the path fit the pattern read so far.
    let mut reachable = vec![false; path.len() + 1];
    reachable[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; path.len() + 1];
        if pattern[at..].starts_with(b"**/") {
            // Any number of whole folders.
            let mut open = false;
            for i in 0..=path.len() {
                open |= reachable[i] && (i == 0 || path[i - 1] == b'/');
                next[i] = reachable[i] || (open && i > 0 && path[i - 1] == b'/');
            }
            at += 3;
        } else if pattern[at..].starts_with(b"**") {
            let mut open = false;
            for i in 0..=path.len() {
                open |= reachable[i];
                next[i] = open;
            }
            at += 2;
        } else if pattern[at] == b'*' {
            let mut open = false;
            for i in 0..=path.len() {
                open = reachable[i] || (open && path[i - 1] != b'/');
                next[i] = open;
            }
            at += 1;
        } else {
            for i in 0..path.len() {
                let fits = pattern[at] == path[i] || (pattern[at] == b'?' && path[i] != b'/');
                next[i + 1] = reachable[i] && fits;
            }
            at += 1;
        }
        reachable = next;
    }
    reachable[path.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_of_the_docs_plugin() {
        for (pattern, path, expected) in [
            ("**/_*.{js,md,mdx}", "a/b/_x.md", true),
            ("**/_*.{js,md,mdx}", "_x.mdx", true),
            ("**/_*.{js,md,mdx}", "a/x_.md", false),
            ("**/_*/**", "a/_b/c/d.md", true),
            ("**/_*/**", "a/b/c.md", false),
            ("**/*.test.md", "x.test.md", true),
            ("internal/**", "internal/a/b.md", true),
            ("*.md", "a/b.md", false),
            ("draft?.md", "draft1.md", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
