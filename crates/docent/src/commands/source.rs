//! Where a book is: a folder on this machine, or a built site on the web.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use reqwest::Url;

use super::BookArguments;
use crate::ingest::{IngestError, Plan, Progress, SiteOptions, plan, plan_site};
use crate::retrieve::Embedder;

/// A book as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BookSource {
    /// A folder.
    Folder(PathBuf),
    /// A site, by an address below which its pages lie.
    Site(Url),
}

impl BookSource {
    /// The folder, when it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Site(_) => None,
        }
    }

    /// The folder, for what a site cannot do.
    pub(super) fn watched_folder(&self) -> anyhow::Result<&Path> {
        self.folder().with_context(|| {
            format!("{self} cannot be watched; name the folder of its source, or ingest it again when it has changed")
        })
    }

    /// Reads the book and compares it with the index file.
    pub(super) async fn plan(
        &self,
        how: &BookArguments,
        embedder: &Embedder,
        index_file: &Path,
    ) -> Result<Plan, IngestError> {
        match self {
            Self::Folder(folder) => plan(folder, &how.options(), embedder, index_file).await,
            Self::Site(start) => {
                plan_site(start, &how.site_options(), embedder, index_file, &Progress::on_stderr()).await
            }
        }
    }
}

impl fmt::Display for BookSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(formatter),
            Self::Site(start) => start.fmt(formatter),
        }
    }
}

impl FromStr for BookSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(text.starts_with("http://") || text.starts_with("https://")) {
            let folder: Result<PathBuf, Infallible> = text.parse();
            return Ok(Self::Folder(folder.unwrap_or_default()));
        }
        let start = Url::parse(text).map_err(|error| format!("not a valid address: {error}"))?;
        if !start.username().is_empty() || start.password().is_some() {
            return Err("an address with user and password is not fetched; name it without them".into());
        }
        Ok(Self::Site(start))
    }
}

impl BookArguments {
    /// How a site is fetched.
    pub(super) fn site_options(&self) -> SiteOptions {
        SiteOptions { sitemap: self.sitemap, pause: Duration::from_secs_f64(1.0 / self.pages_per_second) }
    }
}

/// A rate that makes sense: at least one page in 100 seconds.
pub(super) fn pages_per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.01 => Ok(rate),
        _ => Err("it must be a number of at least 0.01".into()),
    }
}
