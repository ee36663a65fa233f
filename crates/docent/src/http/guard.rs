//! What happens around every request: its id, who may ask, security headers, the access log.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::App;
use super::error::ApiError;

tokio::task_local! {
    static REQUEST_ID: Uuid;
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a browser may remember a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "7200";

/// What hosts ask to see whether the program lives.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// The id of the request that is being handled.
pub(super) fn request_id() -> String {
    REQUEST_ID.try_with(Uuid::to_string).unwrap_or_default()
}

/// Gives the request an id, checks its origin, answers preflights, adds headers and writes the access log.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = Uuid::new_v4();
    let began = Instant::now();
    let method = request.method().clone();
    // The path only: a query may hold what a reader typed.
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let span = tracing::info_span!("request", request.id = %id);
    REQUEST_ID
        .scope(id, async {
            let mut response = checked(&app, request, next).await;
            let id = HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static(""));
            response.headers_mut().insert(X_REQUEST_ID, id);
            response
                .headers_mut()
                .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            app.metrics().request(route.as_deref().unwrap_or("other"), response.status().as_u16());
            let status = response.status().as_u16();
            let milliseconds = began.elapsed().as_millis() as u64;
            // A host asks these every few seconds: they would bury what readers did.
            if PROBES.contains(&path.as_str()) {
                tracing::debug!(%method, path, status, milliseconds, "request");
            } else {
                tracing::info!(%method, path, status, milliseconds, "request");
            }
            response
        })
        .instrument(span)
        .await
}

async fn checked(app: &App, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let allowed = origin.to_str().is_ok_and(|origin| {
        same_site(origin, request.headers(), request.uri().host())
            || app.config().allowed_origins.allows(origin)
    });
    let mut response = if !allowed {
        let shown = origin.to_str().unwrap_or("this site").chars().take(200).collect();
        ApiError::OriginNotAllowed(shown).into_response()
    } else if is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("x-request-id, retry-after"),
        );
    }
    response
}

/// Whether the page that asks was served by us: its host is the one that the request names.
fn same_site(origin: &str, headers: &HeaderMap, uri_host: Option<&str>) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(uri_host);
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    match (authority, host) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    (
        StatusCode::NO_CONTENT,
        [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, last-event-id, authorization"),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE),
        ],
    )
        .into_response()
}
