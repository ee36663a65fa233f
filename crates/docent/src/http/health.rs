//! Is the process alive, can it answer, how are its parts.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, Problem};
use super::{App, Phase, owner};
use crate::parts::Parts;
use crate::retrieve::Retriever;
use crate::status::{Service, ServiceReport};

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

#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query for the OpenAPI document")]
struct HealthQuery {
    /// `1` looks at every outside service first, at most every ten seconds; wants the admin token.
    #[param(required = false, nullable = false)]
    probe: Option<String>,
}

/// How the service and its parts are. 200 only when healthy. Tells how outside services were when they were last used,
/// and calls none of them.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "health",
    params(HealthQuery),
    responses(
        (status = 200, description = "Everything that is configured works", body = Health),
        (status = 401, description = "A probe wants the admin token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "There is no admin token, so nobody may probe", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Starting, degraded or unhealthy; the body says which", body = Health),
    )
)]
pub(super) async fn health(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let probe = query.iter().any(|(name, value)| name == "probe" && matches!(value.as_str(), "1" | "true"));
    if probe {
        owner::check(&app, &headers)?;
        if let Some(parts) = app.parts() {
            app.probe(parts).await;
        }
    }
    let (status, services, failed_services, message) = match (app.phase(), app.parts()) {
        (Phase::Stopping, _) => {
            ("unhealthy", json!({"api": "stopping"}), Vec::new(), Some("the service is stopping"))
        }
        (_, None) => ("starting", json!({"api": "starting"}), Vec::new(), Some("the service is starting")),
        (_, Some(parts)) => {
            let reports = parts.services.reports();
            let failed: Vec<&'static str> = reports
                .iter()
                .filter(|report| report.trouble.is_some())
                .map(|report| report.service.name())
                .collect();
            // The earlier service's rule: one that is away degrades, more are unhealthy.
            let status = ["healthy", "degraded", "unhealthy"][failed.len().min(2)];
            (status, services(parts, reports), failed, None)
        }
    };
    let health = Health {
        status,
        services,
        failed_services,
        message,
        timestamp: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let code = if status == "healthy" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((code, [("cache-control", "no-store")], Json(health)).into_response())
}

fn services(parts: &Parts, reports: Vec<ServiceReport>) -> Value {
    let answerer = &parts.answerer;
    let index = answerer.retriever.index();
    let instead = |service: Service| match service {
        Service::Qdrant => "index file",
        Service::Postgres | Service::Sqlite => "sqlite",
        Service::Gemini | Service::OpenAi => answerer.generator.name(),
    };
    let has_file = !matches!(&answerer.retriever, Retriever::Qdrant(qdrant) if qdrant.fallback().is_none());
    let file = if has_file {
        json!({"status": "ok", "chunks": index.len(), "embedder": answerer.embedder.name()})
    } else {
        json!({"status": "not_configured", "instead": "qdrant", "embedder": answerer.embedder.name()})
    };
    let mut services = json!({"api": "ok", "index": file});
    // The earlier service named these three always.
    for service in [Service::Qdrant, Service::Postgres, Service::Gemini] {
        services[service.name()] = json!({"status": "not_configured", "instead": instead(service)});
    }
    for report in reports {
        let name = report.service.name();
        services[name] = row(report);
    }
    if let Some(state) = parts.conversations.postgres_state().filter(|state| state.waiting > 0) {
        services["postgres"]["waiting"] = state.waiting.into();
    }
    if let Some((calls_today, daily_budget)) = parts.providers.allowance_today() {
        for service in [Service::Gemini, Service::OpenAi] {
            if let Some(row) = services.get_mut(service.name()).filter(|row| row.get("instead").is_none()) {
                row["calls_today"] = calls_today.into();
                row["daily_budget"] = daily_budget.into();
            }
        }
    }
    services
}

/// One outside service: facts, how its last use went, and what to do when it went wrong.
fn row(report: ServiceReport) -> Value {
    let mut row = report.facts;
    row.retain(|_, fact| !fact.is_null());
    let status = match (&report.trouble, report.last_use) {
        (Some(_), _) => "disconnected",
        (None, Some(_)) => "connected",
        // Nobody has needed it yet; looking would wake a sleeping service.
        (None, None) => "configured",
    };
    row.insert("status".into(), status.into());
    if let Some(last_use) = report.last_use {
        row.insert("last_use".into(), last_use.to_string().into());
    }
    if let Some(trouble) = report.trouble {
        row.insert("kind".into(), trouble.kind.into());
        row.insert("error".into(), trouble.error.into());
        row.insert("recommended_action".into(), trouble.recommended_action.into());
    }
    row.into()
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
