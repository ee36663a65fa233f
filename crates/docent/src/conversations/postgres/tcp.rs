//! Connections to Postgres in its own protocol.
//!
//! We open the stream ourselves: IPv4 first, because some hosts have no way to IPv6, and TLS by the server's name, because
//! hosted databases route by it. Statements go unnamed and typed, one round trip each, so that a pooler between us and
//! the database may hand each of them to another server process.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::tls::{ChannelBinding as Binding, TlsConnect, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Connection, NoTls};
use tokio_rustls::TlsConnector;

use super::failure::{DatabaseError, Kind};
use super::{Row, Statement};
use crate::database::{Database, Host, Tls};
use crate::times;

/// One connection, opened when it is needed and closed when it is not. Statements of several callers share it: they are
/// sent at once and answered in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane(Arc<Mutex<Option<Open>>>);

#[derive(Debug)]
struct Open {
    client: Arc<Client>,
    used: Instant,
}

impl Lane {
    /// The connection, and whether it was opened just now.
    pub(super) async fn client(
        &self,
        database: &Database,
        patience: Duration,
    ) -> Result<(Arc<Client>, bool), DatabaseError> {
        let mut lane = self.0.lock().await;
        if let Some(open) = lane.as_mut().filter(|open| !open.client.is_closed()) {
            open.used = Instant::now();
            return Ok((Arc::clone(&open.client), false));
        }
        let client = Arc::new(connect(database, patience).await?);
        *lane = Some(Open { client: Arc::clone(&client), used: Instant::now() });
        tokio::spawn(self.clone().close_when_idle(Arc::downgrade(&client)));
        Ok((client, true))
    }

    /// Lets go of a connection that broke or does not answer.
    pub(super) async fn drop_client(&self, client: &Arc<Client>) {
        let mut lane = self.0.lock().await;
        if lane.as_ref().is_some_and(|open| Arc::ptr_eq(&open.client, client)) {
            *lane = None;
        }
    }

    /// Lets go of whatever connection there is.
    pub(super) async fn close(&self) {
        *self.0.lock().await = None;
    }

    async fn close_when_idle(self, watched: std::sync::Weak<Client>) {
        let mut until = Instant::now() + times::POSTGRES_IDLE;
        loop {
            tokio::time::sleep_until(until).await;
            let mut lane = self.0.lock().await;
            let Some(open) = lane.as_ref().filter(|open| Arc::as_ptr(&open.client) == watched.as_ptr())
            else {
                return;
            };
            until = open.used + times::POSTGRES_IDLE;
            // Someone else holds it: a statement is under way.
            if Arc::strong_count(&open.client) > 1 {
                until = Instant::now() + times::POSTGRES_IDLE;
            } else if until <= Instant::now() {
                *lane = None;
                return;
            }
        }
    }
}

/// Runs one statement.
pub(super) async fn run(client: &Client, statement: &Statement<'_>) -> Result<Vec<Row>, DatabaseError> {
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        statement.parameters.iter().map(|parameter| (parameter as &(dyn ToSql + Sync), Type::TEXT)).collect();
    let rows = client.query_typed(statement.sql, &parameters).await?;
    let text = |row: &tokio_postgres::Row| if row.is_empty() { Ok(None) } else { row.try_get(0) };
    rows.iter().map(text).collect::<Result<_, _>>().map_err(DatabaseError::from)
}

