//! `docent space`: a Hugging Face Space, from folder to running service.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::{NoIndex, doctor, load_config};
use crate::config::Values;
use crate::doctor::{Examination, examine};
use crate::secret::Secret;
use crate::space::export::export;
use crate::space::follow::{Deployed, Pace, Told, follow, remedy};
use crate::space::hub::{Account, Hub, Space};
use crate::space::log::Log;
use crate::space::settings::Settings;
use crate::space::tail::tail;
use crate::space::upload::upload;
use crate::space::{BookPart, ExportError, Exported, Program, find_sources};

/// Longest pause before the first repetition of a call; tests look more often.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A log that is not followed ends after this silence, because the Hub keeps its stream open. The Hub's own client waits as
/// long.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the tree that is uploaded to a Space
    Export(ExportArguments),
    /// Create or update a Space, wait until it runs, and look whether it is well
    Deploy(DeployArguments),
    /// Show how a Space runs
    Status(SpaceArguments),
    /// Show the log of a Space's container or build
    Logs(LogsArguments),
    /// Restart a Space
    Restart(RestartArguments),
}

#[derive(Args)]
struct DeployArguments {
    /// The Space: OWNER/NAME
    space: String,
    #[command(flatten)]
    tree: TreeArguments,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Seconds between two looks at the Space
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    poll: f64,
    /// Minutes that build and start may take
    #[arg(long, value_name = "MINUTES", default_value_t = 45)]
    limit: u64,
}

#[derive(Args)]
struct SpaceArguments {
    /// The Space: OWNER/NAME
    space: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LogsArguments {
    /// The Space: OWNER/NAME
    space: String,
    /// The build's log instead of the container's
    #[arg(long)]
    build: bool,
    /// Print new lines as they come, until the build or the container ends
    #[arg(long, short)]
    follow: bool,
    /// Seconds between two looks at the Space while nothing comes
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, requires = "follow")]
    poll: f64,
}

#[derive(Args)]
struct RestartArguments {
    /// The Space: OWNER/NAME
    space: String,
    /// Build the image again, without its cache
    #[arg(long)]
    factory: bool,
}

#[derive(Args)]
struct ExportArguments {
    /// Folder to write to: a new one, a clone of the Space, or an earlier export
    folder: PathBuf,
    #[command(flatten)]
    tree: TreeArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a Space is made of.
#[derive(Args)]
struct TreeArguments {
    /// Book that the Space answers from; without it the index of the last ingest, else the manual of the sources
    #[arg(long, value_name = "BOOK")]
    book: Option<PathBuf>,
    /// Upload this executable instead of its sources
    #[arg(long)]
    prebuilt: bool,
    /// Checkout of Docent, when it is neither here nor above the executable
    #[arg(long, value_name = "DIR", conflicts_with = "prebuilt")]
    source: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Deploy(arguments) => deploy(arguments).await?,
        Command::Status(arguments) => status(arguments).await?,
        Command::Logs(arguments) => logs(arguments).await?,
        Command::Restart(arguments) => {
            let id = checked_id(&arguments.space)?;
            let runtime = hub(&Values::gather(None).0, FIRST_PAUSE)?.restart(id, arguments.factory).await?;
            println!("{id} is {}", runtime.stage);
        }
        Command::Export(arguments) => {
            let exported = arguments.tree.write(&arguments.folder)?;
            if arguments.json {
                println!("{}", serde_json::to_string_pretty(&exported)?);
            } else {
                print_exported(&arguments.folder, &exported);
            }
        }
    }
    Ok(())
}

impl TreeArguments {
    fn write(&self, folder: &Path) -> anyhow::Result<Exported> {
        let sources = match &self.source {
            Some(folder) => Some(folder.clone()),
            None => find_sources(),
        };
        let program = if self.prebuilt {
            if cfg!(debug_assertions) {
                eprintln!(
                    "warning: this is a debug build: large and slow; build with --release for a real Space"
                );
            }
            Program::Executable(std::env::current_exe().context("cannot find this executable")?)
        } else {
            Program::Sources(sources.clone().ok_or(ExportError::NoSources)?)
        };
        let book = match &self.book {
            Some(folder) => BookPart::Folder(folder.clone()),
            None => {
                let index = load_config(None)?.index_file();
                let manual = sources.map(|folder| folder.join("docs")).filter(|folder| folder.is_dir());
                match (index.is_file(), manual) {
                    (true, _) => BookPart::Index(index),
                    (false, Some(manual)) => BookPart::Folder(manual),
                    (false, None) => return Err(NoIndex(index).into()),
                }
            }
        };
        match &book {
            BookPart::Folder(folder) => eprintln!("book: {}", folder.display()),
            BookPart::Index(file) => {
                let embedder = search::Index::open(file)?.metadata().embedder.clone();
                eprintln!("book: the index {}, embedded with '{embedder}'", file.display());
            }
        }
        Ok(export(folder, &program, &book)?)
    }
}

