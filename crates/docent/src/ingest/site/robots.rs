//! `robots.txt`: what a site closes to programs, and where its sitemaps are.
//!
//! # Source
//! RFC 9309: groups by user agent, the longest matching rule wins, `Allow` wins a tie, `*` and `$` in paths.

use std::time::Duration;

/// The name under which we look for rules.
const AGENT: &str = "docent";

/// Rules that are read; no honest file has more.
const MOST_RULES: usize = 10_000;

/// Longest `Crawl-delay` that is kept; a site that wants more is better read by its author's source.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// What a site's `robots.txt` says to us.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Robots {
    rules: Vec<Rule>,
    /// Seconds between two requests that the site asks for.
    pub(super) delay: Duration,
    /// Addresses of sitemaps, as they are written.
    pub(super) sitemaps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    pattern: String,
    allow: bool,
}

impl Robots {
    /// Everything is closed: the file could not be had although there may be one.
    pub(super) fn closed() -> Self {
        Self { rules: vec![Rule { pattern: "/".into(), allow: false }], ..Self::default() }
    }

    /// Reads the file. Lines that are not understood are left out.
    pub(super) fn read(text: &str) -> Self {
        let (mut ours, mut everybody) = (Group::default(), Group::default());
        let mut sitemaps = Vec::new();
        // For whom the current group is: us, everybody.
        let mut group = (false, false);
        let mut in_agents = false;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((name, value)) = line.split_once(':') else { continue };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "user-agent" {
                if !in_agents {
                    group = (false, false);
                }
                in_agents = true;
                group.0 |= value.eq_ignore_ascii_case(AGENT);
                group.1 |= value == "*";
                ours.named |= group.0;
                continue;
            }
            if name == "sitemap" {
                sitemaps.push(value.to_owned());
                continue;
            }
            in_agents = false;
            for (ours, group) in [(group.0, &mut ours), (group.1, &mut everybody)] {
                if ours {
                    group.line(&name, value);
                }
            }
        }
        let Group { rules, delay, .. } = if ours.named { ours } else { everybody };
        Self { rules, delay, sitemaps }
    }

    /// Whether a path with its query may be fetched.
    pub(super) fn allows(&self, path: &str) -> bool {
        let matching = self.rules.iter().filter(|rule| matches(&rule.pattern, path));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
    }
}

#[derive(Default)]
struct Group {
    named: bool,
    rules: Vec<Rule>,
    delay: Duration,
}

impl Group {
    fn line(&mut self, name: &str, value: &str) {
        match name {
            "allow" | "disallow" if !value.is_empty() && self.rules.len() < MOST_RULES => {
                self.rules.push(Rule { pattern: encoded(value), allow: name == "allow" });
            }
            "crawl-delay" => {
                let delay = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                self.delay = delay.unwrap_or_default().min(LONGEST_DELAY);
            }
            _ => {}
        }
    }
}

/// Addresses are compared as they are sent, with other signs than ASCII percent-encoded.
fn encoded(pattern: &str) -> String {
    let mut encoded = String::with_capacity(pattern.len());
    for byte in pattern.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Whether a path begins with a pattern in which `*` stands for anything and `$` for the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut pieces = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return !to_end || rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() && to_end {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, open: &[&str], closed: &[&str]) {
        let robots = Robots::read(text);
        for path in open {
            assert!(robots.allows(path), "{path} is open in {text:?}");
        }
        for path in closed {
            assert!(!robots.allows(path), "{path} is closed in {text:?}");
        }
    }

    #[test]
    fn the_longest_rule_of_our_group_decides() {
        check("", &["/", "/a"], &[]);
        check("<html>no such file</html>", &["/"], &[]);
        check("User-agent: *\nDisallow: /", &[], &["/", "/a"]);
        check("User-agent: *\nDisallow:", &["/"], &[]);
        check(
            "user-agent: other\nuser-agent: *\nDISALLOW: /a # why\nAllow: /a/b",
            &["/b", "/a/b/c"],
            &["/a", "/ab"],
        );
        check("User-agent: *\nDisallow: /\n\nUser-agent: Docent\nDisallow: /x", &["/", "/a"], &["/x"]);
        check("User-agent: docent\nAllow: /p\nDisallow: /p", &["/p"], &[]);
        check("User-agent: other\nDisallow: /", &["/a"], &[]);
    }

    #[test]
    fn stars_and_ends_in_paths_are_understood() {
        check(
            "User-agent: *\nDisallow: /*.pdf$\nDisallow: /a*b*c\nDisallow: /é",
            &["/x.pdf?y", "/acb"],
            &["/x/y.pdf", "/a-b-c-d", "/%C3%A9"],
        );
        check("User-agent: *\nDisallow: /*?", &["/a"], &["/a?b"]);
        check("User-agent: *\nDisallow: /a$", &["/ab"], &["/a"]);
        let stars = format!("User-agent: *\nDisallow: /{}x", "*a".repeat(5_000));
        check(&stars, &[&format!("/{}", "a".repeat(20_000))], &[]);
    }

    #[test]
    fn delays_are_bounded_and_sitemaps_found() {
        let robots =
            Robots::read("Sitemap: https://a.org/s.xml\nUser-agent: *\nCrawl-delay: 0.5\nSitemap: /t.xml");
        assert_eq!(robots.delay, Duration::from_millis(500));
        assert_eq!(robots.sitemaps, ["https://a.org/s.xml", "/t.xml"]);
        for delay in ["99999", "1e308"] {
            assert!(Robots::read(&format!("User-agent: *\nCrawl-delay: {delay}")).delay <= LONGEST_DELAY);
        }
        assert_eq!(Robots::read("User-agent: *\nCrawl-delay: -1").delay, Duration::ZERO);
    }
}
