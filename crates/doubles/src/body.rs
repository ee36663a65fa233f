//! A reply's body, piece by piece: bytes, pauses, silence, and cut connections, with the guard that notices when the
//! client goes away.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use crate::control::{Guard, Pace};

/// Pause between the halves of a split character: long enough that they travel as two writes.
const SPLIT_PAUSE: Duration = Duration::from_millis(2);

/// Pause before a connection is cut, in which the server writes out what it holds.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

/// One step of a body.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// Bytes, as one write.
    Bytes(Vec<u8>),
    /// A pause.
    Wait(Duration),
    /// Silence until the client gives up.
    Hang,
    /// The connection is cut.
    Cut,
}

impl Piece {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }
}

/// A reply of HTTP 200 whose body is made of `pieces`, lazily: each one when the network has room for it.
pub(crate) fn paced(content_type: &str, pieces: Vec<Piece>, guard: Guard) -> Response {
    let stream = stream::unfold((pieces.into_iter(), Some(guard)), |(mut pieces, mut guard)| async move {
        loop {
            match pieces.next() {
                Some(Piece::Bytes(bytes)) => {
                    if let Some(guard) = &guard {
                        guard.piece_sent();
                    }
                    return Some((Ok(Bytes::from(bytes)), (pieces, guard)));
                }
                Some(Piece::Wait(pause)) => tokio::time::sleep(pause).await,
                Some(Piece::Hang) => std::future::pending().await,
                Some(Piece::Cut) => {
                    // What was written so far must be on its way first, or it would be lost with the connection.
                    tokio::time::sleep(FLUSH_PAUSE).await;
                    guard.take().into_iter().for_each(Guard::complete);
                    let cut = io::Error::new(io::ErrorKind::ConnectionAborted, "cut as planned");
                    return Some((Err(cut), (pieces, None)));
                }
                None => {
                    guard.take().into_iter().for_each(Guard::complete);
                    return None;
                }
            }
        }
    });
    reply(StatusCode::OK, content_type, Body::from_stream(stream))
}

/// A whole reply at once.
pub(crate) fn whole(status: u16, content_type: &str, body: impl Into<String>, guard: Guard) -> Response {
    guard.complete();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply(status, content_type, Body::from(body.into()))
}

/// Silence: the head never comes. Ends when the client gives up, which drops the future and with it the guard.
pub(crate) async fn hang(guard: Guard) -> Response {
    let never: Infallible = std::future::pending().await;
    drop(guard);
    match never {}
}

fn reply(status: StatusCode, content_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// `text` in pieces of `words` words each, spaces kept; at least one piece.
pub(crate) fn cut_into_words(text: &str, words: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut count = 0;
    for word in text.split_inclusive([' ', '\n']) {
        if count == words.max(1) {
            pieces.push(String::new());
            count = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(word);
        }
        count += 1;
    }
    pieces
}

/// Puts the pauses of `pace` between the events.
pub(crate) fn with_pauses(events: Vec<Piece>, pace: Pace) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(events.len() * 2);
    for (place, event) in events.into_iter().enumerate() {
        let pause = if place == 0 { pace.first_ms } else { pace.between_ms };
        if pause > 0 {
            pieces.push(Piece::Wait(Duration::from_millis(pause)));
        }
        pieces.push(event);
    }
    pieces
}

/// Splits every character of several bytes over two writes.
pub(crate) fn split_characters(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut split = Vec::new();
    for piece in pieces {
        let Piece::Bytes(bytes) = piece else {
            split.push(piece);
            continue;
        };
        let mut from = 0;
        // After the first byte of each character of several bytes.
        for (place, byte) in bytes.iter().enumerate() {
            if *byte >= 0xC0 {
                split.push(Piece::Bytes(bytes[from..=place].to_vec()));
                split.push(Piece::Wait(SPLIT_PAUSE));
                from = place + 1;
            }
        }
        split.push(Piece::Bytes(bytes[from..].to_vec()));
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole() {
        let check = |text: &str, words, expected: &[&str]| assert_eq!(cut_into_words(text, words), expected);
        check("a b  c\nd", 2, &["a b ", " c\n", "d"]);
        check("a", 0, &["a"]);
        check("", 3, &[""]);
    }

    #[test]
    fn characters_are_split_and_nothing_is_lost() {
        let text = "aé你🙂b";
        let pieces = split_characters(vec![Piece::text(text)]);
        let parts: Vec<Vec<u8>> = pieces
            .iter()
            .filter_map(|piece| if let Piece::Bytes(bytes) = piece { Some(bytes.clone()) } else { None })
            .collect();
        assert_eq!(parts.concat(), text.as_bytes());
        assert_eq!(parts.len(), 4);
        assert!(parts[..3].iter().all(|part| std::str::from_utf8(part).is_err()));
    }
}
