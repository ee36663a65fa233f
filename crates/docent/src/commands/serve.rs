//! `docent serve`: bind, open the parts, answer, end cleanly.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use search::Index;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::embedding::{borrow_if_possible, pace};
use super::ingest::{WORTH_ASKING, print_warnings, summary};
use super::source::BookSource;
use super::table::table;
use super::{BookArguments, NoIndex, load_config, log};
use crate::config::Config;
use crate::conversations::{Conversations, StoreError};
use crate::http::{App, Patience, router, serve_connections};
use crate::ingest::qdrant::sync;
use crate::ingest::{IngestError, Pace, Progress, Report, Watch, title_of};
use crate::parts::{PartChoice, Parts, Providers, answerer, postgres};
use crate::retrieve::{Embedder, Retriever, SharedIndex};
use crate::status::Services;
use crate::times;

/// Connections that may wait to be accepted; a class that opens the page at once must not be turned away.
const BACKLOG: u32 = 1024;

#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the book, or address of a built site; without it the index of the last ingest is served
    book: Option<BookSource>,
    /// Go on watching the book, and answer from its changed text: a live preview for authors
    #[arg(long, requires = "book")]
    watch: bool,
    #[command(flatten)]
    how: BookArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let config = load_config(arguments.book.as_ref().and_then(BookSource::folder))?;
    log::start(&config);
    raise_file_limit();
    let mut signals = EndSignals::listen().context("cannot listen for signals")?;
    let listener = listen(SocketAddr::new(config.host, config.port))?;
    let address = listener.local_addr()?;
    let app = App::new(config.clone());

    let stopping = app.clone();
    let (stopped, on_stopped) = tokio::sync::oneshot::channel();
    let server = serve_connections(listener, router(app.clone()), Patience::default(), async move {
        let _ = on_stopped.await;
    });
    let server = tokio::spawn(server);

    let watched = arguments.book.as_ref().filter(|_| arguments.watch).map(BookSource::watched_folder);
    // Before the book is read, so that no edit is missed.
    let watch =
        watched.transpose()?.map(|book| Watch::new(book, arguments.how.options(), &config.index_file()));
    let opening = open(&config, &arguments);
    let (parts, pace, is_behind) = tokio::select! {
        opened = opening => opened?,
        () = signals.wait() => return Ok(()),
    };
    let conversations = parts.conversations.clone();
    match (watch, arguments.book) {
        (Some(watch), _) => {
            tokio::spawn(keep_current(watch.paced(pace), parts.clone(), config.clone()));
        }
        (None, Some(book)) if is_behind => {
            tokio::spawn(catch_up(book, arguments.how, parts.clone(), config.clone(), pace));
        }
        _ => {}
    }
    app.ready(parts);
    let shown = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    tracing::info!(milliseconds = began.elapsed().as_millis() as u64, "ready at http://{shown}");

    signals.wait().await;
    tracing::info!("stopping: running answers may finish");
    stopping.stop();
    let _ = stopped.send(());
    app.turns().drain(times::LAST_ANSWERS).await;
    // Idle keep-alive connections end by themselves; those that do not are cut.
    let _ = tokio::time::timeout(Duration::from_secs(1), server).await;
    conversations.close().await;
    Ok(())
}

/// Raises the number of files that this process may open to what the system allows: a stream takes two
/// descriptors, and the usual soft limit of 1,024 would end at 500 of them.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket
        .bind(address)
        .with_context(|| format!("cannot listen on {address}; is another program there? set PORT"))?;
    socket.listen(BACKLOG).with_context(|| format!("cannot listen on {address}"))
}

