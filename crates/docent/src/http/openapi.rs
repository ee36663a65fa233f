//! The OpenAPI document, made from the types and handlers.

use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Docent",
        description = "Ask a book a question and get a streamed, cited answer.\n\n`POST /api/chat` streams server-sent events: \
one JSON object a `data:` line with a `type`: `metadata`, `sources`, `token`, `notice`, then one `done` or `error`. \
Errors are RFC 9457 problem details with a `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(super::events::Frame<'_>)),
    tags(
        (name = "chat", description = "Ask and follow answers"),
        (name = "conversations", description = "Read and forget conversations"),
        (name = "search", description = "Search without an answer"),
        (name = "health", description = "How the service is"),
    )
)]
struct Document;

/// The document with every route of the router.
pub fn document() -> utoipa::openapi::OpenApi {
    super::router::routes().split_for_parts().1
}

/// The document without routes; the router adds them.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
