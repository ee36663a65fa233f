//! Bytes on a connection, for requests that no client library would send.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within_cap;

/// A reply taken apart by hand.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl RawReply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends `request` as it is and reads until the server closes or the reply is whole; `None` when it only closes.
pub async fn raw(url: &str, request: &[u8]) -> Option<RawReply> {
    let address = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("the server listens");
    // The server may answer and close before it has read everything.
    let _ = connection.write_all(request).await;
    let mut bytes = Vec::new();
    within_cap("the raw reply", async {
        let mut buffer = [0; 8192];
        loop {
            match connection.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => bytes.extend(&buffer[..count]),
            }
            if is_whole(&bytes) {
                break;
            }
        }
    })
    .await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(RawReply { status, head: head.to_owned(), body: body.to_owned() })
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_ascii_lowercase().split("content-length: ").nth(1).and_then(|rest| {
        let digits = rest.split("\r\n").next()?;
        digits.parse::<usize>().ok()
    });
    length.is_some_and(|length| body.len() >= length)
}
