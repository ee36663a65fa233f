//! Reads an event stream from a response and turns it into deltas, lazily: one network read at a time, only when the
//! consumer asks. What an event means is the decoder's business; silence, cuts, limits and the end are decided here.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream;
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::sse::{Item, SseParser};
use super::{Delta, DeltaStream, Provider, ProviderError};

/// What one provider's events mean.
pub(crate) trait Decoder: Send + 'static {
    /// Reads one item and appends the deltas that it holds.
    fn item(&mut self, item: Item, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError>;

    /// Once the answer is complete: how long a few last bytes (usage, the end of the body) are still worth waiting for.
    fn grace(&self) -> Option<Duration>;

    /// The body has ended: appends the closing deltas, or tells why this was no end.
    fn end(&mut self, deltas: &mut VecDeque<Delta>) -> Result<(), ProviderError>;
}

/// A response being read. Dropping it closes the connection (HTTP/2: resets the stream).
pub(crate) struct DeltaReader<D> {
    provider: Provider,
    response: Option<Response>,
    parser: SseParser,
    decoder: D,
    /// Deltas of the last network read that were not handed out yet: at most what one read held.
    ready: VecDeque<Delta>,
    items: Vec<Item>,
    failure: Option<ProviderError>,
    first_byte_deadline: Option<Instant>,
    first_byte_timeout: Duration,
    idle_timeout: Duration,
}

impl<D: Decoder> DeltaReader<D> {
    /// Starts reading; the first byte must come within `first_byte_timeout`, later ones within `idle_timeout` each.
    pub(crate) fn new(
        provider: Provider,
        response: Response,
        decoder: D,
        first_byte_timeout: Duration,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            provider,
            response: Some(response),
            parser: SseParser::default(),
            decoder,
            ready: VecDeque::new(),
            items: Vec::new(),
            failure: None,
            first_byte_deadline: Some(Instant::now() + first_byte_timeout),
            first_byte_timeout,
            idle_timeout,
        }
    }

    /// Reads until the first text (or the end) is at hand, so that a failure before it can still be retried.
    pub(crate) async fn until_first_delta(&mut self) -> Result<(), ProviderError> {
        while !self.ready.iter().any(|delta| matches!(delta, Delta::Text(_) | Delta::Finished(_))) {
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if self.response.is_none() {
                return Ok(());
            }
            self.read().await;
        }
        Ok(())
    }

    /// Deltas at hand, not yet handed out.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Delta> {
        self.ready.iter()
    }

    /// The lazy stream; it ends after `Finished` or after the first error.
    pub(crate) fn into_stream(self) -> DeltaStream {
        Box::pin(stream::unfold(self, |mut reader| async move {
            let delta = reader.next().await?;
            Some((delta, reader))
        }))
    }

    async fn next(&mut self) -> Option<Result<Delta, ProviderError>> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                return Some(Ok(delta));
            }
            if let Some(error) = self.failure.take() {
                self.response = None;
                return Some(Err(error));
            }
            self.response.as_ref()?;
            self.read().await;
        }
    }

    /// One network read, with everything that it may lead to.
    async fn read(&mut self) {
        let Some(response) = &mut self.response else { return };
        let grace = self.decoder.grace();
        let read = match (grace, self.first_byte_deadline) {
            (Some(grace), _) => timeout(grace, response.chunk()).await,
            (None, Some(deadline)) => timeout_at(deadline, response.chunk()).await,
            (None, None) => timeout(self.idle_timeout, response.chunk()).await,
        };
        let outcome = match read {
            Ok(Ok(Some(bytes))) => {
                let parsed = self.parser.push(&bytes, &mut self.items);
                if !bytes.is_empty() {
                    self.first_byte_deadline = None;
                }
                self.decode().and(parsed.map_err(|error| self.bad_response(&error.to_string())))
            }
            Ok(Ok(None)) => {
                self.response = None;
                let parsed = self.parser.finish(&mut self.items);
                self.decode()
                    .and(parsed.map_err(|error| self.bad_response(&error.to_string())))
                    .and_then(|()| self.decoder.end(&mut self.ready))
            }
            // The answer is complete already; nobody is waiting for how the connection ends.
            _ if grace.is_some() => {
                self.response = None;
                self.decoder.end(&mut self.ready)
            }
            Ok(Err(_)) => Err(ProviderError::Interrupted { provider: self.provider }),
            Err(_) if self.first_byte_deadline.is_some() => {
                Err(ProviderError::Timeout { provider: self.provider, after: self.first_byte_timeout })
            }
            Err(_) => Err(ProviderError::Timeout { provider: self.provider, after: self.idle_timeout }),
        };
        if let Err(error) = outcome {
            self.response = None;
            self.failure = Some(error);
        }
    }

    fn decode(&mut self) -> Result<(), ProviderError> {
        for item in self.items.drain(..) {
            self.decoder.item(item, &mut self.ready)?;
        }
        Ok(())
    }

    fn bad_response(&self, detail: &str) -> ProviderError {
        ProviderError::BadResponse { provider: self.provider, detail: detail.to_owned() }
    }
}
