//! Where passages are looked for: Qdrant when it is configured, the index file otherwise, and which of them answers now.

use std::sync::Arc;

use super::{PartChoice, Providers};
use crate::config::Config;
use crate::providers::qdrant::Qdrant;
use crate::retrieve::{Embedder, QdrantRetriever, Retriever, SharedIndex, Vectors};

/// What a configuration searches.
pub struct Searching {
    /// Where passages are looked for.
    pub retriever: Retriever,
    /// The row of the start-up table; `None` when only the index file is there, which has its own row.
    pub row: Option<PartChoice>,
    /// The book's title, when the collection tells it.
    pub title: Option<String>,
}

impl Providers {
    /// The client of Qdrant, when it is configured.
    pub fn qdrant(&self) -> Option<&Arc<Qdrant>> {
        self.qdrant.as_ref()
    }

    /// Chooses what is searched and looks at it, which takes some seconds at most; `None` when there is neither Qdrant
    /// nor an index file. A Qdrant that does not answer now is tried again later.
    pub async fn searching(
        &self,
        config: &Config,
        embedder: &Embedder,
        index: Option<SharedIndex>,
    ) -> Option<Searching> {
        let (Some(settings), Some(client)) = (&config.qdrant, &self.qdrant) else {
            let retriever = Retriever::File(index?);
            return Some(Searching { retriever, row: None, title: None });
        };
        let vectors = embedder.fingerprint().map(|fingerprint| Vectors {
            fingerprint: fingerprint.to_owned(),
            dimensions: embedder.dimensions(),
        });
        let has_file = index.is_some();
        let qdrant = QdrantRetriever::new(Arc::clone(client), &settings.collection, vectors, index)
            .telling(&self.services);
        let looked = qdrant.start().await;
        let standing = qdrant.standing();
        let (using, why) = match looked {
            Ok(()) => {
                let points = standing.points.unwrap_or_default();
                let using = format!("qdrant ({}, {points} points, {})", standing.collection, standing.url);
                (using, standing.warning.unwrap_or_else(|| "QDRANT_URL is set".to_owned()))
            }
            Err(trouble) if has_file => ("index file".to_owned(), trouble.to_string()),
            Err(trouble) => ("nothing: questions are refused".to_owned(), trouble.to_string()),
        };
        let title = qdrant.title();
        let row = Some(PartChoice { part: "retriever", using, why });
        Some(Searching { retriever: Retriever::Qdrant(qdrant), row, title })
    }
}
