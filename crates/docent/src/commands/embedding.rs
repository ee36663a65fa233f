//! What every command does before it embeds a book: it takes vectors that Qdrant has already, and keeps the pace of the
//! provider's quota.

use crate::config::{Config, QdrantSettings};
use crate::ingest::{Pace, Plan, qdrant};
use crate::parts::Providers;
use crate::providers::qdrant::Qdrant;
use crate::retrieve::Embedder;
use crate::times;

/// Takes the vectors that are missing here and known in Qdrant: unchanged text is never embedded twice, also on a machine
/// that has no index file yet.
///
/// # Errors
/// When Qdrant fails, or there is no room on the disk for the vectors.
pub(super) async fn borrow_vectors(
    client: &Qdrant,
    settings: &QdrantSettings,
    embedder: &Embedder,
    plan: &mut Plan,
) -> anyhow::Result<()> {
    let missing = plan.missing_texts();
    if missing.is_empty() {
        return Ok(());
    }
    let facts = plan.facts(embedder.dimensions().unwrap_or_default());
    let survey = qdrant::survey(client, &settings.collection, &facts).await?;
    Ok(plan.lend(survey.vectors(client, &missing).await?)?)
}

/// The same where it is no error when Qdrant is away: then texts are embedded that need not have been.
pub(super) async fn borrow_if_possible(
    config: &Config,
    providers: &Providers,
    embedder: &Embedder,
    plan: &mut Plan,
) {
    let Some((client, settings)) = providers.qdrant().zip(config.qdrant.as_ref()) else { return };
    let borrowed = borrow_vectors(client, settings, embedder, plan);
    match tokio::time::timeout(times::BORROWING, borrowed).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("no vectors are taken from Qdrant: {error}"),
        Err(_) => {
            tracing::warn!("no vectors are taken from Qdrant: it took longer than {:?}", times::BORROWING);
        }
    }
}

/// The pace at which this configuration may embed.
pub(super) fn pace(config: &Config, embedder: &Embedder) -> Pace {
    Pace::of(embedder, config.embeddings_per_minute)
}
