//! Do events arrive when they are sent? A proxy that collects them makes a reader wait for the whole answer.

use std::time::Duration;

use reqwest::Method;

use super::{Finding, Visit};

const CHECK: &str = "streaming";

/// One measurement can be spoiled by a busy machine on either side; a proxy that collects spoils every one.
const MEASUREMENTS: usize = 3;

const REMEDY: &str = "turn off response buffering and compression of text/event-stream in the proxy: `proxy_buffering off` and \
                      `gzip off` in nginx, `flush_interval -1` in Caddy";

/// Reads `/streamz`, whose events are sent at known moments, and compares how far apart they arrive.
pub(super) async fn buffering(visit: &Visit) -> Finding {
    let mut seen = String::new();
    for _ in 0..MEASUREMENTS {
        let arrivals = match visit.stream(visit.request(Method::GET, "/streamz")).await {
            Ok(arrivals) => arrivals,
            Err(error) => return Finding::failed(CHECK, error, REMEDY),
        };
        if arrivals.status != 200 {
            return Finding::warning(
                CHECK,
                format!("/streamz gives {}, so nothing can be measured", arrivals.status),
                "deploy a version that has /streamz",
            );
        }
        let encoding = arrivals.header("content-encoding");
        if !matches!(encoding, "" | "identity") {
            return Finding::failed(
                CHECK,
                format!("a proxy compresses event streams with {encoding}"),
                REMEDY,
            );
        }
        if let Some(broken) = arrivals.broken {
            return Finding::failed(CHECK, format!("the stream broke off: {broken}"), REMEDY);
        }
        let sent = |place: usize| arrivals.events[place].1["sent_ms"].as_u64().unwrap_or(0);
        let Some(last) = arrivals.events.len().checked_sub(1).filter(|last| *last > 0) else {
            return Finding::failed(CHECK, "no events arrived", REMEDY);
        };
        let sent_over = Duration::from_millis(sent(last).saturating_sub(sent(0)));
        let came_over = arrivals.events[last].0.saturating_sub(arrivals.events[0].0);
        let widest = arrivals.events.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).max();
        seen = format!(
            "{} events, sent over {} ms, arrived over {} ms, widest gap {} ms",
            arrivals.events.len(),
            sent_over.as_millis(),
            came_over.as_millis(),
            widest.unwrap_or_default().as_millis()
        );
        if came_over * 4 > sent_over {
            return Finding::ok(CHECK, seen);
        }
    }
    Finding::failed(CHECK, format!("events are collected on their way: {seen}"), REMEDY)
}
