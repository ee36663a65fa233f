//! One HTML page about a run: figures, plots as inline SVG, and every question. It loads nothing from anywhere.

use std::fmt::Write as _;

use super::scores::{Detail, Scores};
use super::set::Style;

/// Bars of a histogram.
const BINS: usize = 20;

/// Size of a plot in pixels.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 180.0;

pub(super) const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430}\
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #d8dde4;vertical-align:top}\
.n{text-align:right;font-variant-numeric:tabular-nums}.bad{background:#fdeceb}figure{display:inline-block;margin:1rem 2rem 1rem 0}\
figcaption{font-size:.9rem}.in{fill:#2f6fb2}.out{fill:#d9822b}.line{fill:none;stroke:#2f6fb2;stroke-width:2}.axis{stroke:#8894a3;stroke-width:1}\
svg text{font:12px system-ui,sans-serif;fill:#48535f}.wide{overflow-x:auto}summary{cursor:pointer;padding:.4rem 0}\
svg{max-width:100%;height:auto}@media(prefers-color-scheme:dark){body{background:#12161c;color:#e3e8ee}td,th{border-color:#36404c}\
.bad{background:#47241f}.in{fill:#6ea8e0}.out{fill:#eda35d}.line{stroke:#6ea8e0}svg text{fill:#aeb9c5}}";

/// The page.
pub fn html(scores: &Scores, details: &[Detail]) -> String {
    let mut page = String::new();
    let settings = &scores.settings;
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Evaluation of {set}</title><style>{STYLE}</style>\n<h1>Evaluation of {set}</h1>\n\
         <p>{} questions, {} answerable, {} chunks, level {:?}, embedder {}, answers by {}.</p>\n",
        scores.counts.queries,
        scores.counts.answerable,
        scores.counts.chunks,
        settings.level,
        escaped(&settings.embedder),
        escaped(&settings.generator),
        set = escaped(&settings.set),
    );
    page.push_str("<table><tr><th>measure<th class=\"n\">value</tr>\n");
    for figure in scores.figures() {
        if let Some(value) = figure.value {
            let _ = writeln!(page, "<tr><td>{}<td class=\"n\">{value:.3}</tr>", figure.people);
        }
    }
    let latency = scores.latency_ms;
    let _ = write!(
        page,
        "<tr><td>query p50<td class=\"n\">{:.2} ms</tr>\n<tr><td>query p95<td class=\"n\">{:.2} ms</tr></table>\n",
        latency.p50, latency.p95
    );
    page.push_str(&trust_plot(details));
    page.push_str(&roc_plot(details));
    page.push_str(&rank_plot(details));
    page.push_str("<h2>Questions</h2>\n<table><tr><th>question<th>tests<th>verdict<th class=\"n\">trust<th class=\"n\">nDCG@10<th>first results</tr>\n");
    for detail in details {
        let missed = detail.refused == detail.answerable
            || detail.ranking.is_some_and(|ranking| ranking.recall_10 == 0.0);
        let ndcg = detail.ranking.map_or("–".to_owned(), |ranking| format!("{:.2}", ranking.ndcg_10));
        let results: Vec<String> = detail.results.iter().take(3).map(|id| escaped(id)).collect();
        let _ = writeln!(
            page,
            "<tr{}><td>{}<td>{}<td>{}<td class=\"n\">{:.2}<td class=\"n\">{ndcg}<td>{}</tr>",
            if missed { " class=\"bad\"" } else { "" },
            escaped(&detail.text),
            words(&format!("{:?}", detail.style)),
            words(&format!("{:?}", detail.verdict)),
            detail.trust,
            results.join("<br>"),
        );
    }
    page.push_str("</table>\n</html>\n");
    page
}

/// How the trust is spread over answerable questions and over those out of scope.
pub(super) fn trust_plot(details: &[Detail]) -> String {
    let shares = |answerable: bool| -> Vec<f64> {
        let trusts = of_scope(details).filter(|detail| detail.answerable == answerable);
        let mut bins = vec![0.0; BINS];
        for detail in trusts {
            bins[((f64::from(detail.trust) * BINS as f64) as usize).min(BINS - 1)] += 1.0;
        }
        let whole: f64 = bins.iter().sum::<f64>().max(1.0);
        bins.into_iter().map(|count| count / whole).collect()
    };
    let (inside, outside) = (shares(true), shares(false));
    let most = inside.iter().chain(&outside).copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = WIDTH / BINS as f64;
    let mut plot = String::new();
    for (class, bins, shift) in [("in", &inside, 0.0), ("out", &outside, bar / 2.0)] {
        for (place, share) in bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let height = share / most * HEIGHT;
            let _ = write!(
                plot,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                place as f64 * bar + shift,
                HEIGHT - height,
                bar / 2.0 - 1.0
            );
        }
    }
    figure(&plot, "Trust in the evidence, 0 to 1: answerable questions (blue), out of scope (orange)")
}

/// Refused of the unanswerable against refused of the answerable, over all thresholds.
pub(super) fn roc_plot(details: &[Detail]) -> String {
    let mut trusts: Vec<(f32, bool)> =
        of_scope(details).map(|detail| (detail.trust, detail.answerable)).collect();
    trusts.sort_by(|one, other| one.0.total_cmp(&other.0));
    let of = |answerable: bool| trusts.iter().filter(|(_, is)| *is == answerable).count() as f64;
    let (inside, outside) = (of(true), of(false));
    if inside == 0.0 || outside == 0.0 {
        return String::new();
    }
    let (mut wrong, mut right) = (0.0, 0.0);
    let mut points = format!("0,{HEIGHT}");
    for (_, answerable) in &trusts {
        if *answerable {
            wrong += 1.0;
        } else {
            right += 1.0;
        }
        let _ = write!(points, " {:.1},{:.1}", wrong / inside * WIDTH, HEIGHT - right / outside * HEIGHT);
    }
    figure(
        &format!("<polyline class=\"line\" points=\"{points}\"/>"),
        "Refused of those out of scope (upwards) against refused of the answerable (rightwards), over all thresholds",
    )
}

/// At which rank the first relevant result stands.
pub(super) fn rank_plot(details: &[Detail]) -> String {
    let ranked: Vec<f64> =
        details.iter().filter_map(|detail| detail.ranking).map(|ranking| ranking.mrr_10).collect();
    if ranked.is_empty() {
        return String::new();
    }
    let bar = WIDTH / 11.0;
    let mut plot = String::new();
    for rank in 1..=11usize {
        let count = ranked
            .iter()
            .filter(|mrr| if rank == 11 { **mrr == 0.0 } else { (**mrr - 1.0 / rank as f64).abs() < 1e-9 })
            .count();
        let height = count as f64 / ranked.len() as f64 * (HEIGHT - 16.0);
        let name = if rank == 11 { "none".to_owned() } else { rank.to_string() };
        let x = (rank - 1) as f64 * bar;
        let _ = write!(
            plot,
            "<rect class=\"in\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>\
             <text x=\"{:.1}\" y=\"{HEIGHT}\">{name}</text>",
            HEIGHT - 16.0 - height,
            bar - 4.0,
            x + 2.0,
        );
    }
    figure(&plot, "Rank of the first relevant result, share of the judged questions")
}

fn of_scope(details: &[Detail]) -> impl Iterator<Item = &Detail> {
    details.iter().filter(|detail| detail.style != Style::Adversarial)
}

fn figure(plot: &str, caption: &str) -> String {
    format!(
        "<figure><svg role=\"img\" aria-label=\"{caption}\" width=\"{WIDTH}\" height=\"{}\" viewBox=\"-1 -4 {} {}\">\
         <path class=\"axis\" fill=\"none\" d=\"M0 0V{HEIGHT}H{WIDTH}\"/>{plot}</svg><figcaption>{caption}</figcaption></figure>\n",
        HEIGHT + 8.0,
        WIDTH + 2.0,
        HEIGHT + 8.0
    )
}

/// `OutOfScope` → `out of scope`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (place, character) in name.char_indices() {
        if character.is_uppercase() && place > 0 {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// Text inside an element or an attribute of HTML or XML; characters that XML does not allow are dropped.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => out.push(other),
        }
    }
    out
}
