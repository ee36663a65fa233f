//! What the double remembers.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::watch;

/// A planned failure.
#[derive(Debug, Clone)]
pub struct HubFault {
    /// Part of `METHOD /path` of the call that fails, such as `PUT /lfs-store/`.
    pub on: String,
    /// How often it fails.
    pub times: u32,
    /// HTTP status.
    pub status: u16,
    /// The Hub's words.
    pub message: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The connection breaks instead.
    pub cut: bool,
}

impl HubFault {
    /// The next call that contains `on` gets this status.
    pub fn status(on: &str, status: u16, message: &str) -> Self {
        Self {
            on: on.to_owned(),
            times: 1,
            status,
            message: message.to_owned(),
            headers: Vec::new(),
            cut: false,
        }
    }

    /// The connection of the next call that contains `on` breaks.
    pub fn cut(on: &str) -> Self {
        Self { cut: true, ..Self::status(on, 500, "") }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// So many times.
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// A file of a Space's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredFile {
    /// A blob of Git.
    Regular(Vec<u8>),
    /// A pointer to the large file store.
    Lfs {
        /// SHA-256 in hex.
        oid: String,
        /// Size in bytes.
        size: u64,
    },
}

/// A Space.
#[derive(Debug, Clone, Default)]
pub struct SpaceState {
    /// `docker`, …
    pub sdk: String,
    /// Secrets with their values, which the API never gives back.
    pub secrets: BTreeMap<String, String>,
    /// Variables.
    pub variables: BTreeMap<String, String>,
    /// Files of the branch `main`.
    pub files: BTreeMap<String, StoredFile>,
    /// Commits, oldest first.
    pub commits: Vec<String>,
    /// The commit that runs.
    pub running: Option<String>,
    /// Stages that are still to come.
    pub to_come: Vec<String>,
    /// Restarts so far; `factory` ones are told.
    pub restarts: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct HubState {
    pub(crate) spaces: BTreeMap<String, SpaceState>,
    pub(crate) store: HashMap<String, Vec<u8>>,
    pub(crate) parts: HashMap<String, BTreeMap<u32, Vec<u8>>>,
    pub(crate) faults: Vec<HubFault>,
    pub(crate) calls: Vec<String>,
    pub(crate) script: Vec<String>,
    pub(crate) build_log: Vec<String>,
    pub(crate) run_log: Vec<String>,
    /// Streams of logs stay open for lines to come.
    pub(crate) logs_stay_open: bool,
    /// Streams of logs that were open before the count rose break.
    pub(crate) log_cuts: u64,
    /// Told of every change of a log.
    pub(crate) log_changes: watch::Sender<()>,
    pub(crate) app_url: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) payment_required: bool,
}

impl Default for HubState {
    fn default() -> Self {
        let stages = ["RUNNING@old", "BUILDING@old", "BUILDING@new", "APP_STARTING@new", "RUNNING@new"];
        Self {
            spaces: BTreeMap::new(),
            store: HashMap::new(),
            parts: HashMap::new(),
            faults: Vec::new(),
            calls: Vec::new(),
            script: stages.map(str::to_owned).to_vec(),
            build_log: [
                "===== Build Queued at 2026-11-01 00:00:00 / Commit SHA: c0ffee01 =====\n",
                "\n",
                "--> RUN cargo build --release --locked -p docent\n",
                "   Compiling docent v0.1.0 (/src/crates/docent)\n",
                "    Finished `release` profile [optimized] target(s) in 3m 34s\n",
                "DONE 214.6s\n",
                "\n",
                "--> Pushing image\n",
                "DONE 6.3s\n",
            ]
            .map(str::to_owned)
            .to_vec(),
            run_log: ["===== Application Startup =====\n", "ready at http://localhost:7860\n"]
                .map(str::to_owned)
                .to_vec(),
            logs_stay_open: false,
            log_cuts: 0,
            log_changes: watch::Sender::new(()),
            app_url: None,
            error_message: None,
            payment_required: false,
        }
    }
}

impl HubState {
    /// The lines of a log by its name in the address.
    pub(crate) fn log(&mut self, kind: &str) -> Option<&mut Vec<String>> {
        match kind {
            "build" => Some(&mut self.build_log),
            "run" => Some(&mut self.run_log),
            _ => None,
        }
    }
}

/// The id of a commit: made from how many there are, so that runs repeat.
pub(crate) fn commit_id(count: usize) -> String {
    format!("{:08x}{:032x}", 0xc0ff_ee00_u64 + count as u64, 0)
}
