//! Retrieval from Qdrant: one call brings both legs' scores and the best points of their fusion; what comes next (the
//! fusion that the index file uses, evidence, passages) runs over a small index made of those points, which weighs words
//! as the whole book does. A question that will be answered costs a second call, for what stands around its passages. When
//! Qdrant fails, the index file of the last ingest answers, if there is one.

mod breaker;
mod found;
mod opened;
mod pages;
pub mod scheme;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use search::Index;
use tokio::time::Instant;

use super::{
    Degraded, Embedder, Meaning, PassageLimits, Query, Retrieval, SharedIndex, Verdict, embed_question, judge,
};
use crate::providers::qdrant::{Patience, Qdrant, QdrantError};
use crate::status::{Gauge, Service, Services, Trouble};
use crate::times;
use breaker::{Breaker, Permit};
use opened::Opened;
pub use opened::Vectors;

/// What a use is called in metrics: a question, and a look at the collection.
const SEARCH: &str = "search";
const LOOK: &str = crate::status::CHECK;

/// Why Qdrant cannot answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unavailable {
    /// It failed.
    #[error(transparent)]
    Qdrant(#[from] QdrantError),
    /// There is no such collection.
    #[error("Qdrant has no collection {name:?}; run `docent ingest BOOK`, or check QDRANT_COLLECTION")]
    NoCollection {
        /// As configured.
        name: String,
    },
    /// The collection cannot be searched with what is in use; says both sides and the remedy.
    #[error("{0}")]
    Unfit(String),
    /// The question has no vector, and the collection can be searched by vectors only.
    #[error("the embedder failed, and the collection {collection} can only be searched by vectors")]
    NoVector {
        /// Which one.
        collection: String,
    },
}

impl Unavailable {
    /// A stable word for metrics, health and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Qdrant(error) => error.kind(),
            Self::NoCollection { .. } => "not_found",
            Self::Unfit(_) => "mismatch",
            Self::NoVector { .. } => "no_vector",
        }
    }

    /// What the operator can do.
    pub fn recommended_action(&self) -> &'static str {
        match self {
            Self::Qdrant(error) => error.recommended_action(),
            Self::NoCollection { .. } => "run `docent ingest BOOK`, or check QDRANT_COLLECTION",
            Self::Unfit(_) => "run `docent ingest BOOK` with the embedder that is in use",
            Self::NoVector { .. } => "see the embedder's trouble",
        }
    }

    /// What a reader may know of it.
    pub fn for_readers(&self) -> &'static str {
        match self {
            Self::Qdrant(error) => error.for_readers(),
            Self::NoCollection { .. } => "the book has not been indexed yet",
            Self::Unfit(_) => "the book must be indexed anew",
            Self::NoVector { .. } => "the search service is not available",
        }
    }
}

/// A book in Qdrant. Clones share one state.
#[derive(Clone)]
pub struct QdrantRetriever(Arc<Inner>);

struct Inner {
    client: Arc<Qdrant>,
    name: String,
    vectors: Option<Vectors>,
    fallback: Option<SharedIndex>,
    nothing: Arc<Index>,
    opened: RwLock<Option<(Instant, Arc<Opened>)>>,
    /// Somebody is looking at the collection in the background.
    looking: AtomicBool,
    breaker: Breaker,
    trouble: RwLock<Option<Unavailable>>,
    services: Services,
}

/// How Qdrant is, by its last use.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The collection, by its own name when it is known.
    pub collection: String,
    /// Points in it, about; `None` before the first look.
    pub points: Option<u64>,
    /// Address without user info.
    pub url: String,
    /// Who made its vectors and how long they are; `None` before the first look, or when it holds none.
    pub vectors: Option<(String, usize)>,
    /// Why it counts as away.
    pub trouble: Option<Unavailable>,
    /// What the operator should know though it works.
    pub warning: Option<String>,
}