async fn connect(database: &Database, patience: Duration) -> Result<Client, DatabaseError> {
    let mut config = tokio_postgres::Config::new();
    config.user(&database.user).dbname(&database.name).application_name("docent");
    // The certificate is verified, which is what binding to the channel would add.
    config.channel_binding(ChannelBinding::Disable);
    if let Some(password) = &database.password {
        config.password(password.expose());
    }
    if let Some(options) = &database.options {
        config.options(options);
    }
    let connecting = async {
        match (&database.host, &database.tls) {
            (Host::Socket(folder, port), _) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                let stream = UnixStream::connect(&path)
                    .await
                    .map_err(|error| unreachable(&path.display().to_string(), &error))?;
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect_raw(stream, NoTls).await?;
                drive(connection);
                Ok(client)
            }
            (Host::Network(host, port), Tls::Off) => {
                let stream = open(host, *port).await?;
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect_raw(stream, NoTls).await?;
                drive(connection);
                Ok(client)
            }
            (Host::Network(host, port), Tls::Verified(root)) => {
                let tls = Secure::new(host, root.as_deref())?;
                let stream = open(host, *port).await?;
                config.ssl_mode(SslMode::Require);
                let (client, connection) = config.connect_raw(stream, tls).await?;
                drive(connection);
                Ok(client)
            }
        }
    };
    match tokio::time::timeout(patience, connecting).await {
        Ok(result) => result,
        Err(_) => {
            let words = format!("{} did not answer within {patience:?}", database.shown());
            Err(DatabaseError::new(Kind::Unreachable, words))
        }
    }
}

fn drive<S, T>(connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsStream + Unpin + Send + 'static,
{
    // Its failures reach whoever waits for a reply.
    tokio::spawn(async move {
        let _ = connection.await;
    });
}

/// Connects to the first address that answers, IPv4 before IPv6.
async fn open(host: &str, port: u16) -> Result<TcpStream, DatabaseError> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| unreachable(host, &error))?;
    let addresses = ipv4_first(found);
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(unreachable(&format!("{host}:{port}"), &failure))
}

/// The addresses of a host in the order in which they are tried.
fn ipv4_first(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses
}

fn unreachable(place: &str, error: &io::Error) -> DatabaseError {
    DatabaseError::new(Kind::Unreachable, format!("cannot connect to {place}: {error}"))
}

/// Puts TLS on a stream.
struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Secure {
    fn new(host: &str, root: Option<&Path>) -> Result<Self, DatabaseError> {
        let refused = |words: String| DatabaseError::new(Kind::Refused, words);
        let mut roots = rustls::RootCertStore::empty();
        match root {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let wrong = |error: &dyn std::fmt::Display| {
                    refused(format!("sslrootcert {} holds no certificate: {error}", path.display()))
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                    let certificate = certificate.map_err(|error| wrong(&error))?;
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
            }
        }
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring supports the default TLS versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| refused(format!("'{host}' is no name that a certificate could carry")))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

impl TlsConnect<TcpStream> for Secure {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Secured) })
    }
}

struct Secured(tokio_rustls::client::TlsStream<TcpStream>);

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> Binding {
        Binding::none()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks for TLS as Postgres is asked.
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

    #[test]
    fn ipv4_comes_first_and_the_order_stays_otherwise() {
        let found = ["[2001:db8::1]:5432", "192.0.2.7:5432", "[2001:db8::2]:5432", "192.0.2.3:5432"];
        let found = found.map(|address| address.parse().expect("an address"));
        let order: Vec<String> = ipv4_first(found.into_iter()).iter().map(SocketAddr::to_string).collect();
        assert_eq!(order, ["192.0.2.7:5432", "192.0.2.3:5432", "[2001:db8::1]:5432", "[2001:db8::2]:5432"]);
    }

    /// Hosted databases route by the name in the handshake: it must be the host of the address.
    #[tokio::test]
    async fn the_handshake_names_the_host() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.expect("a request");
            assert_eq!(request, SSL_REQUEST);
            stream.write_all(b"S").await.expect("a yes");
            let acceptor = tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
            let hello = acceptor.await.expect("a handshake");
            hello.client_hello().server_name().map(str::to_owned)
        });
        let pasted =
            format!("postgresql://me:x@localhost:{port}/book?sslmode=require&channel_binding=require");
        let database = Database::parse(&pasted).expect("an address");
        assert!(connect(&database, Duration::from_secs(20)).await.is_err(), "nobody goes on after the hello");
        assert_eq!(server.await.expect("no panic").as_deref(), Some("localhost"));
    }
}
