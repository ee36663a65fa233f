//! Is everything well? [`local`] looks at this machine's configuration, [`examine`] at a running service from outside, as
//! a reader's browser meets it. Each fault has a name and a remedy.

mod answers;
pub mod local;
mod origins;
mod pages;
mod reach;
mod services;
mod streams;
mod visit;

use std::time::Duration;

use serde::Serialize;

pub use visit::Visit;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and there is something to know.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at, for the reason that is given.
    Skipped,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check; stays the same from version to version.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do, when something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    pub(crate) fn warning(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Warning, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn failed(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Failed, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Skipped, detail: detail.into(), remedy: None }
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The service that was looked at; absent for this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// In the order in which they were looked for.
    pub findings: Vec<Finding>,
    /// No check failed.
    pub healthy: bool,
}

impl Report {
    /// Puts findings together.
    pub fn new(url: Option<String>, findings: Vec<Finding>) -> Self {
        let healthy = findings.iter().all(|finding| finding.status != Status::Failed);
        Self { url, findings, healthy }
    }
}

/// How a service is examined.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Address of the service, without path.
    pub url: String,
    /// The site whose pages ask it.
    pub origin: Option<String>,
    /// Question to ask; `None` takes one from the book.
    pub question: Option<String>,
    /// How long the service may take to wake up.
    pub patience: Duration,
    /// How long one request may take.
    pub limit: Duration,
}

/// Looks at a running service from outside. Asks at most three questions and stores nothing here.
///
/// `tell` hears each finding as soon as it is made.
pub async fn examine(examination: &Examination, mut tell: impl FnMut(&Finding)) -> Report {
    let visit = Visit::new(examination);
    let mut findings: Vec<Finding> = Vec::new();
    let mut keep = |findings: &mut Vec<Finding>, found: Vec<Finding>| {
        found.iter().for_each(&mut tell);
        findings.extend(found);
    };
    let (reach, is_ready) = reach::reach(&visit).await;
    keep(&mut findings, reach);
    if is_ready {
        keep(&mut findings, reach::health(&visit).await);
        keep(&mut findings, vec![streams::buffering(&visit).await]);
        keep(&mut findings, answers::answer_and_citation(&visit, examination.question.as_deref()).await);
        keep(&mut findings, origins::origins(&visit, examination.origin.as_deref()).await);
        keep(&mut findings, vec![pages::swagger(&visit).await]);
    } else {
        const REST: [&str; 6] = ["health", "streaming", "answer", "citation", "foreign-origin", "swagger"];
        let skipped = REST.map(|check| Finding::skipped(check, "the service is not ready"));
        keep(&mut findings, skipped.to_vec());
    }
    Report::new(Some(examination.url.clone()), findings)
}
