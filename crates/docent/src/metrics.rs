//! What is counted while the program runs, in the text format of Prometheus (version 0.0.4). A handful of counters under
//! one lock: no registry crate is worth its weight here. Labels are words of ours, never what a reader typed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::status::{LATENCY_BOUNDS, Services, UseReport};

/// Counts of a running program. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// Requests by route and status.
    requests: BTreeMap<(String, u16), u64>,
    outcomes: BTreeMap<&'static str, u64>,
    degraded: u64,
    prompt_tokens: u64,
    answer_tokens: u64,
    first_token: Histogram,
}

#[derive(Debug, Default, Clone, Copy)]
struct Histogram {
    buckets: [u64; LATENCY_BOUNDS.len() + 1],
    sum: Duration,
}

/// What is read at the moment of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Now {
    /// Answers that are being written.
    pub running: usize,
    /// Chunks of the index.
    pub chunks: usize,
    /// Age of the index file in seconds, when it can be seen.
    pub index_age: Option<u64>,
    /// Messages that wait for a store that is away; `None` when the store is here.
    pub waiting: Option<u64>,
    /// Looks into the answer cache so far that found one and that did not, and answers that it keeps.
    pub cache: (u64, u64, u64),
    /// Calls to models today, and how many there may be.
    pub allowance: Option<(u32, u32)>,
}

