//! Pages and files that the program carries: the chat page, Swagger UI.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;

/// Only our own files, no inline script or style; any site may frame the page.
const CHAT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors *";

/// Swagger UI sets styles on elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

const CHAT_PAGE: &str = include_str!("../../assets/chat/index.html");

/// What the chat page replaces by the book's title.
const TITLE_MARK: &str = "{{BOOK_TITLE}}";

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

const DOCS_START: &str = "SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n";

/// How a file that the program carries is sent.
#[derive(Clone, Copy)]
pub(super) struct Asset {
    /// Path under which it is served.
    pub path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

/// Every file that is served as it is.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        path: "/chat.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/chat/chat.css"),
        compressed: false,
    },
    Asset {
        path: "/chat.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/chat/chat.js"),
        compressed: false,
    },
    Asset {
        path: "/widget.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/widget.js"),
        compressed: false,
    },
    Asset {
        path: "/widget-languages.json",
        kind: "application/json",
        bytes: include_bytes!("../../assets/widget-languages.json"),
        compressed: false,
    },
    Asset {
        path: "/docs/swagger-ui.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
        compressed: true,
    },
    Asset {
        path: "/docs/swagger-ui-bundle.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        compressed: true,
    },
    Asset {
        path: "/docs/start.js",
        kind: "text/javascript; charset=utf-8",
        bytes: DOCS_START.as_bytes(),
        compressed: false,
    },
];

impl Asset {
    /// The file as a response. Compressed files go out compressed: every browser reads them.
    pub(super) fn response(self) -> Response {
        let mut response = Bytes::from_static(self.bytes).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// The chat page, or two words of JSON for programs that ask for it.
pub(super) async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") && !accept.contains("text/html") {
        let body = json!({"message": "Docent answers questions about a book", "docs": "/docs"});
        return axum::Json(body).into_response();
    }
    let title = app.parts().map_or("this book", |parts| parts.answerer.book.as_str());
    page(CHAT_PAGE.replace(TITLE_MARK, &escaped(title)), CHAT_POLICY)
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
