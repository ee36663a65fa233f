//! A real question: its stream, its answer, and whether the link of its citation leads to the passage.

use reqwest::Method;
use serde_json::{Value, json};

use super::visit::Arrivals;
use super::{Finding, Visit};

/// Words that nearly every book has; their hits name something to ask about.
const COMMON_WORDS: &[&str] = &[
    "how", "use", "what", "start", "first", "page", "example", "need", "new", "time", "work", "one", "set",
    "part", "data",
];

/// Questions that are tried until one is answered; each may cost a model call.
const QUESTIONS: usize = 3;

pub(super) async fn answer_and_citation(visit: &Visit, question: Option<&str>) -> Vec<Finding> {
    let questions = match question {
        Some(question) => vec![question.to_owned()],
        None => questions_of_the_book(visit).await,
    };
    if questions.is_empty() {
        return vec![
            Finding::failed(
                "answer",
                "the search finds nothing to ask about",
                "give a question with --question; if the search stays empty, ingest the book again",
            ),
            Finding::skipped("citation", "there is no answer"),
        ];
    }
    let mut tried = Vec::new();
    for question in &questions {
        let request = visit.request(Method::POST, "/api/chat").json(&json!({"message": question}));
        let arrivals = match visit.stream(request).await {
            Ok(arrivals) => arrivals,
            Err(error) => return broken(error),
        };
        if let Some(finding) = unlike_a_stream(&arrivals) {
            return vec![finding, Finding::skipped("citation", "there is no answer")];
        }
        let Some(done) = arrivals.last_of("done") else {
            let said = arrivals.last_of("error").and_then(|event| event["message"].as_str());
            return broken(said.map_or_else(
                || arrivals.broken.clone().unwrap_or_else(|| "the stream ends without `done`".to_owned()),
                |message| format!("the answer broke off: {message}"),
            ));
        };
        let outcome = done["outcome"].as_str().unwrap_or("unknown");
        if outcome != "answered" {
            tried.push(format!("'{question}' is {outcome}"));
            continue;
        }
        let milliseconds =
            |place: Option<&(std::time::Duration, Value)>| place.map_or(0, |(at, _)| at.as_millis());
        let first = arrivals.events.iter().find(|(_, event)| event["type"] == "token");
        let detail = format!(
            "'{question}': {} events, first words after {} ms, all after {} ms",
            arrivals.events.len(),
            milliseconds(first),
            milliseconds(arrivals.events.last())
        );
        let answer = if done["degraded"] == true {
            Finding::warning("answer", format!("{detail}; a part was missing"), "see the finding on health")
        } else {
            Finding::ok("answer", detail)
        };
        return vec![answer, citation(visit, &done["sources"]).await];
    }
    vec![
        Finding::failed(
            "answer",
            format!("no question was answered: {}", tried.join(", ")),
            "give a question of your readers with --question; if it is refused too, see `docent search`",
        ),
        Finding::skipped("citation", "there is no answer"),
    ]
}

fn broken(error: String) -> Vec<Finding> {
    let remedy = "a proxy or a time limit cuts long replies; allow 60 s, and read the log of the service";
    vec![Finding::failed("answer", error, remedy), Finding::skipped("citation", "there is no answer")]
}

fn unlike_a_stream(arrivals: &Arrivals) -> Option<Finding> {
    let kind = arrivals.header("content-type");
    let (detail, remedy) = if arrivals.status == 429 {
        (
            "the service is busy: 429".to_owned(),
            "wait, or raise the limits of the service; every answer holds a place while it runs",
        )
    } else if arrivals.status != 200 {
        (
            format!("POST /api/chat gives {}", arrivals.status),
            "read the log of the service; if a proxy is in front, let it pass POST and bodies of 64 KiB",
        )
    } else if !kind.starts_with("text/event-stream") {
        (
            format!("the answer comes as '{kind}', not as an event stream"),
            "a proxy changes the content type; let it pass replies as they are",
        )
    } else if !matches!(arrivals.header("content-encoding"), "" | "identity") {
        (
            "a proxy compresses the answer".to_owned(),
            "turn off compression of text/event-stream: it holds events back",
        )
    } else {
        return None;
    };
    Some(Finding::failed("answer", detail, remedy))
}

