//! A built site over HTTP: read as its pages say, politely, resumed after a kill, and never followed elsewhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use axum::http::StatusCode;
use docent::providers::http_client;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Output, Running, Site, docent, eventually, run};

fn ingest(folder: &Path, url: &str, more: &[&str]) -> Command {
    let mut command = docent(folder);
    // The pause is for strangers' servers.
    command.args(["ingest", url, "--json", "--pages-per-second", "10000"]).args(more);
    command
}

/// Runs a command beside the site.
async fn beside(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || run(&mut command)).await.expect("the program runs")
}

async fn report(folder: &Path, url: &str, more: &[&str]) -> Value {
    let output = beside(ingest(folder, url, more)).await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    serde_json::from_str(&output.stdout).expect("JSON")
}

async fn error(folder: &Path, url: &str, more: &[&str]) -> String {
    let output = beside(ingest(folder, url, more)).await;
    assert_eq!(output.code, Some(66), "{}", output.stderr);
    assert!(!folder.join(".docent/index.docent").exists());
    output.stderr
}

/// Three pages under `/docs/` and one beside it.
async fn motors() -> Site {
    let site = Site::start().await;
    site.page(
        "/docs/",
        "All about motors.",
        &["torque", "/docs/speed#more", "/blog", "https://example.org/x", "mailto:a@b"],
    );
    site.page(
        "/docs/torque",
        "The torque of a motor is measured in newton metres.",
        &["/docs/", "logo.png", "?page=2"],
    );
    site.page("/docs/speed", "The speed is measured in revolutions per minute.", &["torque#more"]);
    site.page("/blog", "Something else.", &[]);
    site
}

