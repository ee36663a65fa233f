//! `GET /metrics` for Prometheus: an owner's route.

use std::time::SystemTime;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::{App, owner};
use crate::metrics::Now;
use crate::status::Services;

/// Everything that is counted, in the text format.
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    owner::check(&app, &headers)?;
    let running = app.config().max_streams.saturating_sub(app.permits().available_permits());
    let nobody = Services::default();
    let (now, services) = match app.parts() {
        None => (Now { running, ..Now::default() }, &nobody),
        Some(parts) => {
            let cache = parts.answerer.cache.counts();
            let now = Now {
                cache: (cache.hits, cache.misses, cache.kept),
                running,
                chunks: parts.answerer.retriever.index().len(),
                index_age: index_age(&app),
                waiting: parts.conversations.postgres_state().map(|state| state.waiting as u64),
                allowance: parts.providers.allowance_today(),
            };
            (now, &parts.services)
        }
    };
    let text = app.metrics().render(now, services);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn index_age(app: &App) -> Option<u64> {
    let written = std::fs::metadata(app.config().index_file()).ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(written).map_or(0, |age| age.as_secs()))
}