async fn questions_of_the_book(visit: &Visit) -> Vec<String> {
    for word in COMMON_WORDS {
        let Ok(reply) = visit.get(&format!("/api/search?q={word}&limit=5")).await else { continue };
        let body = reply.json().unwrap_or_default();
        let hits: Vec<&Value> = body["hits"].as_array().into_iter().flatten().collect();
        if hits.is_empty() {
            continue;
        }
        let mut questions: Vec<String> = Vec::new();
        for hit in &hits {
            let title = hit["title"].as_str().unwrap_or_default();
            let heading = hit["heading_path"].as_array().and_then(|path| path.last()?.as_str());
            questions.push(match heading {
                Some(heading) if heading != title => format!("{title}: {heading}"),
                _ => title.to_owned(),
            });
        }
        // The book's own words are the easiest question of all.
        let sentence = hits[0]["content"].as_str().unwrap_or_default();
        let sentence: String =
            sentence.split_inclusive(['.', '?', '!']).next().unwrap_or_default().chars().take(200).collect();
        questions.truncate(QUESTIONS - 1);
        questions.push(sentence.trim().to_owned());
        questions.retain(|question| !question.is_empty());
        questions.dedup();
        return questions;
    }
    Vec::new()
}

/// Whether the first source's link opens a page that has the anchor.
async fn citation(visit: &Visit, sources: &Value) -> Finding {
    const CHECK: &str = "citation";
    let Some(source) = sources.as_array().and_then(|sources| sources.first()) else {
        return Finding::failed(
            CHECK,
            "the answer cites nothing",
            "report this: an answer must have a source",
        );
    };
    let url = source["url"].as_str().unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Finding::failed(
            CHECK,
            format!("the link is '{url}', without a site"),
            "say where the book is: `url` in docusaurus.config.js, `site_url` in docent.toml, or --site-url",
        );
    }
    let page = match visit.page(url).await {
        Ok(page) => page,
        Err(error) => {
            return Finding::failed(
                CHECK,
                format!("{url} cannot be opened: {error}"),
                "is the book's site up, and is its address right?",
            );
        }
    };
    if page.status == 401 || page.status == 403 {
        return Finding::warning(
            CHECK,
            format!("{url} wants a login: status {}", page.status),
            "readers need the same login; on Vercel, previews are protected and production is not",
        );
    }
    if page.status != 200 {
        return Finding::failed(
            CHECK,
            format!("{url} gives {}", page.status),
            "the site's routes differ from those of the book that was ingested: check baseUrl, routeBasePath and \
             trailingSlash, deploy the site, ingest again",
        );
    }
    match source["anchor"].as_str().filter(|anchor| !anchor.is_empty()) {
        Some(anchor) if !has_anchor(&page.text, anchor) => Finding::failed(
            CHECK,
            format!("{url} has no heading with the id '{anchor}'"),
            "the site and the ingested book are of different versions: deploy the site, ingest again",
        ),
        anchor => Finding::ok(
            CHECK,
            format!("{url}{} opens", anchor.map_or(String::new(), |anchor| format!("#{anchor}"))),
        ),
    }
}

/// Minified pages leave the quotes of an attribute away.
fn has_anchor(html: &str, anchor: &str) -> bool {
    let escaped = anchor.replace('&', "&amp;");
    [anchor, escaped.as_str()].iter().any(|anchor| {
        html.contains(&format!("id=\"{anchor}\""))
            || html.contains(&format!("id='{anchor}'"))
            || html.contains(&format!("id={anchor}>"))
            || html.contains(&format!("id={anchor} "))
    })
}
