//! How the outside services are, as their last real use told. Whoever talks with a service holds a [`Gauge`] and says how
//! each use went; health and metrics only read. Nothing here calls anybody, and a report costs microseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Upper bounds of the latency buckets, in seconds: from a query next door to an answer that thinks.
pub const LATENCY_BOUNDS: [f64; 9] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0];

/// The operation of a look that spends nothing: any real use that goes well overrules its trouble.
pub const CHECK: &str = "check";

/// Kinds of trouble that are over when the service is reached, whatever for.
const REACHABILITY: [&str; 5] = ["unavailable", "timeout", "interrupted", "unauthorized", "suspended"];

/// A service that this program may be configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The vector database.
    Qdrant,
    /// The store of conversations.
    Postgres,
    /// The Gemini API.
    Gemini,
    /// An OpenAI-compatible server.
    OpenAi,
    /// The store of conversations on this machine's disk: no service outside, but it can be away like one.
    Sqlite,
}

impl Service {
    /// All of them, in the order of the health report.
    pub const ALL: [Self; 5] = [Self::Qdrant, Self::Postgres, Self::Gemini, Self::OpenAi, Self::Sqlite];

    /// Its name in JSON, metrics and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qdrant => "qdrant",
            Self::Postgres => "postgres",
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Why the last use of a service failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A stable word: `unauthorized`, `rate_limited`, `quota_exhausted`, `unavailable`, `timeout`, `suspended`, ….
    pub kind: &'static str,
    /// What happened, in words, without secrets, questions or answers.
    pub error: String,
    /// What the operator can do.
    pub recommended_action: String,
}

/// What is known of one service that is in use.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceReport {
    /// Which one.
    pub service: Service,
    /// Facts for people: model, collection, address without user info.
    pub facts: Map<String, Value>,
    /// When it was last used; `None` when it was not used yet.
    pub last_use: Option<Timestamp>,
    /// Why it counts as away; `None` when its last uses went well.
    pub trouble: Option<Trouble>,
}

/// How one kind of use went so far, for metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct UseReport {
    /// Which service.
    pub service: Service,
    /// What it was used for, such as `generate`.
    pub operation: &'static str,
    /// Uses that went well.
    pub worked: u64,
    /// Uses that failed, by [`Trouble::kind`].
    pub failed: BTreeMap<&'static str, u64>,
    /// Uses that took at most [`LATENCY_BOUNDS`]`[i]`, each counted once; the last place counts longer ones.
    pub buckets: [u64; LATENCY_BOUNDS.len() + 1],
    /// All time spent.
    pub took: Duration,
}

#[derive(Debug, Default)]
struct State {
    facts: Map<String, Value>,
    operations: BTreeMap<&'static str, Operation>,
}

#[derive(Debug, Default)]
struct Operation {
    last_use: Option<Timestamp>,
    trouble: Option<Trouble>,
    worked: u64,
    failed: BTreeMap<&'static str, u64>,
    buckets: [u64; LATENCY_BOUNDS.len() + 1],
    took: Duration,
}

/// The services that are in use and how they are. Clones share one state.
#[derive(Clone, Default)]
pub struct Services(Arc<Mutex<BTreeMap<Service, State>>>);

impl Services {
    /// Says that a service is in use, with facts for the health report: no secrets, no URL with user info.
    pub fn in_use(&self, service: Service, facts: Value) {
        if let Value::Object(facts) = facts {
            self.lock().entry(service).or_default().facts.extend(facts);
        }
    }

    /// The handle for one kind of use of a service.
    pub fn gauge(&self, service: Service, operation: &'static str) -> Gauge {
        Gauge { services: self.clone(), service, operation }
    }

    /// Takes back troubles of reachability (`unavailable`, `timeout`, `interrupted`, `unauthorized`): somebody has just reached the
    /// service by another way, such as a probe. Spent quotas stay spent.
    pub fn reached(&self, service: Service) {
        if let Some(state) = self.lock().get_mut(&service) {
            for operation in state.operations.values_mut() {
                operation.trouble =
                    operation.trouble.take().filter(|trouble| !REACHABILITY.contains(&trouble.kind));
            }
        }
    }

