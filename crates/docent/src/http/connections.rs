//! Taking connections: tokens leave at once, and whoever keeps a connection without using it is let go.
//!
//! A client that sends its head byte by byte, keeps an idle connection, or asks and never reads the answer costs a
//! descriptor and memory for as long as it likes, unless somebody counts the time.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::client::Peer;
use crate::times;

/// After this pause the program tries again to take a connection, when it has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How patient the program is with a connection.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// With a head that has not come whole, also the first one or the next on an idle connection.
    pub head: Duration,
    /// With bytes that the other side does not take.
    pub unread: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: times::IDLE_CONNECTION, unread: times::UNREAD }
    }
}

/// Serves connections until `stop`; then idle ones are closed and running answers may end. Returns when all have.
pub async fn serve_connections(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let running = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let connection = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match connection {
            Ok((connection, peer)) => {
                prepare(&connection, patience.unread);
                // The router is shared: its clone is one more owner, not a copy of the routes.
                let inner = TowerToHyperService::new(router.clone());
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(Peer(peer.ip()));
                    inner.call(request)
                });
                let served = running.watch(http.serve_connection(TokioIo::new(connection), service));
                tokio::spawn(async move {
                    if let Err(error) = served.await {
                        tracing::debug!("a connection ended: {error}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("cannot take a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    running.shutdown().await;
}

fn prepare(connection: &TcpStream, unread: Duration) {
    // Tokens are small; waiting to fill a packet would make them arrive in bursts.
    let _ = connection.set_nodelay(true);
    // RFC 5482: the system closes a connection whose other side does not take what was sent.
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(unread.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(connection, millis);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = unread;
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Patience = Patience { head: Duration::from_millis(200), unread: Duration::from_millis(500) };

    /// Serves one quick route and one that never ends, and returns a connection that has sent `begin`.
    async fn connected(begin: &str) -> (TcpStream, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("an address");
        let endless = || async {
            let zeros = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0u8; 64 * 1024]));
            Body::from_stream(zeros)
        };
        let router = Router::new().route("/", get(|| async { "here" })).route("/endless", get(endless));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve_connections(listener, router, SHORT, async {
            let _ = stopped.await;
        }));
        let mut connection = TcpStream::connect(address).await.expect("connected");
        connection.write_all(begin.as_bytes()).await.expect("sent");
        (connection, stop, server)
    }

    /// All that comes until the other side closes.
    async fn rest(mut connection: TcpStream) -> String {
        let mut text = Vec::new();
        // A reset is an end as well.
        let _ = connection.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_ends_the_connection() {
        for begin in ["", "GET / HTTP/1.1\r\nHost: a"] {
            let (connection, _stop, _server) = connected(begin).await;
            assert!(!rest(connection).await.starts_with("HTTP/1.1 200"), "{begin:?}");
        }
    }

    #[tokio::test]
    async fn an_answered_connection_that_asks_no_more_is_closed() {
        let (connection, _stop, _server) = connected("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(rest(connection).await.ends_with("here"));
    }

    #[tokio::test]
    async fn stopping_closes_idle_connections_and_then_returns() {
        let (connection, stop, server) = connected("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stop.send(()).expect("the server runs");
        rest(connection).await;
        server.await.expect("the server ends in order");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_reader_that_never_reads_is_let_go() {
        let (connection, stop, server) = connected("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
        // Ends only when the connection has: the answer is endless and nobody reads it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).expect("the server runs");
        server.await.expect("the server ends in order");
        drop(connection);
    }
}
