//! The front matter of a Space's README, checked before the upload: the Hub refuses a push for a description that is one
//! character too long, and shows "Missing configuration" for a block that it cannot read.
//!
//! # Source
//! The Hub's "Spaces configuration reference", and the messages of its pre-receive hook.

use saphyr_parser::{Event, Parser};

/// Longest `short_description`, in characters.
const MAX_SHORT_DESCRIPTION: usize = 60;

/// Colours that a card may have.
const COLOURS: &[&str] = &["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"];

/// Kinds of Spaces. `streamlit` is gone from the documents, but old Spaces have it.
const SDKS: &[&str] = &["gradio", "docker", "static", "streamlit"];

/// Headers that a Space may set, and nothing else: no CORS, no content security policy.
const CUSTOM_HEADERS: &[&str] =
    &["cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"];

/// A front matter that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// Top-level keys in source order, with the text of scalars; lists and maps have their scalars joined by commas.
    pub entries: Vec<(String, String)>,
}

impl Card {
    /// Reads the block between the first two `---` lines of a README.
    ///
    /// # Errors
    /// All that the Hub would refuse, each as one sentence.
    pub fn parse(readme: &str) -> Result<Self, Vec<String>> {
        let block = readme
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
            .map(|(block, _)| block)
            .ok_or_else(|| {
                vec!["README.md must begin with a block of YAML between two lines of ---".to_owned()]
            })?;
        let card = Self { entries: entries(block)? };
        let problems = card.problems();
        if problems.is_empty() { Ok(card) } else { Err(problems) }
    }

    /// The text of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The port on which the Space's container listens.
    pub fn app_port(&self) -> u16 {
        self.get("app_port").and_then(|port| port.parse().ok()).unwrap_or(7860)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut one_of = |key: &str, allowed: &[&str], required: bool| match self.get(key) {
            Some(value) if allowed.contains(&value) => {}
            None if !required => {}
            found => problems.push(format!(
                "{key} is {}; expected one of {}",
                found.map_or("missing".to_owned(), |value| format!("'{value}'")),
                allowed.join(", ")
            )),
        };
        one_of("sdk", SDKS, true);
        one_of("colorFrom", COLOURS, false);
        one_of("colorTo", COLOURS, false);
        one_of("header", &["default", "mini"], false);
        for key in ["pinned", "fullWidth", "disable_embedding", "hf_oauth"] {
            one_of(key, &["true", "false"], false);
        }
        if let Some(emoji) = self.get("emoji")
            && emojis::get(emoji).is_none()
        {
            problems.push(format!("emoji is '{emoji}'; expected one emoji and nothing else"));
        }
        if let Some(text) = self.get("short_description") {
            let length = text.chars().count();
            if length > MAX_SHORT_DESCRIPTION {
                problems.push(format!(
                    "short_description has {length} characters; the Hub takes {MAX_SHORT_DESCRIPTION}"
                ));
            }
        }
        if let Some(port) = self.get("app_port")
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            problems.push(format!("app_port is '{port}'; expected a port number"));
        }
        if self.get("base_path").is_some_and(|path| !path.starts_with('/')) {
            problems.push("base_path must start with /".to_owned());
        }
        if let Some(headers) = self.get("custom_headers") {
            for name in headers.split(',').step_by(2).filter(|name| !CUSTOM_HEADERS.contains(name)) {
                problems.push(format!(
                    "custom_headers has '{name}'; a Space may only set {}",
                    CUSTOM_HEADERS.join(", ")
                ));
            }
        }
        problems
    }
}

fn entries(block: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut depth = 0;
    let mut key: Option<String> = None;
    let mut nested: Vec<String> = Vec::new();
    for event in Parser::new_from_str(block) {
        let (event, _) =
            event.map_err(|error| vec![format!("the front matter of README.md is not YAML: {error}")])?;
        match event {
            Event::MappingStart(..) if depth == 0 => depth = 1,
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => {
                depth -= 1;
                if depth == 1
                    && let Some(key) = key.take()
                {
                    entries.push((key, std::mem::take(&mut nested).join(",")));
                }
            }
            Event::Scalar(text, ..) if depth == 1 => match key.take() {
                None if entries.iter().any(|(name, _)| *name == *text) => {
                    return Err(vec![format!("the front matter of README.md has {text} twice")]);
                }
                None => key = Some(text.into_owned()),
                Some(key) => entries.push((key, text.into_owned())),
            },
            Event::Scalar(text, ..) if depth > 1 => nested.push(text.into_owned()),
            Event::Scalar(..) => {
                return Err(vec!["the front matter of README.md is no list of keys".to_owned()]);
            }
            _ => {}
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: &[&str]) {
        let readme = format!("---\n{lines}\n---\n\n# Text\n");
        let problems = Card::parse(&readme).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{lines}: {problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{lines}: {problem}");
        }
    }

    #[test]
    fn what_the_hub_takes_is_taken() {
        check("sdk: docker", &[]);
        check("title: 'A: b'\nemoji: 🤖\ncolorFrom: blue\ncolorTo: purple\nsdk: docker\napp_port: 7860", &[]);
        check(
            "sdk: docker\ntags: [rag, chatbot]\ncustom_headers:\n  cross-origin-opener-policy: same-origin",
            &[],
        );
        check(&format!("sdk: docker\nshort_description: {}", "é".repeat(60)), &[]);
    }

    #[test]
    fn what_the_hub_refuses_is_named() {
        check("title: x", &["sdk is missing"]);
        check("sdk: rust\ncolorFrom: brown", &["sdk is 'rust'", "colorFrom is 'brown'"]);
        check("sdk: docker\nemoji: 🤖!", &["emoji"]);
        check("sdk: docker\nemoji: robot", &["emoji"]);
        check("sdk: docker\napp_port: 77777", &["app_port"]);
        check(&format!("sdk: docker\nshort_description: {}", "x".repeat(61)), &["61 characters"]);
        check("sdk: docker\ntitle: a: b", &["not YAML"]);
        check("sdk: docker\nsdk: docker", &["twice"]);
        check(
            "sdk: docker\ncustom_headers:\n  access-control-allow-origin: '*'",
            &["access-control-allow-origin"],
        );
        assert!(Card::parse("# No block\n").is_err());
    }
}
