//! Which of this machine's settings go to the Space: everything that somebody set, but what only concerns this machine.

use crate::config::{Origin, VARIABLES, Values};
use crate::secret::Secret;

/// Settings of this machine, or of the image.
const STAYS_HERE: &[&str] = &[
    "HOST",
    "PORT",
    "DOCENT_DATA_DIR",
    "DOCENT_INDEX_FILE",
    "DOCENT_ENCODER_FILE",
    "HF_TOKEN",
    "HF_ENDPOINT",
];

/// No keys, but nobody's business either; variables of a Space are public.
const SECRET_TOO: &[&str] = &["QDRANT_URL"];

/// What goes to the Space.
#[derive(Debug, Default)]
pub struct Settings {
    /// Secrets, ordered as in the table of variables.
    pub secrets: Vec<(String, Secret)>,
    /// Public variables.
    pub variables: Vec<(String, String)>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

impl Settings {
    /// Takes what the environment or `.env` sets.
    pub fn of(values: &Values) -> Self {
        let mut settings = Self::default();
        for variable in VARIABLES.iter().filter(|variable| !STAYS_HERE.contains(&variable.name)) {
            let value = values.get(variable.name);
            if !matches!(values.origin(variable.name), Origin::Environment | Origin::DotEnv) {
                continue;
            }
            let is_address = value.starts_with("http://") || variable.name == "DATABASE_URL";
            if is_address
                && ["://localhost", "://127.", "@localhost", "@127."].iter().any(|host| value.contains(host))
                && variable.name != "ALLOWED_ORIGINS"
            {
                settings
                    .left_out
                    .push(format!("{}: it names this machine, which the Space cannot reach", variable.name));
            } else if variable.secret || SECRET_TOO.contains(&variable.name) {
                settings.secrets.push((variable.name.to_owned(), Secret::new(value)));
            } else {
                settings.variables.push((variable.name.to_owned(), value.to_owned()));
            }
        }
        settings
    }

    /// The first site of `ALLOWED_ORIGINS` that is no pattern and not this machine.
    pub fn site(&self) -> Option<String> {
        let (_, list) = self.variables.iter().find(|(name, _)| name == "ALLOWED_ORIGINS")?;
        let mut sites = list.split(',').map(|site| site.trim().trim_end_matches('/'));
        sites
            .find(|site| !site.contains('*') && !site.contains("localhost") && !site.contains("127.0.0.1"))
            .map(str::to_owned)
    }
}