impl Metrics {
    /// A request was answered. `route` is the pattern, not the path.
    pub fn request(&self, route: &str, status: u16) {
        *self.lock().requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// A turn ended.
    pub fn turn_ended(&self, outcome: &'static str, degraded: bool, prompt_tokens: u32, answer_tokens: u32) {
        let mut counts = self.lock();
        *counts.outcomes.entry(outcome).or_default() += 1;
        counts.degraded += u64::from(degraded);
        counts.prompt_tokens += u64::from(prompt_tokens);
        counts.answer_tokens += u64::from(answer_tokens);
    }

    /// The first piece of an answer came so long after the question.
    pub fn first_token(&self, after: Duration) {
        let mut counts = self.lock();
        let place = LATENCY_BOUNDS.iter().position(|bound| after.as_secs_f64() <= *bound);
        counts.first_token.buckets[place.unwrap_or(LATENCY_BOUNDS.len())] += 1;
        counts.first_token.sum += after;
    }

    /// Everything in the text format.
    pub fn render(&self, now: Now, services: &Services) -> String {
        let mut page = Page::default();
        {
            let counts = self.lock();
            page.head("docent_requests_total", "counter", "Requests by route and status.");
            for ((route, status), count) in &counts.requests {
                page.line(
                    "docent_requests_total",
                    &[("route", route), ("status", &status.to_string())],
                    *count,
                );
            }
            page.head("docent_answers_total", "counter", "Answers by outcome.");
            for (outcome, count) in &counts.outcomes {
                page.line("docent_answers_total", &[("outcome", outcome)], *count);
            }
            page.single(
                "docent_degraded_answers_total",
                "counter",
                "Answers for which a part was missing.",
                counts.degraded,
            );
            page.head("docent_tokens_total", "counter", "Tokens as models count them.");
            page.line("docent_tokens_total", &[("kind", "prompt")], counts.prompt_tokens);
            page.line("docent_tokens_total", &[("kind", "answer")], counts.answer_tokens);
            page.head(
                "docent_first_token_seconds",
                "histogram",
                "From the question to the first piece of its answer.",
            );
            page.histogram(
                "docent_first_token_seconds",
                &[],
                &counts.first_token.buckets,
                counts.first_token.sum,
            );
        }
        page.now(now);
        page.services(services);
        page.0
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text that is written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn now(&mut self, now: Now) {
        self.single("docent_running_answers", "gauge", "Answers that are being written.", now.running as u64);
        self.single("docent_index_chunks", "gauge", "Chunks of the index.", now.chunks as u64);
        let (hits, misses, kept) = now.cache;
        self.head("docent_answer_cache_total", "counter", "Looks into the answer cache.");
        self.line("docent_answer_cache_total", &[("result", "hit")], hits);
        self.line("docent_answer_cache_total", &[("result", "miss")], misses);
        self.single("docent_cached_answers", "gauge", "Answers in the cache.", kept);
        if let Some(age) = now.index_age {
            self.single("docent_index_age_seconds", "gauge", "Since the index was written.", age);
        }
        if let Some(waiting) = now.waiting {
            let help = "Messages in the outbox, for a store that is away.";
            self.single("docent_outbox_messages", "gauge", help, waiting);
        }
        if let Some((used, limit)) = now.allowance {
            self.single("docent_model_calls_today", "gauge", "Calls to models today (UTC).", u64::from(used));
            self.single(
                "docent_model_calls_limit",
                "gauge",
                "Calls to models that a day may have.",
                u64::from(limit),
            );
        }
    }

    fn services(&mut self, services: &Services) {
        self.head("docent_service_up", "gauge", "Whether the last use of a service went well.");
        for report in services.reports() {
            let up = u64::from(report.trouble.is_none());
            self.line("docent_service_up", &[("service", report.service.name())], up);
        }
        let uses: Vec<UseReport> = services.uses();
        self.head(
            "docent_service_uses_total",
            "counter",
            "Uses of services by result: ok, or the kind of error.",
        );
        for uses in &uses {
            let labels = |result| {
                [("service", uses.service.name()), ("operation", uses.operation), ("result", result)]
            };
            self.line("docent_service_uses_total", &labels("ok"), uses.worked);
            for (kind, count) in &uses.failed {
                self.line("docent_service_uses_total", &labels(kind), *count);
            }
        }
        self.head(
            "docent_service_seconds",
            "histogram",
            "How long uses of services took; of a stream, until its first piece.",
        );
        for uses in &uses {
            let labels = [("service", uses.service.name()), ("operation", uses.operation)];
            self.histogram("docent_service_seconds", &labels, &uses.buckets, uses.took);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let _ = writeln!(self.0, "{name}{} {value}", braced(labels));
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], buckets: &[u64], sum: Duration) {
        let mut count = 0;
        for (place, here) in buckets.iter().enumerate() {
            count += here;
            let bound = LATENCY_BOUNDS.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.line(&format!("{name}_bucket"), &labels, count);
        }
        let _ = writeln!(self.0, "{name}_sum{} {}", braced(labels), sum.as_secs_f64());
        self.line(&format!("{name}_count"), labels, count);
    }
}

fn braced(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let words: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", words.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Service;

    #[test]
    fn counts_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.request("/api/chat", 200);
        metrics.request("/api/chat", 200);
        metrics.request("odd \"route\"", 404);
        metrics.turn_ended("answered", true, 100, 20);
        metrics.first_token(Duration::from_millis(20));
        metrics.first_token(Duration::from_secs(100));
        let services = Services::default();
        services.gauge(Service::Gemini, "generate").worked(Duration::from_secs(2));
        let text = metrics.render(Now { chunks: 7, allowance: Some((3, 10)), ..Now::default() }, &services);
        for line in [
            "docent_requests_total{route=\"/api/chat\",status=\"200\"} 2",
            "docent_requests_total{route=\"odd \\\"route\\\"\",status=\"404\"} 1",
            "docent_answers_total{outcome=\"answered\"} 1",
            "docent_degraded_answers_total 1",
            "docent_tokens_total{kind=\"prompt\"} 100",
            "docent_first_token_seconds_bucket{le=\"0.01\"} 0",
            "docent_first_token_seconds_bucket{le=\"0.03\"} 1",
            "docent_first_token_seconds_bucket{le=\"60\"} 1",
            "docent_first_token_seconds_bucket{le=\"+Inf\"} 2",
            "docent_first_token_seconds_sum 100.02",
            "docent_first_token_seconds_count 2",
            "docent_index_chunks 7",
            "docent_model_calls_today 3",
            "docent_service_up{service=\"gemini\"} 1",
            "docent_service_uses_total{service=\"gemini\",operation=\"generate\",result=\"ok\"} 1",
            "docent_service_seconds_bucket{service=\"gemini\",operation=\"generate\",le=\"3\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
            assert!(value.is_some() && line.starts_with("docent_"), "{line}");
        }
    }
}
