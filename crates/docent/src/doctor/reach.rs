//! Does the service answer, is it ready, how does it feel: and how long it took to wake up.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Finding, Visit};

/// A service that is awake answers within this; what takes longer was a cold start.
const AWAKE: Duration = Duration::from_secs(2);

/// Longer cold starts drive readers away.
const SLOW_START: Duration = Duration::from_secs(60);

/// Pause between two looks at a service that is not ready.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until the service is ready, and says whether it is.
pub(super) async fn reach(visit: &Visit) -> (Vec<Finding>, bool) {
    let began = Instant::now();
    loop {
        let (finding, reached) = match visit.get("/readyz").await {
            Ok(reply) if reply.status == 200 && reply.text.trim() == "ok" => {
                return (
                    vec![
                        transport(visit),
                        Finding::ok("ready", format!("in {} ms", reply.took.as_millis())),
                        start(began),
                    ],
                    true,
                );
            }
            Ok(reply) if reply.status == 503 && matches!(reply.text.trim(), "starting" | "stopping") => (
                Finding::failed(
                    "ready",
                    format!("it is {} for {} s", reply.text.trim(), began.elapsed().as_secs()),
                    "read its log, `docent space logs` for a Space: it says which part does not open",
                ),
                true,
            ),
            Ok(reply) => (
                Finding::failed(
                    "ready",
                    format!("/readyz gives {}: this is not Docent, or a page in front of it", reply.shown()),
                    "check the address; a Space may be asleep, building or private: `docent space status` tells",
                ),
                true,
            ),
            Err(error) => (
                Finding::failed(
                    "reach",
                    format!("{} does not answer: {error}", visit.base),
                    "check the address and whether the service runs; behind a proxy, check the proxy's target",
                ),
                false,
            ),
        };
        if began.elapsed() + PAUSE > visit.patience {
            let findings = if reached { vec![transport(visit), finding] } else { vec![finding] };
            return (findings, false);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn start(began: Instant) -> Finding {
    let took = began.elapsed();
    if took < AWAKE {
        Finding::ok("cold-start", format!("it was awake: {} ms", took.as_millis()))
    } else if took < SLOW_START {
        Finding::ok("cold-start", format!("it was ready after {:.1} s", took.as_secs_f32()))
    } else {
        Finding::warning(
            "cold-start",
            format!("it was ready only after {:.0} s", took.as_secs_f32()),
            "a smaller image wakes up sooner; hardware that never sleeps, or a visit every day, avoids it",
        )
    }
}

fn transport(visit: &Visit) -> Finding {
    let host = reqwest::Url::parse(&visit.base).ok().and_then(|url| url.host_str().map(str::to_owned));
    let is_local =
        host.as_deref().is_some_and(|host| matches!(host, "localhost" | "[::1]") || host.starts_with("127."));
    if visit.base.starts_with("https://") || is_local {
        Finding::ok("reach", visit.base.clone())
    } else {
        Finding::warning(
            "reach",
            format!("{} is not https: browsers forbid pages of an https site to call it", visit.base),
            "put it behind TLS",
        )
    }
}

/// Health and version.
pub(super) async fn health(visit: &Visit) -> Vec<Finding> {
    const CHECK: &str = "health";
    let reply = match visit.get("/api/health").await {
        Ok(reply) => reply,
        Err(error) => {
            return vec![Finding::failed(CHECK, error, "the service hangs; read its log and restart it")];
        }
    };
    let Some(body) = reply.json().filter(|body| body["status"].is_string()) else {
        return vec![Finding::failed(
            CHECK,
            format!("/api/health gives {}, not the health of Docent", reply.shown()),
            "a proxy replaces the replies of failing services; let it pass them as they are",
        )];
    };
    let mut findings = Vec::new();
    let status = body["status"].as_str().unwrap_or_default();
    let failed: Vec<&str> =
        body["failed_services"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if status == "healthy" && reply.status == 200 {
        findings.push(Finding::ok(CHECK, format!("healthy, in {} ms", reply.took.as_millis())));
    } else if failed.is_empty() {
        findings.push(Finding::failed(
            CHECK,
            format!("{status}, with status {}", reply.status),
            "healthy comes with 200 and everything else with 503; if a proxy changes that, correct it",
        ));
    }
    for name in failed {
        let service = &body["services"][name];
        let said = |key: &str| service[key].as_str().unwrap_or_default();
        let detail =
            format!("{name} is {}: {}", or(said("status"), "away"), or(said("error"), "no reason is given"));
        findings.push(Finding::failed(CHECK, detail, or(said("recommended_action"), remedy_for(name))));
    }
    let version = body["version"].as_str().unwrap_or("unknown");
    let own = env!("CARGO_PKG_VERSION");
    findings.push(if version == own {
        Finding::ok("version", version)
    } else {
        Finding::warning(
            "version",
            format!("the service is {version}, this program is {own}"),
            "deploy again, so that both are of one version",
        )
    });
    findings
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

fn remedy_for(service: &str) -> &'static str {
    match service {
        "qdrant" => "resume the cluster in Qdrant Cloud's console, and check QDRANT_URL and QDRANT_API_KEY",
        "postgres" => "check DATABASE_URL and the project's quota in Neon's console",
        "gemini" => "check GEMINI_API_KEY, GEMINI_MODEL and the quota in Google AI Studio",
        "index" => "run `docent ingest` again, or build the Space again",
        _ => "read the log of the service",
    }
}
