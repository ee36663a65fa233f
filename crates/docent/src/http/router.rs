//! Every route on one page.

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::wire::BODY_LIMIT;
use super::{App, assets, chat, conversation, feedback, guard, health, metrics, openapi, pages, search};

/// The routes of the API, with their part of the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(chat::ask))
        .routes(routes!(chat::resume))
        .routes(routes!(conversation::show, conversation::forget))
        .routes(routes!(search::search))
        .routes(routes!(feedback::keep))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// The whole service.
pub fn router(app: App) -> Router {
    let (mut router, document) = routes().split_for_parts();
    // As bytes: routes are cloned, and the document as a tree weighs a quarter of a megabyte.
    let document = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let is_json = [(header::CONTENT_TYPE, "application/json")];
    router = router
        .route("/", get(pages::home))
        .route("/docs", get(pages::docs))
        .route("/metrics", get(metrics::show))
        .route("/streamz", get(super::streamz::streamz))
        .route("/openapi.json", get(move || std::future::ready((is_json, document.clone()))));
    router = router.route(assets::WIDGET, get(pages::widget));
    for asset in assets::ASSETS {
        router = router.route(
            asset.path,
            get(move |uri: Uri, headers: HeaderMap| std::future::ready(asset.response(&uri, &headers))),
        );
    }
    router
        .fallback(|| async { ApiError::RouteNotFound.into_response() })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed.into_response() })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