fn print_exported(folder: &Path, exported: &Exported) {
    for left_out in &exported.left_out {
        eprintln!("left out: {left_out}");
    }
    let lfs = exported.files.iter().filter(|file| file.lfs).count();
    println!(
        "{} files, {:.1} MB, {lfs} of them by LFS, in {}",
        exported.files.len(),
        exported.size() as f64 / 1e6,
        folder.display()
    );
    println!(
        "try it:    docker build -t hf-rag-test {0} && docker run --rm -p 7860:7860 hf-rag-test",
        folder.display()
    );
    println!("upload it: `docent space deploy OWNER/NAME`, or git push with git-lfs");
}

/// An id that the Hub takes.
fn checked_id(id: &str) -> anyhow::Result<&str> {
    let is_name = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty()
            && name.chars().all(allowed)
            && !name.starts_with(['-', '.'])
            && !name.ends_with(['-', '.'])
            && !name.contains("--")
            && !name.contains("..")
    };
    match id.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) && id.len() <= 96 => Ok(id),
        _ => bail!("'{id}' is no Space; expected OWNER/NAME of letters, digits, '.', '_' and '-'"),
    }
}

/// A client with the token of the environment or of `.env`.
fn hub(values: &Values, first_pause: Duration) -> anyhow::Result<Hub> {
    let token = values.get("HF_TOKEN");
    if token.is_empty() {
        bail!("HF_TOKEN is not set; make a token with the right to write at huggingface.co/settings/tokens");
    }
    Ok(Hub::new(values.get("HF_ENDPOINT"), Secret::new(token), first_pause))
}

async fn status(arguments: &SpaceArguments) -> anyhow::Result<()> {
    let id = checked_id(&arguments.space)?;
    let hub = hub(&Values::gather(None).0, FIRST_PAUSE)?;
    let Some(space) = hub.space(id).await? else { bail!("there is no Space {id} that this token may see") };
    let runtime = hub.runtime(id).await?;
    let is_new = runtime.sha.as_deref().map(|sha| sha == space.sha);
    if arguments.json {
        let shown = serde_json::json!({
            "space": id, "url": space.url, "stage": runtime.stage, "commit": space.sha, "running": runtime.sha,
            "error": runtime.error, "hardware": runtime.hardware,
        });
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    println!("{id} is {} at {}", runtime.stage, space.url);
    if let Some(error) = &runtime.error {
        println!("the Hub says: {error}");
    }
    if is_new == Some(false) {
        println!("its last commit is {}, and another one runs", space.sha);
    }
    if !matches!(runtime.stage.as_str(), "RUNNING" | "SLEEPING") && !runtime.stage.contains("ING") {
        println!("→ {}", remedy(&runtime.stage));
    }
    Ok(())
}

async fn logs(arguments: &LogsArguments) -> anyhow::Result<()> {
    let id = checked_id(&arguments.space)?;
    let log = if arguments.build { Log::Build } else { Log::Container };
    let mut out = std::io::stdout();
    let mut print = |line: &str| writeln!(out, "{line}");
    if !arguments.follow {
        let hub = hub(&Values::gather(None).0, FIRST_PAUSE)?;
        for line in hub.log(id, log, QUIET).await? {
            print(&line.text)?;
        }
        return Ok(());
    }
    let pause = pause_of(arguments.poll);
    let hub = hub(&Values::gather(None).0, pause.min(FIRST_PAUSE))?;
    let stage = tail(&hub, id, log, pause, print).await?;
    eprintln!("the log ends here: {id} is {stage}");
    Ok(())
}

fn pause_of(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.001, 3600.0))
}

/// A folder that is removed when it goes out of scope.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