    /// What is known of each service that is in use.
    pub fn reports(&self) -> Vec<ServiceReport> {
        let services = self.lock();
        let report = |(service, state): (&Service, &State)| ServiceReport {
            service: *service,
            facts: state.facts.clone(),
            last_use: state.operations.values().filter_map(|operation| operation.last_use).max(),
            trouble: state.operations.values().find_map(|operation| operation.trouble.clone()),
        };
        services.iter().map(report).collect()
    }

    /// How every kind of use went since the start.
    pub fn uses(&self) -> Vec<UseReport> {
        let services = self.lock();
        let uses = services.iter().flat_map(|(service, state)| {
            state.operations.iter().map(|(operation, uses)| UseReport {
                service: *service,
                operation,
                worked: uses.worked,
                failed: uses.failed.clone(),
                buckets: uses.buckets,
                took: uses.took,
            })
        });
        uses.collect()
    }

    fn record(&self, gauge: &Gauge, took: Duration, trouble: Option<Trouble>) {
        let mut services = self.lock();
        let state = services.entry(gauge.service).or_default();
        if trouble.is_none()
            && let Some(check) = state.operations.get_mut(CHECK)
        {
            check.trouble = None;
        }
        let operation = state.operations.entry(gauge.operation).or_default();
        operation.last_use = Some(Timestamp::now());
        match &trouble {
            None => operation.worked += 1,
            Some(trouble) => *operation.failed.entry(trouble.kind).or_default() += 1,
        }
        operation.trouble = trouble;
        operation.took += took;
        let seconds = took.as_secs_f64();
        let place = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound);
        operation.buckets[place.unwrap_or(LATENCY_BOUNDS.len())] += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Service, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.lock().keys().map(|service| service.name()).collect();
        write!(formatter, "Services({})", names.join(", "))
    }
}

/// Tells how uses of one kind went.
#[derive(Debug, Clone)]
pub struct Gauge {
    services: Services,
    service: Service,
    operation: &'static str,
}

impl Gauge {
    /// The use went well.
    pub fn worked(&self, took: Duration) {
        self.services.record(self, took, None);
    }

    /// The use failed.
    pub fn failed(&self, took: Duration, trouble: Trouble) {
        self.services.record(self, took, Some(trouble));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trouble(kind: &'static str) -> Trouble {
        Trouble { kind, error: "away".to_owned(), recommended_action: "wait".to_owned() }
    }

    #[test]
    fn a_service_is_as_its_last_use_of_each_kind() {
        let services = Services::default();
        assert_eq!(services.reports(), []);
        services.in_use(Service::Gemini, json!({"model": "a"}));
        let report = &services.reports()[0];
        assert_eq!((report.last_use, report.trouble.clone()), (None, None));

        let (generate, embed) =
            (services.gauge(Service::Gemini, "generate"), services.gauge(Service::Gemini, "embed"));
        generate.failed(Duration::from_secs(2), trouble("unavailable"));
        embed.worked(Duration::from_millis(5));
        assert_eq!(services.reports()[0].trouble, Some(trouble("unavailable")));
        assert!(services.reports()[0].last_use.is_some());
        generate.worked(Duration::from_secs(90));
        assert_eq!(services.reports()[0].trouble, None);

        let uses = services.uses();
        let found: Vec<_> = uses.iter().map(|uses| (uses.operation, uses.worked, &uses.buckets)).collect();
        assert_eq!(
            found,
            [("embed", 1, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ("generate", 1, &[0, 0, 0, 0, 0, 1, 0, 0, 0, 1])]
        );
        assert_eq!(uses[1].failed, BTreeMap::from([("unavailable", 1)]));
    }

    #[test]
    fn a_probe_that_gets_through_takes_back_what_it_disproves() {
        for (kind, stays) in [("timeout", false), ("unauthorized", false), ("quota_exhausted", true)] {
            let services = Services::default();
            services.gauge(Service::Qdrant, "search").failed(Duration::ZERO, trouble(kind));
            services.reached(Service::Qdrant);
            assert_eq!(services.reports()[0].trouble.is_some(), stays, "{kind}");
        }
    }
}
