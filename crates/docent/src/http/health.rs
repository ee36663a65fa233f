//! Is the process alive, can it answer, how are its parts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{App, Phase};
use crate::answer::Generator;
use crate::config::Config;
use crate::parts::Parts;

/// How the service and its parts are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy`, `degraded`, `unhealthy` or `starting`.
    status: &'static str,
    /// One entry a part: `ok`, or an object with `status` and facts.
    #[schema(value_type = Object)]
    services: Value,
    /// Names of the parts that are away; left out when none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_services: Vec<&'static str>,
    /// What is going on, while starting.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// When, in UTC.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Version of the program.
    version: &'static str,
}

/// How the service and its parts are. 200 only when healthy.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "health",
    responses(
        (status = 200, description = "Everything that is configured works", body = Health),
        (status = 503, description = "Starting, degraded or unhealthy; the body says which", body = Health),
    )
)]
pub(super) async fn health(State(app): State<App>) -> Response {
    let (status, services, message) = match (app.phase(), app.parts()) {
        (Phase::Stopping, _) => ("unhealthy", json!({"api": "stopping"}), Some("the service is stopping")),
        (_, None) => ("starting", json!({"api": "starting"}), Some("the service is starting")),
        (_, Some(parts)) => ("healthy", services(app.config(), parts), None),
    };
    let health = Health {
        status,
        services,
        failed_services: Vec::new(),
        message,
        timestamp: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let code = if status == "healthy" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [("cache-control", "no-store")], Json(health)).into_response()
}

fn services(config: &Config, parts: &Parts) -> Value {
    let index = parts.answerer.retriever.index();
    let gemini = match &parts.answerer.generator {
        Generator::Gemini(_) => {
            let models =
                config.gemini.as_ref().map(|settings| settings.models.as_slice()).unwrap_or_default();
            json!({"status": "configured", "model": models.first()})
        }
        other => json!({"status": "not_configured", "instead": other.name()}),
    };
    json!({
        "api": "ok",
        "index": {
            "status": "ok",
            "chunks": index.len(),
            "embedder": parts.answerer.embedder.name(),
        },
        "qdrant": {"status": "not_configured", "instead": "index file"},
        "postgres": {"status": "not_configured", "instead": "sqlite"},
        "gemini": gemini,
    })
}

/// The process is alive.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Questions can be answered.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "Ready", body = String, content_type = "text/plain"),
    (status = 503, description = "Starting or stopping", body = String, content_type = "text/plain"),
))]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.phase() {
        Phase::Ready => (StatusCode::OK, "ok\n"),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}
