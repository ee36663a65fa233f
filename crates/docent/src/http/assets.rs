//! Files that the program carries, and how long browsers may keep them.
//!
//! A file is served under its plain name, which always gives the current one, and under the same name with
//! `?v=` and its version, which never changes and is kept for a year. The widget's script is there in several languages
//! under one name: `?lang=` chooses.

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
    /// The smallest that the client reads, each in parts that are sent one after the other.
    Every { plain: Parts, gzip: Parts, brotli: Parts },
}

type Parts = &'static [&'static [u8]];

/// A file of `assets/` that the build of `web/` has written, plain and packed.
macro_rules! packed {
    ($name:literal, $kind:expr) => {
        Asset {
            path: concat!("/", $name),
            kind: $kind,
            form: Form::Every {
                plain: &[include_bytes!(concat!("../../assets/", $name))],
                gzip: &[include_bytes!(concat!("../../assets/", $name, ".gz"))],
                brotli: &[include_bytes!(concat!("../../assets/", $name, ".br"))],
            },
        }
    };
}

/// The widget's script with a language's words: a head that all languages share, and a tail. They are packed so that the
/// packed parts are one packed file when they stand together.
macro_rules! widget {
    ($($language:literal)*) => {
        &[$(($language, Asset {
            path: WIDGET,
            kind: SCRIPT,
            form: Form::Every {
                plain: &[
                    include_bytes!("../../assets/widget/head.js"),
                    include_bytes!(concat!("../../assets/widget/", $language, ".js")),
                ],
                gzip: &[
                    include_bytes!("../../assets/widget/head.js.gz"),
                    include_bytes!(concat!("../../assets/widget/", $language, ".js.gz")),
                ],
                brotli: &[
                    include_bytes!("../../assets/widget/head.js.br"),
                    include_bytes!(concat!("../../assets/widget/", $language, ".js.br")),
                ],
            },
        })),*]
    };
}

/// Where the widget is: in the book's language, or in that which `?lang=` names.
pub(super) const WIDGET: &str = "/widget.js";

/// The widget in every language that it has words of.
const WIDGETS: &[(&str, Asset)] = widget!("ar" "de" "en" "es" "fr" "ja" "ur" "zh");

/// The widget's language where neither the address nor the book names one that it has.
const ENGLISH: &str = "en";

/// Every other file that is served as it is.
pub(super) const ASSETS: &[Asset] = &[
    Asset { path: "/chat.css", kind: STYLE, form: Form::Plain(include_bytes!("../../assets/chat/chat.css")) },
    Asset { path: "/chat.js", kind: SCRIPT, form: Form::Plain(include_bytes!("../../assets/chat/chat.js")) },
    packed!("widget.ar.json", JSON),
    packed!("widget.de.json", JSON),
    packed!("widget.en.json", JSON),
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

/// The versions of [`ASSETS`], in their order. The widget's words have one together: the widget asks for them by it,
/// and eight would make it larger.
static VERSIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let words = version(ASSETS.iter().filter(|asset| asset.kind == JSON).flat_map(Asset::parts));
    ASSETS
        .iter()
        .map(|asset| if asset.kind == JSON { words.clone() } else { version(asset.parts()) })
        .collect()
});

/// The versions of [`WIDGETS`], in their order.
static WIDGET_VERSIONS: LazyLock<Vec<String>> =
    LazyLock::new(|| WIDGETS.iter().map(|(_, asset)| version(asset.parts())).collect());

/// A page in which every name of one of our files carries its version, and that of the widget its language, unless that
/// is the book's.
pub(super) fn versioned(page: &str, reader: &str, book: &str) -> String {
    let page = ASSETS.iter().zip(VERSIONS.iter()).fold(page.to_owned(), |page, (asset, version)| {
        let name = asset.path.trim_start_matches('/');
        page.replace(&format!("\"{name}\""), &format!("\"{name}?v={version}\""))
    });
    let place = of_language(reader).or_else(|| of_language(book)).unwrap_or_else(english);
    let (language, version) = (WIDGETS[place].0, &WIDGET_VERSIONS[place]);
    let lang = if of_language(book) == Some(place) { String::new() } else { format!("lang={language}&amp;") };
    page.replace("\"widget.js\"", &format!("\"widget.js?{lang}v={version}\""))
}

/// The widget in the language that the address names, else in the book's, else in English. The book's is not known
/// while the server starts: then no browser may keep what it gets without asking again.
pub(super) fn widget(uri: &Uri, request: &HeaderMap, book: Option<&str>) -> Response {
    let named = parameter(uri, "lang").and_then(of_language);
    let place = named.or_else(|| book.and_then(of_language)).unwrap_or_else(english);
    let mut response = WIDGETS[place].1.sent(&WIDGET_VERSIONS[place], uri, request);
    if named.is_none() && book.is_none() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

/// The place in [`WIDGETS`] of a language such as `de`, `de-AT` or `DE`.
fn of_language(tag: &str) -> Option<usize> {
    let name = tag.split(['-', '_', ',', ';']).next().unwrap_or_default().trim();
    WIDGETS.iter().position(|(language, _)| language.eq_ignore_ascii_case(name))
}

fn english() -> usize {
    of_language(ENGLISH).unwrap_or_default()
}

/// What an address says after `name=`. Our own values need no decoding.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

impl Asset {
    /// The file's parts as they are, or packed when it is only carried so.
    fn parts(&self) -> impl Iterator<Item = &'static [u8]> + use<> {
        let (one, more): (Option<&'static [u8]>, Parts) = match self.form {
            Form::Plain(bytes) | Form::Gzip(bytes) => (Some(bytes), &[]),
            Form::Every { plain, .. } => (None, plain),
        };
        one.into_iter().chain(more.iter().copied())
    }

    /// The file as a response, or 304 when the client has it already.
    pub(super) fn response(&self, uri: &Uri, request: &HeaderMap) -> Response {
        let place = ASSETS.iter().position(|asset| asset.path == self.path);
        self.sent(place.map_or("", |place| VERSIONS[place].as_str()), uri, request)
    }

    fn sent(&self, version: &str, uri: &Uri, request: &HeaderMap) -> Response {
        let text =
            |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let etag = format!("W/\"{version}\"");
        let has = text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim() == etag);
        let codings = text(header::ACCEPT_ENCODING);
        let (bytes, coding) = match self.form {
            Form::Every { brotli, .. } if accepts(codings, "br") => (joined(brotli), Some("br")),
            Form::Every { gzip, .. } if accepts(codings, "gzip") => (joined(gzip), Some("gzip")),
            Form::Every { plain, .. } => (joined(plain), None),
            Form::Gzip(gzip) => (Bytes::from_static(gzip), Some("gzip")),
            Form::Plain(plain) => (Bytes::from_static(plain), None),
        };
        let mut response = if has { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
        let headers = response.headers_mut();
        let pinned = parameter(uri, "v") == Some(version);
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

/// A file of one part is not copied.
fn joined(parts: Parts) -> Bytes {
    match parts {
        [whole] => Bytes::from_static(whole),
        parts => parts.concat().into(),
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
fn version<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let hash = parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