/// The parts, the pace at which they may embed the book, and whether that is still to be done.
async fn open(config: &Config, arguments: &Arguments) -> anyhow::Result<(Parts, Pace, bool)> {
    let services = Services::default();
    let providers = Arc::new(Providers::new(config, &services));
    let (embedder, embedder_row) = providers.embedder(config)?;
    let (generator, generator_row) = providers.generator(config);
    let path = config.index_file();
    let pace = pace(config, &embedder).beside_readers();
    let Origin { why, is_behind } = bring_up_to_date(config, &providers, &embedder, arguments, &pace).await?;
    let index = open_index(config, &path)?;
    let title = index.as_ref().map(title_of);
    let mut rows: Vec<PartChoice> = Vec::new();
    rows.extend(index.as_ref().map(|index| {
        let using = format!("{} ({} chunks)", path.display(), index.len());
        PartChoice { part: "index", using, why }
    }));
    let found = providers.searching(config, &embedder, index.map(SharedIndex::new)).await;
    let searching = found.ok_or_else(|| NoIndex(path.clone()))?;
    rows.extend(searching.row);
    let title = title.or(searching.title).unwrap_or_else(|| "this book".to_owned());
    if arguments.book.is_some() && !is_behind {
        copy_to_qdrant(config, &providers, &searching.retriever, path);
    }
    let (conversations, conversations_row) = open_conversations(config, &services).await?;
    rows.extend([embedder_row, generator_row, conversations_row]);
    print_parts(&rows);
    providers.announce(config, &embedder, &generator);
    let answerer = answerer(config, title, searching.retriever, embedder, generator);
    let parts = Parts { answerer, conversations, services, providers };
    let looked_at = parts.clone();
    tokio::spawn(async move {
        looked_at.probe(times::PROBE).await;
        looked_at.look_again(times::LOOK_AGAIN).await;
    });
    Ok((parts, pace, is_behind))
}