async fn deploy(arguments: &DeployArguments) -> anyhow::Result<()> {
    let id = checked_id(&arguments.space)?;
    let (owner, name) = id.split_once('/').context("an id has an owner")?;
    let pause = pause_of(arguments.poll);
    let (values, _) = Values::gather(arguments.tree.book.as_deref());
    let settings = Settings::of(&values);
    let hub = hub(&values, pause.min(FIRST_PAUSE))?;
    let account = hub.account().await?;
    let is_own = may_write(&account, owner)?;
    let found = hub.space(id).await?;

    let scratch = Scratch(std::env::temp_dir().join(format!("docent-space-{}", uuid::Uuid::new_v4())));
    let tree = arguments.tree.write(&scratch.0)?;
    let lfs = tree.files.iter().filter(|file| file.lfs).count();
    eprintln!("tree: {} files, {:.1} MB, {lfs} by LFS", tree.files.len(), tree.size() as f64 / 1e6);
    print_settings(&settings);
    if arguments.dry_run {
        println!(
            "{id} {}",
            if found.is_some() { "is there: it would be updated" } else { "would be created" }
        );
        return Ok(());
    }

    let space = match found {
        Some(space) => update_settings(&hub, id, &settings).await.map(|()| space)?,
        None => {
            eprintln!("creating {id}");
            hub.create((owner, name), is_own, &settings.secrets, &settings.variables).await?;
            hub.space(id)
                .await?
                .context("the Space was created, and the Hub does not show it; try again in a minute")?
        }
    };
    let uploaded =
        upload(&hub, id, &space.sha, (&scratch.0, &tree), |what| eprintln!("upload: {what}")).await?;
    eprintln!(
        "commit {}: {} changed, {} unchanged, {} deleted",
        uploaded.commit.get(..8).unwrap_or_default(),
        uploaded.changed,
        uploaded.unchanged,
        uploaded.deleted
    );
    let pace = Pace { pause, limit: Duration::from_secs(arguments.limit * 60) };
    let deployed = follow(&hub, id, &uploaded.commit, pace, |told| match told {
        Told::Stage(stage) => eprintln!("stage: {stage}"),
        Told::Line(line) => eprintln!("  {line}"),
        Told::Note(note) => eprintln!("note: {note}"),
    })
    .await?;
    if deployed == Deployed::Sleeping {
        eprintln!("it sleeps; the next request wakes it");
    }
    finish(&space, &settings).await
}

/// Whether the token may write in the namespace, and whether that is the user's own.
fn may_write(account: &Account, owner: &str) -> anyhow::Result<bool> {
    if !account.may_write {
        bail!(
            "the token of {} has the role {}; make one with the role write, or repo.write on the Space",
            account.name,
            account.role
        );
    }
    let is_own = account.name.eq_ignore_ascii_case(owner);
    if !is_own && !account.organisations.iter().any(|name| name.eq_ignore_ascii_case(owner)) {
        bail!("the token belongs to {}, who is not in {owner}", account.name);
    }
    Ok(is_own)
}

fn print_settings(settings: &Settings) {
    let names = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    eprintln!("secrets: {}", names(settings.secrets.iter().map(|(name, _)| name.as_str()).collect()));
    eprintln!("variables: {}", names(settings.variables.iter().map(|(name, _)| name.as_str()).collect()));
    for left_out in &settings.left_out {
        eprintln!("left out: {left_out}");
    }
    if settings.site().is_none() {
        eprintln!("warning: ALLOWED_ORIGINS names no site, so only the Space's own pages may ask");
    }
}

/// Each change restarts the Space, so variables that are right stay; secrets cannot be read, so they are set again.
async fn update_settings(hub: &Hub, id: &str, settings: &Settings) -> anyhow::Result<()> {
    let there = hub.variables(id).await?;
    for (key, value) in &settings.variables {
        if there[key]["value"].as_str() != Some(value) {
            hub.set_variable(id, key, value).await?;
        }
    }
    for (key, value) in &settings.secrets {
        hub.set_secret(id, key, value).await?;
    }
    Ok(())
}

/// Looks whether the service is well, and says what the book's site needs.
async fn finish(space: &Space, settings: &Settings) -> anyhow::Result<()> {
    let url = &space.url;
    println!("{url}");
    println!("on the book's site: REACT_APP_API_BASE_URL={url}");
    println!(
        "or on any page:     <script src=\"{url}/widget.js\" defer></script> <docent-chat></docent-chat>"
    );
    let examination = Examination {
        url: url.clone(),
        origin: settings.site(),
        question: None,
        patience: Duration::from_secs(180),
        limit: Duration::from_secs(60),
    };
    let report = examine(&examination, |finding| doctor::tell(finding, false)).await;
    doctor::verdict(&report, false)
}
