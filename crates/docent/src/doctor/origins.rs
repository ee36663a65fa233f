//! May the book's site ask, and may nobody else? Both with a preflight and with the request itself: the edge of some hosts
//! answers preflights on its own, so only the request tells.

use reqwest::Method;
use reqwest::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

use super::visit::Reply;
use super::{Finding, Visit};

/// A site that nobody has: the name is reserved.
const FOREIGN: &str = "https://docent-doctor.invalid";

const PROXY_REMEDY: &str = "a proxy answers in the service's place or drops headers; let it pass OPTIONS, Origin and the \
                            Access-Control headers";

pub(super) async fn origins(visit: &Visit, origin: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match origin.map(tidy) {
        None => findings.push(Finding::skipped(
            "origin",
            "no site was given; --origin https://your.site checks that its pages may ask",
        )),
        Some(Err(message)) => findings.push(Finding::failed(
            "origin",
            message,
            "give scheme and host of the site: --origin https://your.site",
        )),
        Some(Ok(origin)) => {
            findings.push(preflight(visit, &origin).await);
            findings.push(request(visit, &origin).await);
        }
    }
    findings.push(foreign(visit).await);
    findings
}

/// What a browser would send for a page of that address.
fn tidy(origin: &str) -> Result<String, String> {
    match reqwest::Url::parse(origin) {
        Ok(url) if url.has_host() => Ok(url.origin().ascii_serialization()),
        _ => Err(format!("'{origin}' is no origin")),
    }
}

fn agrees(reply: &Reply, origin: &str) -> bool {
    let allowed = reply.header("access-control-allow-origin");
    allowed == "*" || allowed.eq_ignore_ascii_case(origin)
}

fn refused(reply: &Reply) -> bool {
    reply.status == 403 && reply.json().is_some_and(|body| body["code"] == "origin_not_allowed")
}

fn not_listed(check: &'static str, origin: &str) -> Finding {
    Finding::failed(
        check,
        format!("{origin} is not listed"),
        format!("add {origin} to ALLOWED_ORIGINS and restart the service"),
    )
}

async fn preflight(visit: &Visit, origin: &str) -> Finding {
    const CHECK: &str = "preflight";
    let request = visit
        .request(Method::OPTIONS, "/api/chat")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
    let reply = match visit.whole(request).await {
        Ok(reply) => reply,
        Err(error) => return Finding::failed(CHECK, error, PROXY_REMEDY),
    };
    let lists = |header: &str, wanted: &str| {
        let value = reply.header(header).to_ascii_lowercase();
        value.split(',').any(|item| matches!(item.trim(), "*") || item.trim() == wanted)
    };
    if refused(&reply) {
        not_listed(CHECK, origin)
    } else if !(200..300).contains(&reply.status) {
        Finding::failed(CHECK, format!("OPTIONS gives {}", reply.shown()), PROXY_REMEDY)
    } else if !agrees(&reply, origin) {
        let found = reply.header("access-control-allow-origin");
        Finding::failed(CHECK, format!("the preflight allows '{found}' instead of {origin}"), PROXY_REMEDY)
    } else if !lists("access-control-allow-methods", "post")
        || !lists("access-control-allow-headers", "content-type")
    {
        Finding::failed(CHECK, "the preflight does not allow POST with content-type", PROXY_REMEDY)
    } else {
        Finding::ok(CHECK, format!("allowed for {origin}"))
    }
}

async fn request(visit: &Visit, origin: &str) -> Finding {
    const CHECK: &str = "origin";
    match visit.ask_nothing(origin).await {
        Err(error) => Finding::failed(CHECK, error, PROXY_REMEDY),
        Ok(reply) if refused(&reply) => not_listed(CHECK, origin),
        Ok(reply) if reply.status != 422 => {
            Finding::failed(CHECK, format!("a request of its pages gives {}", reply.shown()), PROXY_REMEDY)
        }
        Ok(reply) if !agrees(&reply, origin) => Finding::failed(
            CHECK,
            format!("the reply allows '{}' instead of {origin}", reply.header("access-control-allow-origin")),
            PROXY_REMEDY,
        ),
        Ok(_) => Finding::ok(CHECK, format!("pages of {origin} may ask")),
    }
}

async fn foreign(visit: &Visit) -> Finding {
    const CHECK: &str = "foreign-origin";
    match visit.ask_nothing(FOREIGN).await {
        Err(error) => Finding::failed(CHECK, error, PROXY_REMEDY),
        Ok(reply) if refused(&reply) => Finding::ok(CHECK, "pages of a site that is not listed are refused"),
        Ok(reply) => Finding::failed(
            CHECK,
            format!("a page of any site may ask: {FOREIGN} got {}", reply.shown()),
            "a proxy removes the header Origin; let it pass. Take wide patterns out of ALLOWED_ORIGINS",
        ),
    }
}
