//! A stream whose events are sent at known moments, so that `docent doctor` can measure what a proxy does with them. An
//! answer of the book itself comes too fast to tell.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

/// Events of the stream.
const EVENTS: u32 = 6;

/// Pause between two of them: far above the jitter of a network, and over in a second.
const PAUSE: Duration = Duration::from_millis(150);

/// Six events in 750 ms: `data: {"n":1,"sent_ms":0}`.
pub(super) async fn streamz() -> Response {
    let began = Instant::now();
    let events = stream::unfold(1, move |number| async move {
        if number > EVENTS {
            return None;
        }
        if number > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        let event = format!("data: {{\"n\":{number},\"sent_ms\":{}}}\n\n", began.elapsed().as_millis());
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(event)), number + 1))
    });
    (
        [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache, no-transform"),
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ],
        Body::from_stream(events),
    )
        .into_response()
}
