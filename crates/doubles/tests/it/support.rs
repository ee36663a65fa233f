//! What the tests share: clients with short limits, a prompt, and a way to write down what a stream said.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docent::providers::{
    Delta, DeltaStream, Gemini, GeminiOptions, OpenAi, OpenAiOptions, Prompt, PromptRole, PromptTurn,
    ProviderError, Secret, ThinkingLevel, http_client,
};
use doubles::{GeminiDouble, OpenAiDouble};
use futures_util::StreamExt;

/// Long enough for a loaded machine, short enough for a test that waits for it.
pub const SHORT: Duration = Duration::from_secs(1);

pub fn gemini_options(double: &GeminiDouble) -> GeminiOptions {
    GeminiOptions {
        base_url: double.base_url(),
        key: Secret::new(double.key()),
        models: vec!["gemini-3.5-flash-lite".to_owned(), "gemini-3.8-flash".to_owned()],
        dimensions: 64,
        thinking: Some(ThinkingLevel::Low),
        time_budget: Duration::from_secs(20),
        first_byte_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        ..GeminiOptions::default()
    }
}

pub fn gemini(double: &GeminiDouble) -> Gemini {
    Gemini::new(http_client(), gemini_options(double))
}

pub fn openai_options(double: &OpenAiDouble) -> OpenAiOptions {
    OpenAiOptions {
        base_url: double.base_url(),
        key: Some(Secret::new(double.key())),
        model: OpenAiDouble::MODEL.to_owned(),
        embedding_model: OpenAiDouble::EMBEDDING_MODEL.to_owned(),
        time_budget: Duration::from_secs(20),
        first_byte_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        ..OpenAiOptions::default()
    }
}

pub fn openai(double: &OpenAiDouble) -> OpenAi {
    OpenAi::new(http_client(), openai_options(double))
}

pub fn prompt(question: &str) -> Prompt {
    Prompt {
        system: "Answer from the passages only.".to_owned(),
        turns: vec![PromptTurn { role: PromptRole::User, text: question.to_owned() }],
        max_tokens: 2048,
    }
}

/// Writes a whole answer down: its text, then ` | ` and each further delta or the error's kind.
pub async fn told(outcome: Result<DeltaStream, ProviderError>) -> String {
    let mut stream = match outcome {
        Ok(stream) => stream,
        Err(error) => return format!("refused: {}", error.kind()),
    };
    let mut told = String::new();
    while let Some(delta) = stream.next().await {
        match delta {
            Ok(Delta::Text(text)) => told.push_str(&text),
            Ok(Delta::Usage(usage)) => told.push_str(&format!(
                " | {}+{}+{}",
                usage.prompt_tokens, usage.thought_tokens, usage.answer_tokens
            )),
            Ok(Delta::Finished(reason)) => told.push_str(&format!(" | {reason:?}")),
            Err(error) => told.push_str(&format!(" | {}", error.kind())),
        }
    }
    told
}

/// Says that a test was left out for want of `remedy`. The line is seen although the test passes; with
/// `DOCENT_TEST_ALL=1` nothing may be left out.
pub fn skip(what: &str, remedy: &str) {
    assert!(std::env::var("DOCENT_TEST_ALL").as_deref() != Ok("1"), "{what} is required: {remedy}");
    // Not by a macro: those are captured by the test harness.
    let _ = writeln!(std::io::stderr(), "skipped {what}: {remedy}");
}

/// The Python of an environment that a `setup.sh` made in `folder`. `None`, with a word, when there is none or when it
/// was made for other requirements than `requirements.txt` names now.
pub fn python(folder: &Path, what: &str) -> Option<PathBuf> {
    // The script copies the file last: equal files mean that all of it is installed.
    let installed = std::fs::read(folder.join(".venv/requirements.txt")).ok();
    let remedy = match (&installed, std::fs::read(folder.join("requirements.txt")).ok()) {
        (None, _) => "first",
        (installed, wanted) if *installed != wanted => "again: its requirements have changed",
        _ => return Some(folder.join(".venv/bin/python")),
    };
    skip(what, &format!("run {} {remedy}", folder.join("setup.sh").display()));
    None
}
