//! A web site on loopback: pages with entity tags, redirects, faults on demand, and a log of what was asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A site that is served until it is dropped.
pub struct Site {
    state: Arc<Mutex<Pages>>,
    address: std::net::SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Pages {
    replies: BTreeMap<String, (String, String)>,
    redirects: HashMap<String, String>,
    faults: HashMap<String, (StatusCode, usize)>,
    asked: Vec<(String, u16)>,
}

impl Site {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<Pages>>::default();
        let router = axum::Router::new().fallback(reply).with_state(state.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the site is served");
        });
        Self { state, address, server }
    }

    /// The site's address with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts a page there: its name, its text, and links to others.
    pub fn page(&self, path: &str, text: &str, links: &[&str]) {
        let links: String = links.iter().map(|link| format!("<a href='{link}'>more</a> ")).collect();
        let name = path.trim_matches('/').replace('/', " ");
        self.put(
            path,
            "text/html; charset=utf-8",
            &format!(
                "<html><head><title>{name} | The site</title></head><body><nav>{links}</nav><main><h1>{name}</h1>\
                 <h2 id='more'>More of {name}</h2><p>{text}</p></main></body></html>"
            ),
        );
    }

    /// Puts any text there.
    pub fn put(&self, path: &str, kind: &str, text: &str) {
        self.pages().replies.insert(path.to_owned(), (kind.to_owned(), text.to_owned()));
    }

    /// Takes a page away.
    pub fn remove(&self, path: &str) {
        self.pages().replies.remove(path);
    }

    /// Lets an address lead elsewhere.
    pub fn redirect(&self, path: &str, to: &str) {
        self.pages().redirects.insert(path.to_owned(), to.to_owned());
    }

    /// Answers an address with this status for some requests.
    pub fn fail(&self, path: &str, status: StatusCode, times: usize) {
        self.pages().faults.insert(path.to_owned(), (status, times));
    }

    /// What was asked since the last look, with the status that was answered.
    pub fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut self.pages().asked)
    }

    /// How much was asked since the last look.
    pub fn count(&self) -> usize {
        self.pages().asked.len()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.state.lock().expect("the pages")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn reply(State(pages): State<Arc<Mutex<Pages>>>, uri: Uri, headers: HeaderMap) -> Response {
    let mut pages = pages.lock().expect("the pages");
    let path = uri.to_string();
    let response = answer(&mut pages, &path, &headers);
    pages.asked.push((path, response.status().as_u16()));
    response
}

fn answer(pages: &mut Pages, path: &str, headers: &HeaderMap) -> Response {
    if let Some((status, left)) = pages.faults.get_mut(path)
        && *left > 0
    {
        *left -= 1;
        return status.into_response();
    }
    if let Some(to) = pages.redirects.get(path) {
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to.clone())]).into_response();
    }
    let Some((kind, text)) = pages.replies.get(path) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"{:x}-{}\"", text.len(), text.bytes().map(u64::from).sum::<u64>());
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::CONTENT_TYPE, kind.clone()), (header::ETAG, etag)], text.clone()).into_response()
}