/// The index file; with Qdrant a missing or damaged one is no reason to stay dark.
fn open_index(config: &Config, path: &Path) -> anyhow::Result<Option<Index>> {
    if !path.exists() {
        return match config.qdrant {
            Some(_) => Ok(None),
            None => Err(NoIndex(path.to_owned()).into()),
        };
    }
    match Index::open(path) {
        Ok(index) => Ok(Some(index)),
        Err(error) if config.qdrant.is_some() => {
            tracing::error!("there is no index file to stand in for Qdrant: {error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the index that is served comes from.
struct Origin {
    /// In words.
    why: String,
    /// The book is not embedded yet as it is now.
    is_behind: bool,
}

impl Origin {
    fn current(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_behind: false }
    }
}

/// Ingests the book before it is served, when one is named; says where the index comes from.
///
/// A spent quota and a site that is away must not keep a book from its readers: its last index is served then, or its
/// words alone, until the book is embedded.
async fn bring_up_to_date(
    config: &Config,
    providers: &Providers,
    embedder: &Embedder,
    arguments: &Arguments,
    pace: &Pace,
) -> anyhow::Result<Origin> {
    let Some(book) = &arguments.book else {
        return Ok(Origin::current("no BOOK was named: the index of the last ingest"));
    };
    let (how, path) = (&arguments.how, config.index_file());
    let planned = book.plan(how, embedder, &path).await;
    if let Err(IngestError::Site(error)) = &planned
        && error.is_passing()
        && path.exists()
    {
        tracing::error!("{error}");
        return Ok(Origin::current("the site is away: the index of the last ingest"));
    }
    let mut plan = planned.with_context(|| format!("cannot read the book in {book}"))?;
    borrow_if_possible(config, providers, embedder, &mut plan).await;
    let texts = plan.report().embedded;
    let reason = if pace.estimate(texts).is_some_and(|wait| wait > times::START_WAIT) {
        tracing::info!(texts, "the quota of the embedder needs longer than a start may take");
        "until the book is embedded"
    } else {
        match plan.paced(pace.hasty()).run(embedder, &Progress::on_stderr()).await {
            Ok(report) => {
                print_warnings(&report);
                tracing::info!("{}", summary(&report, false));
                return Ok(Origin::current(format!("read from {book}")));
            }
            Err(error @ IngestError::Embedding { .. }) => {
                tracing::error!("{error}");
                "the embedder failed"
            }
            Err(error) => return Err(error.into()),
        }
    };
    if path.exists() {
        return Ok(Origin { why: format!("{reason}: the index of the last ingest"), is_behind: true });
    }
    let words = book.plan(how, &Embedder::None, &path).await?;
    words.run(&Embedder::None, &Progress::Silent).await?;
    Ok(Origin { why: format!("{reason}: words only"), is_behind: true })
}

/// Embeds a book that was not embedded when it was opened, at the pace of the quota, and swaps its index in.
async fn catch_up(book: BookSource, how: BookArguments, parts: Parts, config: Config, pace: Pace) {
    let Parts { answerer, providers, .. } = &parts;
    let embedder = &answerer.embedder;
    let mut pause = times::EMBED_AGAIN.0;
    loop {
        let embedded = async {
            let mut plan = book.plan(&how, embedder, &config.index_file()).await?;
            borrow_if_possible(&config, providers, embedder, &mut plan).await;
            let plan = plan.paced(pace.clone());
            let Report { embedded, paced_seconds, .. } = plan.report();
            tracing::info!(texts = embedded, seconds = paced_seconds, "embedding the book");
            plan.run(embedder, &Progress::Silent).await
        };
        match embedded.await {
            Ok(report) => {
                swap_in(&report, &parts, &config);
                return;
            }
            Err(error) => {
                tracing::error!("the last index stays in use, the next try is in {pause:?}: {error}");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(times::EMBED_AGAIN.1);
    }
}

/// Makes Qdrant's copy equal to the index file. Readers are answered from the file meanwhile.
fn copy_to_qdrant(config: &Config, providers: &Providers, retriever: &Retriever, path: PathBuf) {
    let (Some(client), Some(settings), Retriever::Qdrant(retriever)) =
        (providers.qdrant().cloned(), config.qdrant.clone(), retriever.clone())
    else {
        return;
    };
    tokio::spawn(async move {
        let copied = async {
            let index = Index::open(&path)?;
            anyhow::Ok(sync(&client, &settings.collection, &index, &Progress::Silent).await?)
        };
        match copied.await {
            Ok(report) if report.is_unchanged() => tracing::info!("the copy in Qdrant is current"),
            Ok(report) => {
                tracing::info!(
                    written = report.written,
                    removed = report.removed,
                    "the copy in Qdrant is written"
                );
                report.notes.iter().for_each(|note| tracing::warn!("{note}"));
                retriever.refresh().await;
            }
            Err(error) => tracing::error!("the book was not copied to Qdrant: {error:#}"),
        }
    });
}

/// Brings the index up to date at every change of the book and swaps it in. Running questions keep the index that they
/// began with; an error leaves the last index in use.
async fn keep_current(mut watch: Watch, parts: Parts, config: Config) {
    let Parts { answerer, providers, .. } = &parts;
    let embedder = &answerer.embedder;
    // The first reading has just happened, unless the quota was spent; this one learns which folders belong to the book.
    loop {
        let read = async {
            let mut plan = watch.plan(embedder).await?;
            if plan.report().embedded > WORTH_ASKING {
                borrow_if_possible(&config, providers, embedder, &mut plan).await;
            }
            watch.run(plan, embedder, &Progress::Silent).await
        };
        match read.await {
            Ok(report) if report.unchanged => {}
            Ok(report) => swap_in(&report, &parts, &config),
            Err(error) => tracing::error!("the last index stays in use: {error}"),
        }
        watch.changed().await;
    }
}

/// Answers from the index that was just written.
fn swap_in(report: &Report, parts: &Parts, config: &Config) {
    let Parts { answerer, providers, .. } = parts;
    let index_file = config.index_file();
    match Index::open(&index_file) {
        Ok(index) => {
            match &answerer.retriever {
                Retriever::File(shared) => shared.swap(index),
                Retriever::Qdrant(qdrant) => {
                    if let Some(shared) = qdrant.fallback() {
                        shared.swap(index);
                    }
                    copy_to_qdrant(config, providers, &answerer.retriever, index_file);
                }
            }
            print_warnings(report);
            tracing::info!("the book is read anew: {}", summary(report, false));
        }
        Err(error) => tracing::error!("the last index stays in use: {error}"),
    }
}

/// The store, or a stand-in when it cannot be opened: a full disk must not keep readers from their answers.
async fn open_conversations(
    config: &Config,
    services: &Services,
) -> Result<(Conversations, PartChoice), StoreError> {
    if let Some(store) = postgres(config, services) {
        return Ok(store);
    }
    let row = |using: String, why: &str| PartChoice { part: "conversations", using, why: why.to_owned() };
    match Conversations::open(&config.conversations_file()).await {
        Ok(store) => {
            let using = config.conversations_file().display().to_string();
            Ok((store.telling(services), row(using, "SQLite in DOCENT_DATA_DIR")))
        }
        Err(error) => {
            tracing::error!("conversations are kept in memory until their file can be opened: {error}");
            let stand_in = Conversations::stand_in(&config.conversations_file(), &error, services).await?;
            Ok((stand_in, row("memory".into(), "the store cannot be opened; see the log")))
        }
    }
}

fn print_parts(rows: &[PartChoice]) {
    let mut people = table(&["part", "in use", "why"]);
    for row in rows {
        people.add_row([row.part, row.using.as_str(), row.why.as_str()]);
    }
    eprintln!("{people}");
}

/// Ctrl-C and SIGTERM. Made before the port is bound, so that no signal meets the default of dying at once.
struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for either.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
