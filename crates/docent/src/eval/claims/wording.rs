//! A question and its answer as a statement, in the way that a model says it: "What did the Normans give their name to?"
//! and "Normandy" become "The Normans gave their name to Normandy".
//!
//! A few rules for English questions. What comes out is not always good grammar, but holds the words that a model's
//! sentence holds.

/// Longest answer that is put into a question.
const LONGEST_ANSWER: usize = 8;

/// The statement; `None` when the question is not of a kind that the rules know.
pub(super) fn statement(question: &str, answer: &str) -> Option<String> {
    let answer = answer.trim().trim_end_matches('.');
    if answer.split_whitespace().count() > LONGEST_ANSWER {
        return None;
    }
    let words: Vec<&str> = question.trim().trim_end_matches(['?', '.', ' ']).split_whitespace().collect();
    let asks = words.iter().position(|word| ASKING.contains(&word.to_lowercase().as_str()))?;
    let asking = words[asks].to_lowercase();
    if asking == "why" || words.len() < 4 {
        return None;
    }
    let before = &words[..asks];
    let behind = &words[asks + 1..];
    // "which Irish cities", "how many parts": the asking words reach up to the verb.
    let verb = behind.iter().position(|word| AUXILIARIES.contains(&word.to_lowercase().as_str()));
    // "what is", "who was", and "in what year did".
    let said = match verb {
        Some(verb) => {
            let noun = &behind[..verb];
            let auxiliary = behind[verb].to_lowercase();
            let rest = &behind[verb + 1..];
            if before.len() > 2 {
                // "… is dealt with by whom": the answer takes the place of the asking words.
                [before.join(" "), answer.to_owned(), behind.join(" ")].join(" ")
            } else if matches!(auxiliary.as_str(), "did" | "does" | "do") {
                // A preposition in front of the asking words goes with the answer, and so does what is counted.
                let counted =
                    if asking == "how" { noun.get(1..).unwrap_or_default().join(" ") } else { String::new() };
                let counted = if answer.contains(&counted) { "" } else { &counted };
                let action = past(rest, auxiliary == "did");
                [&action, &before.join(" ").to_lowercase(), answer, counted].join(" ")
            } else if let Some(participle) =
                rest.iter().position(|word| is_participle(word)).filter(|at| *at > 0)
            {
                let (subject, action) = rest.split_at(participle);
                let action = action.join(" ");
                [subject.join(" "), auxiliary, action, before.join(" ").to_lowercase(), answer.to_owned()]
                    .join(" ")
            } else if asking == "how" && !noun.is_empty() {
                [answer.to_owned(), noun[1..].join(" "), auxiliary, rest.join(" ")].join(" ")
            } else if matches!(asking.as_str(), "where" | "when" | "how") {
                [rest.join(" "), auxiliary, answer.to_owned()].join(" ")
            } else {
                [before.join(" "), answer.to_owned(), auxiliary, rest.join(" ")].join(" ")
            }
        }
        // "Who ruled France", "Which region invented the machine gun".
        None => {
            let skipped = match asking.as_str() {
                "who" | "whom" | "when" | "where" => 0,
                "how" => 2,
                _ => 1,
            };
            let rest = behind.get(skipped..).unwrap_or_default();
            [before.join(" "), answer.to_owned(), rest.join(" ")].join(" ")
        }
    };
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = said.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

/// The verb behind "did" in the past; a regular one has the same stem anyway.
fn past(words: &[&str], is_past: bool) -> String {
    let changed = words.iter().map(|word| {
        let known = IRREGULAR.iter().find(|(now, _)| is_past && now == word);
        known.map_or(*word, |(_, then)| *then)
    });
    changed.collect::<Vec<_>>().join(" ")
}

fn is_participle(word: &str) -> bool {
    (word.ends_with("ed") && word.len() > 4) || PARTICIPLES.contains(&word)
}

const ASKING: &[&str] = &["who", "whom", "what", "which", "where", "when", "how", "why"];

const AUXILIARIES: &[&str] = &[
    "is", "are", "was", "were", "did", "does", "do", "has", "have", "had", "can", "could", "will", "would",
    "may", "might", "should", "must",
];

const PARTICIPLES: &[&str] = &[
    "born", "built", "made", "known", "found", "held", "given", "taken", "written", "won", "lost", "left",
    "seen", "sent", "set", "put", "led", "kept", "called", "used", "begun", "chosen", "drawn", "grown",
    "shown", "spoken", "thought", "taught", "brought", "bought", "sold", "told", "paid", "spent", "formed",
];

const IRREGULAR: &[(&str, &str)] = &[
    ("begin", "began"),
    ("become", "became"),
    ("give", "gave"),
    ("take", "took"),
    ("win", "won"),
    ("lose", "lost"),
    ("make", "made"),
    ("come", "came"),
    ("go", "went"),
    ("have", "had"),
    ("get", "got"),
    ("find", "found"),
    ("think", "thought"),
    ("say", "said"),
    ("see", "saw"),
    ("know", "knew"),
    ("lead", "led"),
    ("leave", "left"),
    ("write", "wrote"),
    ("build", "built"),
    ("hold", "held"),
    ("fall", "fell"),
    ("rise", "rose"),
    ("grow", "grew"),
    ("send", "sent"),
    ("meet", "met"),
    ("sell", "sold"),
    ("buy", "bought"),
    ("bring", "brought"),
    ("fight", "fought"),
    ("choose", "chose"),
    ("speak", "spoke"),
    ("teach", "taught"),
    ("tell", "told"),
    ("feel", "felt"),
    ("keep", "kept"),
    ("mean", "meant"),
    ("run", "ran"),
];

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn questions_become_statements() {
        for (question, answer, said) in [
            (
                "Which Irish cities had large Huguenot enclaves?",
                "Dublin and Cork",
                "Dublin and Cork had large Huguenot enclaves",
            ),
            (
                "What did the Normans give their name to?",
                "Normandy",
                "The Normans gave their name to Normandy",
            ),
            ("When was the Tower of London built?", "1078", "The Tower of London was built 1078"),
            ("In what year did the war begin?", "1914", "The war began in 1914"),
            ("Who ruled the duchy?", "Richard I", "Richard I ruled the duchy"),
            ("Where is the harbour of Warsaw?", "on the Vistula", "The harbour of Warsaw is on the Vistula"),
            ("Which region invented the machine gun?", "Europe", "Europe invented the machine gun"),
            (
                "Most of transport safety is dealt with by whom?",
                "Westminster",
                "Most of transport safety is dealt with by Westminster",
            ),
            ("How many parts does the bill have?", "two", "The bill have two parts"),
        ] {
            assert_eq!(statement(question, answer).as_deref(), Some(said), "{question}");
        }
        assert_eq!(statement("Why did it begin?", "greed"), None);
    }
}