impl QdrantRetriever {
    /// Nothing is sent yet. `fallback` answers when Qdrant does not.
    pub fn new(
        client: Arc<Qdrant>,
        name: &str,
        vectors: Option<Vectors>,
        fallback: Option<SharedIndex>,
    ) -> Self {
        let nothing = search::IndexBuilder::new(search::Metadata::default()).build();
        let nothing = Index::from_bytes(nothing).expect("an index without chunks opens");
        Self(Arc::new(Inner {
            client,
            name: name.to_owned(),
            vectors,
            fallback,
            nothing: Arc::new(nothing),
            opened: RwLock::default(),
            looking: AtomicBool::new(false),
            breaker: Breaker::default(),
            trouble: RwLock::default(),
            services: Services::default(),
        }))
    }

    /// Tells `services` how its uses go. Only before the first use.
    pub fn telling(mut self, services: &Services) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.services = services.clone();
        }
        self.tell_facts();
        self
    }

    /// Looks at the collection before the first question. Takes some seconds at most.
    ///
    /// # Errors
    /// Why it cannot be searched; the retriever goes on trying by itself.
    pub async fn start(&self) -> Result<(), Unavailable> {
        let began = Instant::now();
        let looked =
            tokio::time::timeout(times::QDRANT_START, self.look(Patience::Reader(times::QDRANT_START))).await;
        let looked = looked.unwrap_or(Err(QdrantError::Timeout { after: times::QDRANT_START }.into()));
        self.tell(LOOK, began, looked.as_ref().err());
        looked.map(drop)
    }

    /// Looks again now: an ingest has just changed the collection.
    pub async fn refresh(&self) {
        let began = Instant::now();
        let looked = self.look(Patience::Reader(times::QDRANT_START)).await;
        self.tell(LOOK, began, looked.as_ref().err());
    }

    /// The index file that stands in.
    pub fn fallback(&self) -> Option<&SharedIndex> {
        self.0.fallback.as_ref()
    }

    /// An index that weighs words as the book does: the file's, else one without chunks.
    pub fn index(&self) -> Arc<Index> {
        match (&self.0.fallback, self.opened()) {
            (Some(shared), _) => shared.get(),
            (None, Some((_, opened))) => Arc::clone(&opened.words),
            (None, None) => Arc::clone(&self.0.nothing),
        }
    }

    /// Title of the book, when the collection tells it.
    pub fn title(&self) -> Option<String> {
        self.opened().map(|(_, opened)| opened.title.clone()).filter(|title| !title.is_empty())
    }

    /// What a reader could ask first, when the collection tells it. Asks nobody.
    pub fn topics(&self) -> Vec<String> {
        self.opened().and_then(|(_, opened)| opened.topics.clone()).unwrap_or_default()
    }

    /// How Qdrant is, by its last use. Asks nobody.
    pub fn standing(&self) -> Standing {
        let opened = self.opened().map(|(_, opened)| opened);
        Standing {
            collection: opened
                .as_ref()
                .map_or_else(|| self.0.name.clone(), |opened| opened.collection.clone()),
            points: opened.as_ref().map(|opened| opened.points),
            url: self.0.client.address(),
            vectors: opened.as_ref().and_then(|opened| {
                let (_, dimensions) = opened.dense.as_ref()?;
                Some((opened.embedder.clone(), *dimensions))
            }),
            trouble: self.0.trouble.read().unwrap_or_else(PoisonError::into_inner).clone(),
            warning: opened.and_then(|opened| opened.warning.clone()),
        }
    }

    /// Finds the best passages for a query.
    ///
    /// # Errors
    /// Why Qdrant could not answer in time.
    pub(super) async fn retrieve(
        &self,
        embedder: &Embedder,
        query: &Query,
        limits: PassageLimits,
    ) -> Result<Retrieval, Unavailable> {
        match self.0.breaker.permit() {
            Permit::Ask => {}
            Permit::Rest(why) => return Err(why),
            // With a stand-in no reader need wait for the trial.
            Permit::Try(why) if self.0.fallback.is_some() => {
                self.look_in_background();
                return Err(why);
            }
            Permit::Try(_) => {}
        }
        let began = Instant::now();
        let result = self.ask(embedder, query, limits).await;
        match &result {
            // The embedder's fault is not Qdrant's.
            Err(Unavailable::NoVector { .. }) => {}
            result => self.tell(SEARCH, began, result.as_ref().err()),
        }
        result
    }

    async fn ask(
        &self,
        embedder: &Embedder,
        query: &Query,
        limits: PassageLimits,
    ) -> Result<Retrieval, Unavailable> {
        let mut opened = match self.opened() {
            Some((looked, opened)) => {
                if looked.elapsed() > times::QDRANT_FRESH {
                    self.look_in_background();
                }
                opened
            }
            None => self.look(Patience::Reader(times::QDRANT_QUESTION)).await?,
        };
        let (mut vector, degraded) = self.vector(&opened, embedder, query).await;
        let began = Instant::now();
        let asked =
            found::ask(&self.0.client, &opened, query, vector.as_deref(), times::QDRANT_QUESTION).await;
        let answer = match asked {
            // The collection was replaced since the last look.
            Err(Unavailable::Qdrant(QdrantError::Missing { .. } | QdrantError::Refused { .. })) => {
                opened = self.look(Patience::Reader(times::QDRANT_QUESTION)).await?;
                vector = vector.filter(|vector| {
                    opened.dense.as_ref().is_some_and(|(_, dimensions)| *dimensions == vector.len())
                });
                found::ask(&self.0.client, &opened, query, vector.as_deref(), times::QDRANT_QUESTION).await?
            }
            asked => asked?,
        };
        let sentences = self.sentences(&opened, vector.as_deref());
        let weighing = Weighing { opened, query: query.clone(), vector, limits, degraded, sentences };
        let (weighing, mut answer, found) = weighing.weigh(answer).await?;
        if found.verdict != Verdict::Answerable {
            return Ok(found);
        }
        // A collection that is slow today gives what it can.
        let limit = times::QDRANT_PAGES.min(times::QDRANT_QUESTION.saturating_sub(began.elapsed()));
        match pages::fetch(&self.0.client, &weighing.opened, &found.passages, limit).await {
            Ok(points) => {
                let points = pages::unknown(points, &answer.points);
                if points.is_empty() {
                    return Ok(found);
                }
                answer.points.extend(points);
                weighing.weigh(answer).await.map(|(_, _, found)| found)
            }
            Err(error) => {
                tracing::info!("passages are shown without what stands around them: {error}");
                Ok(found)
            }
        }
    }

    /// What the index file knows of sentences, when it is there and its vectors are those of the collection.
    fn sentences(&self, opened: &Opened, vector: Option<&[f32]>) -> Option<found::Sentences> {
        let file = self.0.fallback.as_ref()?.get();
        let question = vector.filter(|_| file.metadata().embedder == opened.embedder)?.to_vec();
        file.steps().has(search::Step::Sentences).then_some(found::Sentences { file, question })
    }

    /// The question's vector, when the collection can use one.
    async fn vector(
        &self,
        opened: &Opened,
        embedder: &Embedder,
        query: &Query,
    ) -> (Option<Vec<f32>>, Option<Degraded>) {
        let Some((_, dimensions)) = &opened.dense else {
            // Words alone are all there is when the vectors are another embedder's.
            let missing = opened.warning.is_some().then_some(Degraded::NoVectors);
            return (None, missing);
        };
        match embed_question(embedder, &query.text).await {
            Ok(Some(vector)) if vector.len() == *dimensions => (Some(vector), None),
            Ok(Some(vector)) => {
                tracing::warn!(
                    "the embedder made a vector of {} values, the collection {} holds {dimensions}; run `docent ingest BOOK`",
                    vector.len(),
                    opened.collection
                );
                (None, Some(Degraded::NoVectors))
            }
            Ok(None) => (None, None),
            Err(reason) => {
                tracing::warn!(embedder = embedder.name(), "answering from words only: {reason}");
                (None, Some(Degraded::NoVectors))
            }
        }
    }

    async fn look(&self, patience: Patience) -> Result<Arc<Opened>, Unavailable> {
        let mut opened = opened::open(&self.0.client, &self.0.name, self.0.vectors.as_ref(), patience).await;
        if let Ok(opened) = &mut opened {
            if let Some((_, before)) = self.opened() {
                opened.keep_words_of(&before);
            }
            if opened.topics.is_none() && self.0.fallback.is_none() {
                opened.topics = opened::sampled_topics(&self.0.client, opened).await;
            }
        }
        let opened = opened.map(Arc::new);
        let mut kept = self.0.opened.write().unwrap_or_else(PoisonError::into_inner);
        match &opened {
            Ok(opened) => {
                let before = kept.as_ref().and_then(|(_, before)| before.warning.clone());
                if let Some(warning) =
                    opened.warning.as_ref().filter(|warning| before.as_ref() != Some(*warning))
                {
                    tracing::warn!("{warning}");
                }
                *kept = Some((Instant::now(), Arc::clone(opened)));
            }
            // What was seen before is wrong now.
            Err(Unavailable::NoCollection { .. } | Unavailable::Unfit(_)) => *kept = None,
            Err(_) => {}
        }
        opened
    }

    /// One look at a time, and nobody waits for it.
    fn look_in_background(&self) {
        if self.0.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let own = self.clone();
        tokio::spawn(async move {
            own.refresh().await;
            own.0.looking.store(false, Ordering::Release);
        });
    }

    /// What the health report shows of it.
    fn tell_facts(&self) {
        let standing = self.standing();
        // The earlier service called points vectors.
        let facts = serde_json::json!({
            "collection": standing.collection,
            "points": standing.points,
            "vectors": standing.points,
            "url": standing.url,
            "warning": standing.warning,
        });
        self.0.services.in_use(Service::Qdrant, facts);
    }

    fn opened(&self) -> Option<(Instant, Arc<Opened>)> {
        self.0.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers how a use went. A trouble is logged when it begins or changes, not once a question.
    fn tell(&self, operation: &'static str, began: Instant, trouble: Option<&Unavailable>) {
        self.tell_facts();
        let gauge = |operation| self.0.services.gauge(Service::Qdrant, operation);
        match trouble {
            None => {
                // A search that went well disproves what the last look found, and the other way round.
                gauge(operation).worked(began.elapsed());
                self.0.services.reached(Service::Qdrant);
            }
            Some(trouble) => failed(&gauge(operation), began, trouble),
        }
        let mut kept = self.0.trouble.write().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            None => {
                if kept.take().is_some() {
                    tracing::info!("Qdrant answers again");
                }
                self.0.breaker.succeeded();
            }
            Some(trouble) => {
                if kept.as_ref() != Some(trouble) {
                    let instead = if self.0.fallback.is_some() {
                        "the index file answers"
                    } else {
                        "nothing can stand in"
                    };
                    tracing::warn!(kind = trouble.kind(), "{trouble}; {instead}");
                }
                self.0.breaker.failed(trouble);
                *kept = Some(trouble.clone());
            }
        }
    }
}

