//! Where values come from: the environment, `.env`, `docent.toml`, defaults.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::{Problem, VARIABLES};

/// Who set a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The process environment.
    Environment,
    /// `.env` in the working folder.
    DotEnv,
    /// `docent.toml` in the working folder or the book.
    File,
    /// The built-in default.
    Default,
}

impl Origin {
    /// A word for tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::File => "docent.toml",
            Self::Default => "default",
        }
    }
}

/// The raw value of every variable and who set it.
#[derive(Debug, Clone)]
pub struct Values {
    values: BTreeMap<&'static str, (String, Origin)>,
    on_a_space: bool,
}

impl Values {
    /// All defaults, with `settings` (name, value) as if they stood in the environment.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        let mut values = Self::defaults();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        values.take(settings, Origin::Environment);
        values
    }

    /// Reads all sources, weakest first.
    pub fn gather(book: Option<&Path>) -> (Self, Vec<Problem>) {
        let mut values = Self::defaults();
        let mut problems = Vec::new();
        if let Some(book) = book {
            values.take_toml(&book.join("docent.toml"), &mut problems);
        }
        values.take_toml(Path::new("docent.toml"), &mut problems);
        values.take_dotenv(Path::new(".env"));
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        values.take(environment, Origin::Environment);
        values.on_a_space = std::env::var_os("SPACE_ID").is_some();
        (values, problems)
    }

    /// The value of a variable of [`VARIABLES`]; empty when it is not set and has no default.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value.as_str())
    }

    /// Who set it.
    pub fn origin(&self, name: &str) -> Origin {
        self.values.get(name).map_or(Origin::Default, |(_, origin)| *origin)
    }

    /// Whether this runs as a Hugging Face Space, whose containers have `SPACE_ID`.
    pub fn on_a_space(&self) -> bool {
        self.on_a_space
    }

    fn defaults() -> Self {
        let values = VARIABLES
            .iter()
            .map(|variable| (variable.name, (variable.default.to_owned(), Origin::Default)))
            .collect();
        Self { values, on_a_space: false }
    }

    /// Names are compared without case, as the earlier service did. A blank value counts as not set,
    /// because deployment forms create empty variables.
    fn take(&mut self, settings: impl Iterator<Item = (String, String)>, origin: Origin) {
        for (name, value) in settings {
            let Some(variable) = VARIABLES.iter().find(|variable| variable.name.eq_ignore_ascii_case(&name))
            else {
                continue;
            };
            let value = clean(&value);
            if !value.is_empty() {
                self.values.insert(variable.name, (value.to_owned(), origin));
            }
        }
    }

    fn take_dotenv(&mut self, path: &Path) {
        let Ok(text) = fs_err::read_to_string(path) else {
            return;
        };
        let lines = text.lines().filter_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.starts_with('#') {
                return None;
            }
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.to_owned()))
        });
        self.take(lines, Origin::DotEnv);
    }

    fn take_toml(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            // A book that is no folder is told by who reads the book.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return,
            Err(error) => {
                problems.push(Problem { variable: "docent.toml".into(), message: error.to_string() });
                return;
            }
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let message = format!("{} is not valid TOML: {}", path.display(), error.message());
                problems.push(Problem { variable: "docent.toml".into(), message });
                return;
            }
        };
        for (key, value) in table {
            let known = VARIABLES.iter().find(|variable| variable.name.eq_ignore_ascii_case(&key));
            let message = match (known, value) {
                // `[book]` says how the book is read; `corpus` knows its keys.
                (None, toml::Value::Table(_)) if key == "book" => continue,
                (None, _) => {
                    format!(
                        "{} has the unknown key '{key}'; `docent config` lists the known ones",
                        path.display()
                    )
                }
                (Some(variable), _) if variable.secret => format!(
                    "{} holds {}; secrets belong in the environment, not in a file that is published",
                    path.display(),
                    variable.name
                ),
                (Some(variable), toml::Value::String(text)) => {
                    self.values.insert(variable.name, (clean(&text).to_owned(), Origin::File));
                    continue;
                }
                (Some(variable), toml::Value::Integer(number)) => {
                    self.values.insert(variable.name, (number.to_string(), Origin::File));
                    continue;
                }
                (Some(variable), toml::Value::Boolean(flag)) => {
                    self.values.insert(variable.name, (flag.to_string(), Origin::File));
                    continue;
                }
                (Some(variable), toml::Value::Array(items)) if items.iter().all(toml::Value::is_str) => {
                    let items: Vec<&str> = items.iter().filter_map(toml::Value::as_str).collect();
                    self.values.insert(variable.name, (items.join(","), Origin::File));
                    continue;
                }
                (Some(_), other) => {
                    format!("{} has a {} there; expected text", path.display(), other.type_str())
                }
            };
            problems.push(Problem { variable: key, message });
        }
    }
}

/// A value as people meant it: without the white space and quotes that come along when it is pasted.
fn clean(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.trim();
        }
    }
    value
}
