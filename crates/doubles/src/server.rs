//! The life of a double: it listens on a loopback port that the system chooses, can stop listening (connections are then
//! refused) and begin again on the same port, and carries the control routes that scripts use.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, State};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::control::{Control, Pace};
use crate::fault::Planned;

/// A listening double; clones are handles of one server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    control: Control,
    router: OnceLock<Router>,
    /// Dropping the sender ends the listening.
    running: Mutex<Option<oneshot::Sender<()>>>,
}

impl Server {
    /// Listens on `port` of loopback (0: any free one) with the provider's routes and the control routes.
    pub(crate) async fn start(port: u16, control: Control, routes: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let shared = Shared { address, control, router: OnceLock::new(), running: Mutex::new(None) };
        let server = Self { shared: Arc::new(shared) };
        let _ = server.shared.router.set(routes.merge(control_routes(server.clone())));
        server.listen(listener);
        Ok(server)
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Stops listening: new connections are refused, idle ones closed, running replies go on.
    pub(crate) fn refuse(&self) {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Listens again on the same port; the old listener may need a moment to let go of it.
    pub(crate) async fn accept(&self) -> io::Result<()> {
        let mut attempts = 0;
        loop {
            match TcpListener::bind(self.shared.address).await {
                Ok(listener) => {
                    self.listen(listener);
                    return Ok(());
                }
                Err(error) if attempts == 100 => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
            attempts += 1;
        }
    }

    fn listen(&self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel::<()>();
        *self.shared.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        // Small pieces must leave at once, or split writes would be joined again.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let router = self.shared.router.get().cloned().unwrap_or_default();
        tokio::spawn(async {
            let stopped = async {
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        });
    }
}

fn control_routes(server: Server) -> Router {
    Router::new()
        .route("/__faults", post(plan_faults))
        .route("/__answers", post(script_answers))
        .route("/__pace", post(set_pace))
        .route("/__refuse", post(refuse_for))
        .route("/__reset", post(reset))
        .route("/__requests", get(requests))
        .with_state(server)
}

async fn plan_faults(State(server): State<Server>, Json(faults): Json<Vec<Planned>>) -> Json<Value> {
    let planned = faults.len();
    faults.into_iter().for_each(|fault| server.shared.control.plan(fault));
    Json(json!({ "planned": planned }))
}

/// Body of `POST /__answers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    /// One for each of the next calls.
    #[serde(default)]
    next: Vec<String>,
    /// For every call after those.
    #[serde(default)]
    always: Option<String>,
}

async fn script_answers(State(server): State<Server>, Json(answers): Json<Answers>) -> Json<Value> {
    answers.next.iter().for_each(|answer| server.shared.control.answer_next(answer));
    if let Some(answer) = &answers.always {
        server.shared.control.answer_always(answer);
    }
    Json(json!({}))
}

async fn set_pace(State(server): State<Server>, Json(pace): Json<Pace>) -> Json<Value> {
    server.shared.control.set_pace(pace);
    Json(json!({}))
}

/// Body of `POST /__refuse`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    /// How long connections are refused.
    for_ms: u64,
}

async fn refuse_for(State(server): State<Server>, Json(refusal): Json<Refusal>) -> Json<Value> {
    server.refuse();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(refusal.for_ms)).await;
        if let Err(error) = server.accept().await {
            eprintln!("cannot listen on {} again: {error}", server.shared.address);
        }
    });
    Json(json!({}))
}

async fn reset(State(server): State<Server>) -> Json<Value> {
    server.shared.control.reset();
    Json(json!({}))
}

async fn requests(State(server): State<Server>) -> Json<Value> {
    Json(server.shared.control.requests_json())
}
