//! The one HTTP client and the few steps that every call shares: send with a limit, read a body with a limit, turn a
//! transport failure into a [`ProviderError`]. Nothing here knows what a provider says.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, redirect};

use super::error::tidy;
use super::{Provider, ProviderError};
use crate::secret::Secret;
use crate::times;

/// Idle connections are kept this long: within the idle limits of the usual edges, so that we seldom write to a dead one.
const IDLE_CONNECTION: Duration = Duration::from_secs(55);

/// Redirects within the same origin that are followed.
const MAX_REDIRECTS: usize = 3;

/// Largest error body that is read: a message, not a page.
pub(crate) const ERROR_BODY_BYTES: usize = 64 * 1024;

/// The client for every outgoing call of the program: HTTP/1.1 and HTTP/2, TLS by rustls with the Mozilla roots that
/// are compiled in (so it also works in an image without certificates), connection reuse, no cookies.
///
/// A redirect is followed only within the same scheme, host and port: key headers must not travel elsewhere. There is
/// no overall timeout, because an answer may stream for minutes; each caller limits its own silence.
pub fn http_client() -> Client {
    client_builder()
        .redirect(redirect::Policy::custom(|attempt| {
            let same_origin =
                attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
            if same_origin && attempt.previous().len() <= MAX_REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        }))
        .build()
        .expect("the settings above are constant and valid")
}

/// What every client of the program has in common: TLS, patience and reuse of connections. Redirects are still to be
/// decided.
pub(crate) fn client_builder() -> ClientBuilder {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut tls =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(times::CONNECT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .http2_keep_alive_interval(Duration::from_secs(30))
}

/// A header value for a key, marked so that no debug output shows it. `None` when the key has characters that no
/// header can carry, such as a line break.
pub(crate) fn key_header(prefix: &str, key: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{prefix}{}", key.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends the request; the response head must arrive within `limit`.
pub(crate) async fn send(
    provider: Provider,
    request: RequestBuilder,
    limit: Duration,
) -> Result<Response, ProviderError> {
    match tokio::time::timeout(limit, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(transport(provider, &error)),
        Err(_) => Err(ProviderError::Timeout { provider, after: limit }),
    }
}

/// Reads the whole body, at most `max_bytes` of it within `limit`; a longer body is an error.
pub(crate) async fn read_body(
    provider: Provider,
    response: Response,
    max_bytes: usize,
    limit: Duration,
) -> Result<Vec<u8>, ProviderError> {
    let (body, complete) = read_prefix(provider, response, max_bytes, limit).await?;
    if complete {
        Ok(body)
    } else {
        Err(ProviderError::BadResponse {
            provider,
            detail: format!("the reply is longer than {max_bytes} bytes"),
        })
    }
}

/// Reads an error body as far as it comes: what is missing or late is simply not there.
pub(crate) async fn read_error_body(response: Response) -> Vec<u8> {
    read_prefix(Provider::Gemini, response, ERROR_BODY_BYTES, Duration::from_secs(5))
        .await
        .map_or_else(|_| Vec::new(), |(body, _)| body)
}

async fn read_prefix(
    provider: Provider,
    mut response: Response,
    max_bytes: usize,
    limit: Duration,
) -> Result<(Vec<u8>, bool), ProviderError> {
    let mut body = Vec::new();
    let read = async {
        while let Some(bytes) = response.chunk().await.map_err(|_| ProviderError::Interrupted { provider })? {
            if body.len() + bytes.len() > max_bytes {
                return Ok(false);
            }
            body.extend_from_slice(&bytes);
        }
        Ok(true)
    };
    match tokio::time::timeout(limit, read).await {
        Ok(complete) => complete.map(|complete| (body, complete)),
        Err(_) => Err(ProviderError::Timeout { provider, after: limit }),
    }
}

/// A failure below HTTP, in words: the innermost cause and the host, never the URL (it may carry user info).
pub(crate) fn transport(provider: Provider, error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        return ProviderError::Timeout { provider, after: times::CONNECT };
    }
    if error.is_builder() {
        return ProviderError::BadRequest {
            provider,
            detail: "the address is not a valid http(s) URL".to_owned(),
        };
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let host = error.url().and_then(|url| url.host_str()).unwrap_or("the server");
    let what = if error.is_connect() { "cannot connect to" } else { "no reply from" };
    ProviderError::Unavailable { provider, detail: tidy(&format!("{what} {host}: {cause}")) }
}

/// `base` without trailing slashes, so that paths can be appended.
pub(crate) fn trim_base(base: &str) -> &str {
    base.trim().trim_end_matches('/')
}

/// A model id as a URL path piece: everything but the characters of real ids is percent-encoded.
pub(crate) fn path_piece(model: &str) -> String {
    let mut piece = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            piece.push(char::from(byte));
        } else {
            piece.push_str(&format!("%{byte:02X}"));
        }
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_header_hides_itself_and_refuses_line_breaks() {
        let header = key_header("Bearer ", &Secret::new("abc")).expect("a plain key");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(header.as_bytes(), b"Bearer abc");
        assert!(key_header("", &Secret::new("a\nb")).is_none());
    }

    #[test]
    fn model_ids_cannot_leave_their_path() {
        assert_eq!(path_piece("gemini-3.5-flash-lite"), "gemini-3.5-flash-lite");
        assert_eq!(path_piece("../x?key=1#é"), "..%2Fx%3Fkey%3D1%23%C3%A9");
    }

    #[tokio::test]
    async fn an_address_that_is_no_url_is_our_fault() {
        let request = http_client().get("not a url");
        let error = send(Provider::OpenAi, request, Duration::from_secs(1)).await.expect_err("no URL");
        assert!(error.ours(), "{error}");
    }
}
