//! A model server with a metronome: it speaks just enough of Gemini's streaming API to be called by the real client, and
//! sends stamped deltas at a fixed pace. It keeps no record and does next to no work, so that what is measured is the
//! program in front of it. (`crates/doubles` has the Gemini that is strict and fails on demand.)

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clock;
use crate::stamp::Stamp;

/// Larger than any request of the program: a prompt is some 20 KB.
const REQUEST_BYTES: usize = 1 << 20;

/// Words after each stamp, so that a delta is about as long as a model's.
const FILLER: &str = " and so the book goes on ";

/// How an answer is paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From the request to the first delta.
    pub first: Duration,
    /// From one delta to the next.
    pub between: Duration,
    /// Deltas of an answer.
    pub deltas: u64,
}

/// Listens on loopback with room for a burst of connections.
pub fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

/// Serves until the future is dropped; `pace` may change between answers.
pub async fn serve(listener: TcpListener, pace: watch::Receiver<Pace>) {
    let pace = Arc::new(pace);
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                let pace = Arc::clone(&pace);
                tokio::spawn(async move {
                    // A client that goes away is its own affair.
                    let _ = converse(connection, &pace).await;
                });
            }
            Err(error) => {
                eprintln!("load: the provider cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(mut connection: TcpStream, pace: &watch::Receiver<Pace>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(path) = read_request(&mut connection, &mut buffer).await? {
        let received = clock::now();
        if path.contains(":streamGenerateContent") {
            let pace = *pace.borrow();
            stream(&mut connection, pace, received).await?;
        } else {
            // The program asks at its start whether the model exists.
            let body = r#"{"name":"models/paced","supportedGenerationMethods":["generateContent"],"inputTokenLimit":1000000,"outputTokenLimit":65536}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all(format!("{head}{body}").as_bytes()).await?;
        }
    }
    Ok(())
}

/// Reads one request and returns its path; `None` when the connection ends before the next one begins.
async fn read_request(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(head_length) = find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..head_length]).into_owned();
            let body_length = content_length(&head).unwrap_or(0).min(REQUEST_BYTES);
            let whole = head_length + 4 + body_length;
            while buffer.len() < whole {
                if connection.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            buffer.drain(..whole);
            return Ok(Some(head.split(' ').nth(1).unwrap_or_default().to_owned()));
        }
        if buffer.len() > REQUEST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn stream(connection: &mut TcpStream, pace: Pace, received: u64) -> io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let began = Instant::now() + pace.first;
    if pace.first > Duration::ZERO {
        connection.write_all(head).await?;
    }
    let mut out = if pace.first > Duration::ZERO { Vec::new() } else { head.to_vec() };
    for place in 0..pace.deltas {
        // Against the clock, not after the last delta: a late delta does not make all later ones late.
        let due = began + pace.between * u32::try_from(place).unwrap_or(u32::MAX);
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let stamp = Stamp { place, sent: clock::now(), received };
        let last = place + 1 == pace.deltas;
        let finish = if last { r#","finishReason":"STOP""# } else { "" };
        let answer = if last { format!(r#","candidatesTokenCount":{}"#, pace.deltas) } else { String::new() };
        let event = format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{stamp}{FILLER}\"}}],\"role\":\"model\"}}{finish},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":1000{answer},\"totalTokenCount\":1000}},\"modelVersion\":\"paced\",\"responseId\":\"load\"}}\r\n\r\n"
        );
        out.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
        if last {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        connection.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