fn paths(asked: &[(String, u16)]) -> Vec<&str> {
    asked.iter().map(|(path, _)| path.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_read_and_cited_by_its_own_addresses() {
    let site = motors().await;
    site.redirect("/docs", "/docs/");
    let folder = TempDir::new().expect("a folder");
    let first = report(folder.path(), &site.url("/docs"), &[]).await;
    assert_eq!((first["pages"].as_u64(), first["title"].as_str()), (Some(3), Some("The site")));
    assert_eq!(first["warnings"].as_array().map(Vec::len), Some(0), "{first}");
    assert_eq!(paths(&site.asked()), ["/robots.txt", "/docs", "/docs/", "/docs/torque", "/docs/speed"]);

    let mut search = docent(folder.path());
    search.args(["search", "newton metres", "--json"]);
    let found: Value = serde_json::from_str(&beside(search).await.stdout).expect("JSON");
    let best = if found.is_array() { &found[0] } else { &found["hits"][0] };
    assert_eq!(
        (best["url"].as_str(), best["anchor"].as_str()),
        (Some(site.url("/docs/torque").as_str()), Some("more"))
    );

    // Nothing has changed: the server says so, page by page.
    let second = report(folder.path(), &site.url("/docs"), &[]).await;
    assert_eq!(second["unchanged"], true);
    let asked = site.asked();
    assert!(asked[1..].iter().all(|(_, status)| matches!(status, 301 | 304)), "{asked:?}");
    // One page has changed, one is gone.
    site.page("/docs/torque", "The torque is measured in pound-feet.", &[]);
    site.remove("/docs/speed");
    let third = report(folder.path(), &site.url("/docs"), &[]).await;
    assert_eq!((third["pages"].as_u64(), third["added"].as_u64()), (Some(2), Some(1)), "{third}");
    assert!(third["warnings"][0]["message"].as_str().is_some_and(|text| text.contains("404")), "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sitemap_and_an_index_of_sitemaps_are_read() {
    let site = motors().await;
    site.page("/docs/hidden?x=1&y", "Only the sitemap knows this page.", &[]);
    let list = |paths: &[&str]| {
        let urls: String =
            paths.iter().map(|path| format!("<url><loc>{}</loc></url>", site.url(path))).collect();
        format!(
            "<?xml version='1.0'?><urlset>{urls}<url><loc>https://example.org/docs/x</loc></url></urlset>"
        )
    };
    site.put("/s/one.xml", "application/xml", &list(&["/docs/torque", "/docs/hidden?x=1&amp;y", "/blog"]));
    let index = format!(
        "<sitemapindex><sitemap><loc>{0}</loc></sitemap><sitemap><loc>{0}</loc></sitemap></sitemapindex>",
        site.url("/s/one.xml")
    );
    site.put("/s/all.xml", "text/xml", &index);
    site.put("/robots.txt", "text/plain", "Sitemap: /s/all.xml\n");
    let folder = TempDir::new().expect("a folder");
    let told = report(folder.path(), &site.url("/docs/"), &["--sitemap"]).await;
    assert_eq!(told["pages"], 2, "{told}");
    assert!(told.to_string().contains("1 addresses of other sites"), "{told}");
    // The sitemap itself, and the usual place for one.
    assert_eq!(report(folder.path(), &site.url("/s/all.xml"), &[]).await["pages"], 3);
    site.remove("/robots.txt");
    let other = TempDir::new().expect("a folder");
    let words = error(other.path(), &site.url("/docs/"), &["--sitemap"]).await;
    assert!(words.contains("no sitemap of") && words.contains("--sitemap"), "{words}");
    site.put("/sitemap.xml", "application/xml", &list(&["/docs/torque"]));
    assert_eq!(report(folder.path(), &site.url("/docs/"), &["--sitemap"]).await["pages"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sitemap_with_more_addresses_than_may_be_is_bounded() {
    let site = Site::start().await;
    let url = site.url("");
    let urls: String = (0..60_000).map(|n| format!("<url><loc>{url}/p/{n}</loc></url>")).collect();
    site.put("/sitemap.xml", "application/xml", &format!("<urlset>{urls}</urlset>"));
    // All but the first few pages are closed, so that the test need not fetch 50,000.
    site.put(
        "/robots.txt",
        "text/plain",
        "User-agent: docent\nDisallow: /p/\nAllow: /p/7$\nAllow: /p/55000$\n",
    );
    site.page("/p/7", "The seventh.", &[]);
    site.page("/p/55000", "Beyond.", &[]);
    let folder = TempDir::new().expect("a folder");
    let report = report(folder.path(), &site.url("/sitemap.xml"), &[]).await;
    assert_eq!(report["pages"], 1);
    assert!(report.to_string().contains("49999 pages are closed to programs"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_are_obeyed() {
    let site = motors().await;
    site.put("/robots.txt", "text/plain", "User-agent: *\nDisallow: /docs/sp\n");
    let folder = TempDir::new().expect("a folder");
    let some = report(folder.path(), &site.url("/docs/"), &[]).await;
    assert_eq!(some["pages"], 2);
    assert!(some.to_string().contains("1 pages are closed to programs by robots.txt"), "{some}");
    assert!(!paths(&site.asked()).contains(&"/docs/speed"));

    let other = TempDir::new().expect("a folder");
    site.put("/robots.txt", "text/plain", "User-agent: *\nDisallow: /\n");
    let words = error(other.path(), &site.url("/docs/"), &[]).await;
    assert!(words.contains("robots.txt") && words.contains("closes this address"), "{words}");
    site.fail("/robots.txt", StatusCode::SERVICE_UNAVAILABLE, 99);
    let words = error(other.path(), &site.url("/docs/"), &[]).await;
    assert!(words.contains("robots.txt cannot be read") && words.contains("503"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_and_links_never_lead_to_another_place() {
    let site = motors().await;
    let other = Site::start().await;
    other.page("/docs/secret", "Not for us.", &[]);
    for (path, to) in [
        ("/docs/away", other.url("/docs/secret")),
        ("/docs/private", "http://10.0.0.1/docs/".to_owned()),
        ("/docs/metadata", "http://169.254.169.254/latest/".to_owned()),
        ("/docs/scheme", "file:///etc/passwd".to_owned()),
        ("/docs/round", "/docs/round".to_owned()),
        ("/docs/beside", "/blog".to_owned()),
    ] {
        site.redirect(path, &to);
    }
    site.page(
        "/docs/",
        "All.",
        &["away", "private", "metadata", "scheme", "round", "beside", "torque", &other.url("/docs/secret")],
    );
    let folder = TempDir::new().expect("a folder");
    let report = report(folder.path(), &site.url("/docs/"), &[]).await;
    assert_eq!(report["pages"], 2, "{report}");
    let warnings = report["warnings"].to_string();
    for words in [
        "/docs/away redirects to",
        "10.0.0.1",
        "169.254.169.254",
        "file:///etc/passwd",
        "redirects too often",
    ] {
        assert!(warnings.contains(words), "{words}: {warnings}");
    }
    assert_eq!(other.asked(), []);

    let fresh = TempDir::new().expect("a folder");
    let words = error(fresh.path(), &site.url("/docs/away"), &[]).await;
    assert!(words.contains("another site; name that address"), "{words}");
    for url in
        ["http://10.0.0.1/", "http://[fd00::1]/", "http://192.168.1.1:8080/docs", "http://169.254.169.254/"]
    {
        let words = error(fresh.path(), url, &[]).await;
        assert!(words.contains("private address"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_where_it_was() {
    let site = Site::start().await;
    let all: Vec<String> = (0..300).map(|n| format!("/docs/{n}")).collect();
    let links: Vec<&str> = all.iter().map(String::as_str).collect();
    site.page("/docs/", "All.", &links);
    for path in &all {
        site.page(path, &format!("This is {path}."), &[]);
    }
    let folder = TempDir::new().expect("a folder");
    let mut command = docent(folder.path());
    command.args(["ingest", &site.url("/docs/"), "--pages-per-second", "100"]);
    let mut killed = Running::start(&mut command);
    eventually("40 pages", async || (site.count() > 40).then_some(())).await;
    killed.kill();
    let before = site.asked();
    let report = report(folder.path(), &site.url("/docs/"), &[]).await;
    assert_eq!(report["pages"], 301);
    let after = site.asked();
    let twice: BTreeSet<_> =
        after.iter().filter(|page| before.contains(page) && page.0 != "/robots.txt").collect();
    // The page that was under way at the kill may be asked for again.
    assert!(twice.len() <= 1, "{twice:?}");
    assert!(before.len() + after.len() <= 305);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_with_faults_is_read_as_far_as_it_answers() {
    let site = motors().await;
    site.fail("/docs/torque", StatusCode::SERVICE_UNAVAILABLE, 1);
    let folder = TempDir::new().expect("a folder");
    assert_eq!(report(folder.path(), &site.url("/docs/"), &[]).await["pages"], 3, "the second try helps");
    // A page that fails for the moment keeps its text of the last time.
    site.fail("/docs/speed", StatusCode::INTERNAL_SERVER_ERROR, 99);
    let kept = report(folder.path(), &site.url("/docs/"), &[]).await;
    assert_eq!((kept["pages"].as_u64(), kept["unchanged"].as_bool()), (Some(3), Some(true)));
    assert!(kept["warnings"].to_string().contains("text of the last time"), "{kept}");

    let index = std::fs::read(folder.path().join(".docent/index.docent")).expect("the index");
    let url = site.url("/docs/");
    drop(site);
    let output = beside(ingest(folder.path(), &url, &[])).await;
    assert_eq!(output.code, Some(66), "{}", output.stderr);
    assert!(output.stderr.contains("cannot be fetched"), "{}", output.stderr);
    // What was read before is served all the same.
    let mut command = docent(folder.path());
    let mut server = Running::start(command.args(["serve", &url]));
    let reply =
        http_client().get(format!("{}/api/search?q=torque", server.url())).send().await.expect("a reply");
    assert!(reply.text().await.expect("a text").contains("newton metres"));
    drop(server);
    assert_eq!(std::fs::read(folder.path().join(".docent/index.docent")).expect("the index"), index);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_told_or_left_out() {
    let site = Site::start().await;
    site.put(
        "/docs/",
        "text/html",
        &format!("<main><p>{}</p><a href=big>b</a><a href=data>d</a></main>", "word ".repeat(9)),
    );
    site.put("/docs/big", "text/html", &"x".repeat(6 * 1024 * 1024));
    site.put("/docs/data", "application/octet-stream", "\0\0");
    let folder = TempDir::new().expect("a folder");
    let report = report(folder.path(), &site.url("/docs/"), &[]).await;
    assert_eq!(report["pages"], 1);
    assert!(report["warnings"].to_string().contains("longer than 5 MB"), "{report}");

    let fresh = TempDir::new().expect("a folder");
    site.put("/empty", "text/html", "<div id=app></div><script src=app.js></script>");
    let words = error(fresh.path(), &site.url("/empty"), &[]).await;
    assert!(words.contains("no page with text"), "{words}");
    let words = error(fresh.path(), &site.url("/nowhere"), &[]).await;
    assert!(words.contains("/nowhere answered 404"), "{words}");
    for (url, words) in [("https://", "not a valid"), ("http://user:pw@a.org/", "user")] {
        let output = beside(ingest(fresh.path(), url, &[])).await;
        assert_eq!(output.code, Some(2), "{url}");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_can_be_served_and_inspected_and_not_watched() {
    let site = motors().await;
    let folder = TempDir::new().expect("a folder");
    let mut command = docent(folder.path());
    command.args(["serve", &site.url("/docs/")]);
    let mut server = Running::start(&mut command);
    let reply =
        http_client().get(format!("{}/api/search?q=torque", server.url())).send().await.expect("a reply");
    assert!(reply.text().await.expect("a text").contains("newton metres"));

    let mut inspect = docent(folder.path());
    inspect.args(["inspect", &site.url("/docs/"), "--json"]);
    let output = beside(inspect).await;
    let lines: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(
        lines.iter().any(|line| line["route"] == "/docs/torque" && line["anchor"] == "more"),
        "{lines:?}"
    );

    let mut asked = docent(folder.path());
    asked.args(["eval", "init", &site.url("/docs/"), "--set", "set", "--pages-per-second", "10000"]);
    assert!(beside(asked).await.stdout.contains("questions in set"));
    let mut asked = docent(folder.path());
    asked.args([
        "eval",
        "--set",
        "set",
        "--book",
        &site.url("/docs/"),
        "--pages-per-second",
        "10000",
        "--json",
    ]);
    let scores: Value = serde_json::from_str(&beside(asked).await.stdout).expect("JSON");
    let counts = (scores["counts"]["answerable"].as_u64(), scores["counts"]["missing_ids"].as_u64());
    assert_eq!(counts, (Some(2), Some(0)), "{scores}");
    assert_eq!(scores["settings"]["book"], site.url("/docs/"));

    let mut watch = docent(folder.path());
    watch.args(["serve", &site.url("/docs/"), "--watch"]);
    let output = beside(watch).await;
    assert!(output.code != Some(0) && output.stderr.contains("cannot be watched"), "{}", output.stderr);
}
