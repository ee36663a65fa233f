//! One exchange over a connection of its own, told apart by how far it came: refused before an answer began, broken in the
//! middle, or whole.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::reader::Chunked;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status; 0 when not even the head came.
    pub status: u16,
    /// The body as far as it came.
    pub text: String,
    /// Why it is not whole.
    pub broken: Option<String>,
}

/// Asks a question; one who leaves goes when `leaves_at` came by.
pub async fn ask(address: SocketAddr, body: &Value, leaves_at: Option<&str>) -> Reply {
    let body = body.to_string();
    let request = format!(
        "POST /api/chat HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(address, &request, leaves_at).await
}

/// Reads a JSON body.
///
/// # Errors
/// When no whole JSON reply came.
pub async fn get(address: SocketAddr, path: &str) -> Result<(u16, Value), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let reply = exchange(address, &request, None).await;
    match reply.broken {
        Some(error) => Err(format!("{path}: {error}")),
        None => {
            let body = serde_json::from_str(&reply.text).map_err(|error| format!("{path}: {error}"))?;
            Ok((reply.status, body))
        }
    }
}

/// Status of a page whose body does not matter; 0 when nothing answers.
pub async fn status(address: SocketAddr, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, &request, None).await.status
}

async fn exchange(address: SocketAddr, request: &str, leaves_at: Option<&str>) -> Reply {
    let mut bytes = Vec::new();
    let mut broken = read(address, request, leaves_at, &mut bytes).await.err().map(|error| error.to_string());
    let Some(head_length) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        let why = broken.unwrap_or_else(|| "the reply has no whole head".to_owned());
        return Reply { status: 0, text: String::new(), broken: Some(why) };
    };
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    bytes.drain(..head_length + 4);
    let mut text = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        match Chunked::default().decode(&mut bytes, &mut text) {
            Ok(true) => {}
            Ok(false) => broken = broken.or_else(|| Some("the reply is cut".to_owned())),
            Err(error) => broken = Some(error),
        }
    } else {
        text = bytes;
    }
    Reply { status, text: String::from_utf8_lossy(&text).into_owned(), broken }
}

async fn read(
    address: SocketAddr,
    request: &str,
    leaves_at: Option<&str>,
    bytes: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let Some(word) = leaves_at.map(str::as_bytes) else {
        connection.read_to_end(bytes).await?;
        return Ok(());
    };
    let came_by = |bytes: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    while !came_by(bytes) && connection.read_buf(bytes).await? > 0 {}
    Ok(())
}
