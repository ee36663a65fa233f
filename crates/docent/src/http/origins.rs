//! Which sites may ask: exact origins, or one `*` inside a host label.
//!
//! The edge of some hosts answers preflights itself and reflects any origin, so the program enforces
//! this list in every handler and does not rely on the browser.

/// A checked list of origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    patterns: Vec<Pattern>,
}

/// `scheme://host[:port]`, lower case, where the host's first starred label is `before*after`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    before: String,
    /// What follows the star; `None` without a star.
    after: Option<String>,
}

impl AllowedOrigins {
    /// Reads a comma-separated list. Entries that are no origin are returned as messages.
    ///
    /// A trailing slash is forgiven. `*` may stand once inside the left-most label of a host with at
    /// least three labels, together with other characters: `https://my-app-*-team.vercel.app`.
    pub fn parse(list: &str) -> (Self, Vec<String>) {
        let mut origins = Self::default();
        let mut wrong = Vec::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match Pattern::parse(entry) {
                Ok(pattern) => origins.patterns.push(pattern),
                Err(message) => wrong.push(message),
            }
        }
        (origins, wrong)
    }

    /// Whether pages of `origin`, as a browser sends it, may ask.
    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.patterns.iter().any(|pattern| pattern.matches(&origin))
    }
}

impl Pattern {
    fn parse(entry: &str) -> Result<Self, String> {
        let origin = entry.trim_end_matches('/').to_ascii_lowercase();
        let Some((scheme, authority)) = origin.split_once("://") else {
            return Err(format!("'{entry}' has no scheme; expected an origin such as https://{entry}"));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(format!("'{entry}' is not http or https"));
        }
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(format!("'{entry}' is not an origin; give scheme, host and port only"));
        }
        let Some((before, after)) = origin.split_once('*') else {
            return Ok(Self { before: origin, after: None });
        };
        let first_label = authority.split('.').next().unwrap_or_default();
        let inside_first_label = first_label.matches('*').count() == 1 && authority.matches('*').count() == 1;
        if !inside_first_label || first_label == "*" || authority.split('.').count() < 3 {
            return Err(format!(
                "'{entry}' is too wide; one * may stand inside the first label of a host, as in https://my-app-*-team.vercel.app"
            ));
        }
        Ok(Self { before: before.to_owned(), after: Some(after.to_owned()) })
    }

    fn matches(&self, origin: &str) -> bool {
        let Some(after) = &self.after else {
            return origin == self.before;
        };
        let middle =
            origin.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
        middle.is_some_and(|middle| {
            !middle.is_empty() && middle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, origin: &str, expected: bool) {
        let (origins, wrong) = AllowedOrigins::parse(list);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(origins.allows(origin), expected, "{origin} under {list}");
    }

    #[test]
    fn exact_origins_match_without_case_and_trailing_slash() {
        check("https://Book.example/, http://localhost:3000", "https://book.example", true);
        check("https://book.example", "https://book.example:8443", false);
        check("https://book.example", "http://book.example", false);
        check("https://book.example", "null", false);
    }

    #[test]
    fn a_star_stays_inside_its_label() {
        let list = "https://my-app-*-team.vercel.app";
        check(list, "https://my-app-git-main-team.vercel.app", true);
        check(list, "https://my-app-evil.example-team.vercel.app", false);
        check(list, "https://my-app--team.vercel.app", false);
        check(list, "https://other-git-main-team.vercel.app", false);
        // Tricks with what follows, precedes or hides in the host.
        for origin in [
            "https://my-app-x-team.vercel.app.evil.example",
            "https://my-app-x-team.vercel.app:8443",
            "https://my-app-x-team.vercel.app/",
            "https://my-app-x-team.vercel.app@evil.example",
            "https://evil.example/my-app-x-team.vercel.app",
            "https://evil.example#my-app-x-team.vercel.app",
            "https://my-app-evil.example/-team.vercel.app",
            "https://my-app-evil.example?-team.vercel.app",
            "https://my-app-a%2eb-team.vercel.app",
            "https://my-app-ä-team.vercel.app",
            "https://my-app-*-team.vercel.app",
            "http://my-app-x-team.vercel.app",
            "https://evil-my-app-x-team.vercel.app",
            "https://my-app-x-team.vercel.appx",
        ] {
            check(list, origin, false);
        }
    }

    #[test]
    fn wide_or_broken_entries_are_named() {
        for entry in
            ["*", "https://*.vercel.app", "example.org", "https://*", "https://a.b/path", "ftp://a.b.c"]
        {
            let (origins, wrong) = AllowedOrigins::parse(entry);
            assert!(wrong.len() == 1 && wrong[0].contains(entry), "{entry}: {wrong:?}");
            assert!(!origins.allows("https://a.vercel.app"));
        }
    }
}