/// One question, and by what its answer is weighed.
struct Weighing {
    opened: Arc<Opened>,
    query: Query,
    vector: Option<Vec<f32>>,
    limits: PassageLimits,
    degraded: Option<Degraded>,
    sentences: Option<found::Sentences>,
}

impl Weighing {
    /// Ranks what came back and chooses passages, on a blocking thread.
    async fn weigh(self, answer: found::Answer) -> Result<(Self, found::Answer, Retrieval), Unavailable> {
        let work = tokio::task::spawn_blocking(move || {
            let Self { opened, query, vector, limits, degraded, sentences } = &self;
            let (index, hits) = found::assemble(opened, &answer, query, sentences.as_ref())?;
            let vector = vector.as_deref().filter(|_| opened.knows_words);
            let meaning = vector.map(|vector| Meaning { embedder: &opened.embedder, vector });
            let found = judge(Arc::new(index), query, hits, meaning, *limits, *degraded);
            Ok((self, answer, found))
        });
        work.await.unwrap_or_else(|panic| Err(Unavailable::Unfit(format!("retrieval failed: {panic}"))))
    }
}

fn failed(gauge: &Gauge, began: Instant, trouble: &Unavailable) {
    let trouble = Trouble {
        kind: trouble.kind(),
        error: trouble.to_string(),
        recommended_action: trouble.recommended_action().to_owned(),
    };
    gauge.failed(began.elapsed(), trouble);
}

impl std::fmt::Debug for QdrantRetriever {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "QdrantRetriever({} at {})", self.0.name, self.0.client.address())
    }
}
