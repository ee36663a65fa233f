//! The Hugging Face Hub on loopback, as far as a Space needs it: tokens, creating a Space, secrets and variables, uploads by
//! the commit API with LFS, the runtime with its stages, and logs. As strict as the Hub where a push is refused: the card,
//! binary files outside of LFS, files over 10 MiB, a stale parent.
//!
//! # Source
//! The calls and bodies of `huggingface_hub` 2.4.0, whose own client is run against this double (`contract/hub_client.py`).

// A refusal is the very response that goes out; what it weighs does not matter in a double.
#![allow(clippy::result_large_err)]

mod commit;
mod lfs;
mod space;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use state::HubState;
pub use state::{HubFault, SpaceState, StoredFile};

/// A running Hub. Dropping it stops the listening.
#[derive(Debug)]
pub struct HubDouble {
    address: SocketAddr,
    hub: Hub,
    _running: oneshot::Sender<()>,
}

/// The state that all handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    state: Arc<Mutex<HubState>>,
    base: String,
}

impl Hub {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_logs(&self, change: impl FnOnce(&mut HubState)) {
        let mut state = self.lock();
        change(&mut state);
        state.log_changes.send_replace(());
    }
}

impl HubDouble {
    /// A token that may write.
    pub const TOKEN: &'static str = "hf_double_write";

    /// A token that may only read.
    pub const READ_TOKEN: &'static str = "hf_double_read";

    /// A fine-grained token that may write this user's Spaces.
    pub const FINE_TOKEN: &'static str = "hf_double_fine";

    /// Who the tokens belong to.
    pub const USER: &'static str = "reader";

    /// Starts on a free port.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        Self::start_on(0).await.expect("loopback has a free port")
    }

    /// Starts on `port`; 0 means any free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let hub = Hub { state: Arc::default(), base: format!("http://{address}") };
        let router = routes(hub.clone());
        let (running, stopped) = oneshot::channel::<()>();
        tokio::spawn(async {
            let stopped = async {
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        });
        Ok(Self { address, hub, _running: running })
    }

    /// What `HF_ENDPOINT` is set to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plans a fault for the next call that it fits.
    pub fn fault(&self, fault: HubFault) {
        self.hub.lock().faults.push(fault);
    }

    /// Says where the app of every Space is reached.
    pub fn serve_apps_at(&self, url: &str) {
        self.hub.lock().app_url = Some(url.to_owned());
    }

    /// The stages that `GET runtime` goes through after a commit; the last one stays. `@old` and `@new` behind a stage say
    /// which commit it shows: `RUNNING@old`.
    pub fn stages(&self, stages: &[&str]) {
        self.hub.lock().script = stages.iter().map(|stage| (*stage).to_owned()).collect();
    }

    /// What a failed build or a failed app says in `errorMessage`.
    pub fn error_message(&self, message: &str) {
        self.hub.lock().error_message = Some(message.to_owned());
    }

    /// The lines of the build log.
    pub fn build_log(&self, lines: &[&str]) {
        self.hub.lock().build_log = lines.iter().map(|line| (*line).to_owned()).collect();
    }

    /// From now on the streams of logs stay open for lines to come, as the Hub's do.
    pub fn keep_logs_open(&self) {
        self.hub.lock().logs_stay_open = true;
    }

    /// Adds a line to the log `build` or `run`; open streams get it at once.
    ///
    /// # Panics
    /// When there is no such log.
    pub fn log_line(&self, kind: &str, line: &str) {
        self.hub.change_logs(|state| state.log(kind).expect("a log").push(format!("{line}\n")));
    }

    /// Begins the log `build` or `run` anew, as a new build or a new container does, and breaks its open streams.
    ///
    /// # Panics
    /// When there is no such log.
    pub fn new_log(&self, kind: &str) {
        self.hub.change_logs(|state| {
            state.log(kind).expect("a log").clear();
            state.log_cuts += 1;
        });
    }

    /// Breaks all open streams of logs in the middle of an event.
    pub fn cut_logs(&self) {
        self.hub.change_logs(|state| state.log_cuts += 1);
    }

    /// Creates a Space whose `GET runtime` goes through `stages`, or gives these to the one that is there.
    pub fn put_space(&self, id: &str, stages: &[&str]) {
        let mut state = self.hub.lock();
        let space = state.spaces.entry(id.to_owned()).or_insert_with(|| SpaceState {
            sdk: "docker".to_owned(),
            commits: vec![state::commit_id(0)],
            ..SpaceState::default()
        });
        space.to_come = stages.iter().map(|stage| (*stage).to_owned()).collect();
    }

    /// New Docker Spaces want a subscription.
    pub fn ask_for_payment(&self) {
        self.hub.lock().payment_required = true;
    }

    /// A Space as it is now.
    pub fn space(&self, id: &str) -> Option<SpaceState> {
        self.hub.lock().spaces.get(id).cloned()
    }

    /// Method and path of every call so far.
    pub fn calls(&self) -> Vec<String> {
        self.hub.lock().calls.clone()
    }
}

