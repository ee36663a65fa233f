//! Texts that an attacker plants in a page or a selection: they are quoted or passed on as material, and change nothing
//! else. `injections.txt` holds them; each is a note on a page of its own, beside the fact that is asked for.

use doubles::GeminiDouble;
use serde_json::{Value, json};

use crate::support::{Setup, Transcript};

const PLANTED: &str = include_str!("injections.txt");

fn planted() -> Vec<&'static str> {
    PLANTED.split("\n----\n").map(str::trim).collect()
}

/// A name for each page that no other page holds.
fn name(place: usize) -> String {
    let letter = |number: usize| char::from(b'a' + (number % 26) as u8);
    format!("Mo{}{}tor", letter(place / 26), letter(place))
}

fn pages() -> Vec<(String, String)> {
    planted()
        .iter()
        .enumerate()
        .map(|(place, text)| {
            let name = name(place);
            let page = format!(
                "# {name}\n\n## Torque of {name}\n\nThe torque of {name} is {place} newton metres.\n\n{text}\n"
            );
            (format!("docs/note-{place}.md"), page)
        })
        .collect()
}

fn setup(pages: &[(String, String)]) -> Setup {
    let pages: Vec<(&str, &str)> = pages.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    Setup::new().with("DOCENT_ADDRESS_LIMIT", "0").book(&pages)
}

fn question(place: usize) -> Value {
    json!({"message": format!("What is the torque of {}?", name(place))})
}

/// What holds of every answer, whatever the page says.
fn check_answer(what: &str, answer: &Transcript) {
    // What no passage says may be named below the answer.
    let order = answer.order().replace(" notice", "");
    assert_eq!(order, "metadata sources token done", "{what}: {}", answer.raw);
    let text = answer.text();
    let done = answer.event("done");
    let sources = done["sources"].as_array().expect("sources");
    for source in sources {
        let href = source["href"].as_str().unwrap_or_default();
        assert!(href.starts_with("/docs/note-"), "{what}: {href}");
    }
    for marker in text.split('[').skip(1).filter_map(|rest| rest.split_once(']')?.0.parse::<u64>().ok()) {
        assert!(sources.iter().any(|source| source["n"] == marker), "{what}: marker {marker} in {text}");
    }
    // HTML is text to whoever shows an answer; Markdown is not.
    for link in ["](http", "](javascript"] {
        assert!(!text.contains(link), "{what}: {text}");
    }
}

#[test]
fn there_are_enough() {
    let texts = planted();
    assert!(texts.len() >= 40, "{}", texts.len());
    assert!(texts.iter().all(|text| !text.is_empty()));
}

#[tokio::test]
async fn planted_texts_do_not_turn_the_books_own_sentences() {
    let server = setup(&pages()).start().await;
    for (place, text) in planted().iter().enumerate() {
        let answer = server.ask(&question(place)).await;
        check_answer(text, &answer);
        let fact = format!("{} is {place} newton metres", name(place));
        assert!(answer.text().contains(&fact), "{text}: {}", answer.text());
        assert_eq!(answer.event("done")["outcome"], "answered", "{text}");
    }
}

#[tokio::test]
async fn planted_texts_stay_material_in_a_models_prompt() {
    let gemini = GeminiDouble::start().await;
    let server = setup(&pages()).gemini(&gemini).start().await;
    let mut rules: Option<String> = None;
    for (place, text) in planted().iter().enumerate() {
        gemini.reset();
        // A model that obeys: it says what the page told it to.
        gemini.answer_always(&format!("The torque is {place} newton metres [1]. {text} [99]"));
        let answer = server.ask(&question(place)).await;
        check_answer(text, &answer);
        let body = gemini.requests().pop().expect("a call").body;
        let system = body["systemInstruction"].to_string();
        assert_eq!(rules.get_or_insert_with(|| system.clone()), &system, "{text}: the rules changed");
        check_tags(text, &last_turn(&body), "passage");
    }
}

#[tokio::test]
async fn planted_texts_stay_material_in_a_selection() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().with("DOCENT_ADDRESS_LIMIT", "0").gemini(&gemini).start().await;
    let mut rules: Option<String> = None;
    for text in planted() {
        gemini.reset();
        let selection = format!("The pump moves water. {text}");
        let asked = json!({"message": "What does the pump move?", "mode": "selection", "context": selection});
        server.ask(&asked).await;
        let body = gemini.requests().pop().expect("a call").body;
        let system = body["systemInstruction"].to_string();
        assert_eq!(rules.get_or_insert_with(|| system.clone()), &system, "{text}: the rules changed");
        check_tags(text, &last_turn(&body), "selection");
    }
}

fn last_turn(body: &Value) -> String {
    let turns = body["contents"].as_array().expect("turns");
    turns.last().expect("a turn")["parts"][0]["text"].as_str().expect("text").to_owned()
}

/// Every tag that opens closes, and there is one question, at the end.
fn check_tags(what: &str, prompt: &str, tag: &str) {
    let lowered = prompt.to_lowercase();
    let count = |needle: &str| lowered.matches(needle).count();
    assert!(count(&format!("<{tag}")) >= 1, "{what}: {prompt}");
    assert_eq!(count(&format!("<{tag}")), count(&format!("</{tag}>")), "{what}: {prompt}");
    assert_eq!((count("<question"), count("</question")), (1, 1), "{what}: {prompt}");
    let other = if tag == "passage" { "<selection" } else { "<passage" };
    assert_eq!(count(other), 0, "{what}: {prompt}");
    assert!(prompt.ends_with("</question>"), "{what}: {prompt}");
}
