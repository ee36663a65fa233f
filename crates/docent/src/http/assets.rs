//! Files that the program carries, and how long browsers may keep them.
//!
//! A file is served under its plain name, which always gives the current one, and under the same name with
//! `?v=` and its version, which never changes and is kept for a year.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A versioned address can never mean another file.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A plain address: at most an hour old, and for a day more an old copy does while the new one is fetched, so that a
/// sleeping server does not hold up the page.
const A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=86400");

const DOCS_START: &str = "SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// A file that is served as it is.
#[derive(Clone, Copy)]
pub(super) struct Asset {
    /// Path under which it is served.
    pub path: &'static str,
    kind: &'static str,
    form: Form,
}

/// In which forms the program carries a file.
#[derive(Clone, Copy)]
enum Form {
    /// Small: not worth compressing.
    Plain(&'static [u8]),
    /// Goes out compressed to everyone: every browser reads it.
    Gzip(&'static [u8]),
    /// The smallest that the client reads.
    Every { plain: &'static [u8], gzip: &'static [u8], brotli: &'static [u8] },
}

/// A file of `assets/` that the build of `web/` has written, plain and packed.
macro_rules! packed {
    ($name:literal, $kind:expr) => {
        Asset {
            path: concat!("/", $name),
            kind: $kind,
            form: Form::Every {
                plain: include_bytes!(concat!("../../assets/", $name)),
                gzip: include_bytes!(concat!("../../assets/", $name, ".gz")),
                brotli: include_bytes!(concat!("../../assets/", $name, ".br")),
            },
        }
    };
}

/// Every file that is served as it is.
pub(super) const ASSETS: &[Asset] = &[
    Asset { path: "/chat.css", kind: STYLE, form: Form::Plain(include_bytes!("../../assets/chat/chat.css")) },
    Asset { path: "/chat.js", kind: SCRIPT, form: Form::Plain(include_bytes!("../../assets/chat/chat.js")) },
    packed!("widget.js", SCRIPT),
    packed!("widget.ar.json", JSON),
    packed!("widget.de.json", JSON),
    packed!("widget.es.json", JSON),
    packed!("widget.fr.json", JSON),
    packed!("widget.ja.json", JSON),
    packed!("widget.ur.json", JSON),
    packed!("widget.zh.json", JSON),
    Asset {
        path: "/docs/swagger-ui.css",
        kind: STYLE,
        form: Form::Gzip(include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz")),
    },
    Asset {
        path: "/docs/swagger-ui-bundle.js",
        kind: SCRIPT,
        form: Form::Gzip(include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz")),
    },
    Asset { path: "/docs/start.js", kind: SCRIPT, form: Form::Plain(DOCS_START.as_bytes()) },
];

/// The versions of [`ASSETS`], in their order. The widget's languages have one together: the widget asks for them by it,
/// and seven would make it larger.
static VERSIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let languages = fnv(ASSETS.iter().filter(|asset| asset.kind == JSON).flat_map(|asset| asset.bytes()));
    let version = |asset: &Asset| if asset.kind == JSON { languages } else { fnv(asset.bytes()) };
    ASSETS.iter().map(|asset| format!("{:016x}", version(asset))).collect()
});

/// A page in which every name of one of our files carries its version.
pub(super) fn versioned(page: &str) -> String {
    ASSETS.iter().zip(VERSIONS.iter()).fold(page.to_owned(), |page, (asset, version)| {
        let name = asset.path.trim_start_matches('/');
        page.replace(&format!("\"{name}\""), &format!("\"{name}?v={version}\""))
    })
}

impl Asset {
    /// The file as it is, or packed when it is only carried so.
    fn bytes(&self) -> &'static [u8] {
        match self.form {
            Form::Plain(bytes) | Form::Gzip(bytes) | Form::Every { plain: bytes, .. } => bytes,
        }
    }

    /// The file as a response, or 304 when the client has it already.
    pub(super) fn response(&self, uri: &Uri, request: &HeaderMap) -> Response {
        let version = ASSETS
            .iter()
            .position(|asset| asset.path == self.path)
            .map_or("", |place| VERSIONS[place].as_str());
        let text =
            |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let etag = format!("W/\"{version}\"");
        let has = text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim() == etag);
        let codings = text(header::ACCEPT_ENCODING);
        let (bytes, coding) = match self.form {
            Form::Every { brotli, .. } if accepts(codings, "br") => (brotli, Some("br")),
            Form::Every { gzip, .. } if accepts(codings, "gzip") => (gzip, Some("gzip")),
            Form::Gzip(gzip) => (gzip, Some("gzip")),
            Form::Plain(plain) | Form::Every { plain, .. } => (plain, None),
        };
        let mut response = if has {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Bytes::from_static(bytes).into_response()
        };
        let headers = response.headers_mut();
        let pinned = uri.query().is_some_and(|query| query.strip_prefix("v=") == Some(version));
        headers.insert(header::CACHE_CONTROL, if pinned { FOREVER } else { A_WHILE });
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        // A site that isolates itself (COEP) may load the widget too.
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        if !has {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
            if let Some(coding) = coding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
        }
        response
    }
}

/// Whether an `Accept-Encoding` allows a coding: it is named, and not with the weight 0.
fn accepts(codings: &str, wanted: &str) -> bool {
    codings.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            && !parts.any(|weight| weight.trim_start_matches(['q', '=']).trim_matches(['0', '.']).is_empty())
    })
}

/// FNV-1a, 64 bits: a name for a file that we wrote ourselves, no defence against anyone.
fn fnv(bytes: impl IntoIterator<Item = &'static u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
