//! The pages that the program serves: the chat page and Swagger UI.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{App, assets};
use crate::answer::book_language;

/// Only our own files, no inline script or style, no text that becomes markup; any site may frame the page.
const CHAT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors *; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Swagger UI sets styles on elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

const CHAT_PAGE: &str = include_str!("../../assets/chat/index.html");

/// What the chat page replaces by the book's title.
const TITLE_MARK: &str = "{{BOOK_TITLE}}";

/// What the chat page replaces by a JSON list of what the book speaks of.
const TOPICS_MARK: &str = "{{TOPICS}}";

const DOCS_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Docent API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// The chat page, or two words of JSON for programs that ask for it.
pub(super) async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") && !accept.contains("text/html") {
        let body = json!({"message": "Docent answers questions about a book", "docs": "/docs"});
        return axum::Json(body).into_response();
    }
    let (title, topics) = app.parts().map_or(("this book", Vec::new()), |parts| {
        let answerer = &parts.answerer;
        (answerer.book.as_str(), answerer.retriever.topics(&answerer.book))
    });
    // It speaks the reader's language, and so does the script that it loads.
    let reader = headers.get(header::ACCEPT_LANGUAGE).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let html = assets::versioned(CHAT_PAGE, reader, language(&app).as_deref().unwrap_or_default())
        .replace(TITLE_MARK, &escaped(title))
        .replace(TOPICS_MARK, &escaped(&json!(topics).to_string()));
    let mut response = page(html, CHAT_POLICY);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    response
}

/// The widget's script, in the book's language unless the address names another.
pub(super) async fn widget(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    assets::widget(&uri, &headers, language(&app).as_deref())
}

/// The book's language, once it is known.
fn language(app: &App) -> Option<String> {
    app.parts().map(|parts| book_language(&parts.answerer.retriever.index()).to_owned())
}

/// Swagger UI over `/openapi.json`.
pub(super) async fn docs() -> Response {
    page(DOCS_PAGE.to_owned(), DOCS_POLICY)
}

fn page(html: String, policy: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::CACHE_CONTROL, "no-cache"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        ],
        html,
    )
        .into_response()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}