fn routes(hub: Hub) -> Router {
    const SPACE: &str = "/api/spaces/{owner}/{name}";
    let space = |rest: &str| format!("{SPACE}{rest}");
    Router::new()
        .route("/api/whoami-v2", get(who))
        .route("/api/repos/create", post(space::create))
        .route("/api/validate-yaml", post(|| async { Json(json!({"errors": [], "warnings": []})) }))
        .route(SPACE, get(space::show))
        .route(&space("/revision/{revision}"), get(space::show_revision))
        .route(&space("/secrets"), post(space::set_secret).get(space::secrets))
        .route(&space("/variables"), post(space::set_variable).get(space::variables))
        .route(&space("/runtime"), get(space::runtime))
        .route(&space("/restart"), post(space::restart))
        .route(&space("/logs/{kind}"), get(space::logs))
        .route(&space("/preupload/{revision}"), post(commit::preupload))
        .route(&space("/commit/{revision}"), post(commit::commit))
        .route("/spaces/{owner}/{name}/raw/{revision}/{*path}", get(space::raw))
        .route("/spaces/{owner}/{name}/info/lfs/objects/batch", post(lfs::batch))
        .route("/lfs-store/{oid}", put(lfs::put).post(lfs::complete))
        .route("/lfs-store/{oid}/{part}", put(lfs::put_part))
        .route("/lfs-verify", post(lfs::verify))
        .fallback(|| async { error(404, "Not found", &[]) })
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(hub.clone(), guard))
        .with_state(hub)
}

/// Writes the call down, plays planned faults, and checks the token where one is needed.
async fn guard(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let call = format!("{} {path}", request.method());
    let fault = {
        let mut state = hub.lock();
        state.calls.push(call.clone());
        let place = state.faults.iter().position(|fault| call.contains(&fault.on));
        place.map(|place| {
            state.faults[place].times -= 1;
            let fault = state.faults[place].clone();
            if fault.times == 0 {
                state.faults.remove(place);
            }
            fault
        })
    };
    if let Some(fault) = fault {
        if fault.cut {
            return cut();
        }
        // A reply before the end of a large body can be lost with the connection, and the call is made again.
        let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let headers: Vec<(&str, &str)> =
            fault.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        return error(fault.status, &fault.message, &headers);
    }
    // Uploads go to a store that knows no tokens: the address is the permission. The Hub's own client sends none.
    if !path.starts_with("/lfs-store/") {
        let token = request
            .headers()
            .get("authorization")
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned));
        let writes = request.method() != "GET" && !path.contains("/preupload/");
        match token.as_deref() {
            Some(HubDouble::TOKEN | HubDouble::FINE_TOKEN) => {}
            Some(HubDouble::READ_TOKEN) if !writes => {}
            Some(HubDouble::READ_TOKEN) => {
                return error(403, "You don't have the required permissions to perform this action", &[]);
            }
            Some(_) => return error(401, "Invalid credentials in Authorization header", &[]),
            None => return error(401, "Invalid username or password.", &[("x-error-code", "RepoNotFound")]),
        }
    }
    next.run(request).await
}

async fn who(headers: HeaderMap) -> Json<Value> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut access = json!({"displayName": "test", "createdAt": "2026-11-01T00:00:00.000Z"});
    access["role"] = if token.ends_with(HubDouble::READ_TOKEN) {
        "read".into()
    } else if token.ends_with(HubDouble::FINE_TOKEN) {
        access["fineGrained"] = json!({"global": [], "scoped": [{
            "entity": {"_id": "1", "type": "user", "name": HubDouble::USER},
            "permissions": ["repo.content.read", "repo.write"],
        }]});
        "fineGrained".into()
    } else {
        "write".into()
    };
    Json(json!({
        "type": "user", "id": "1", "name": HubDouble::USER, "fullname": "A Reader", "emailVerified": true,
        "canPay": false, "isPro": true, "orgs": [{"name": "acme", "type": "org"}],
        "auth": {"type": "access_token", "accessToken": access},
    }))
}

/// An error as the Hub words it: a body, and the same text in a header.
pub(crate) fn error(status: u16, message: &str, headers: &[(&str, &str)]) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(json!({"error": message}))).into_response();
    for (name, value) in headers.iter().chain(&[("x-request-id", "Root=1-double")]) {
        if let (Ok(name), Ok(value)) = (axum::http::HeaderName::try_from(*name), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What breaks a reply off.
pub(crate) fn broken() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut as planned")
}

/// A reply that breaks off before its first byte.
fn cut() -> Response {
    let body = futures_util::stream::iter([Err::<Bytes, _>(broken())]);
    let mut response = axum::body::Body::from_stream(body).into_response();
    response.headers_mut().insert("content-length", axum::http::HeaderValue::from_static("100"));
    response
}

pub(crate) type SpacePath = Path<(String, String)>;

/// The Space of a path, or the Hub's way to say that there is none.
pub(crate) fn with_space<T>(
    hub: &Hub,
    (owner, name): &(String, String),
    act: impl FnOnce(&mut SpaceState) -> T,
) -> Result<T, Response> {
    match hub.lock().spaces.get_mut(&format!("{owner}/{name}")) {
        Some(space) => Ok(act(space)),
        None => Err(error(404, "Repository not found", &[("x-error-code", "RepoNotFound")])),
    }
}
