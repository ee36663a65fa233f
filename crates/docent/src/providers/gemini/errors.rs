//! What Gemini's errors mean. They are classified by status, by the reason in their details and by the id of the quota;
//! the wording is read only where Google put the fact nowhere else.

use std::time::Duration;

use serde_json::Value;

use super::super::error::tidy;
use super::super::retry::parse_duration;
use super::super::{ModelUse, Provider, ProviderError};
use super::{KEY_VARIABLE, PROVIDER};
use crate::secret::Secret;

/// Reasons (of `google.rpc.ErrorInfo`) that mean: this key will not do, whatever the status says.
const KEY_REASONS: &[&str] = &[
    "API_KEY_INVALID",
    "API_KEY_EXPIRED",
    "API_KEY_SERVICE_BLOCKED",
    "API_KEY_HTTP_REFERRER_BLOCKED",
    "API_KEY_IP_ADDRESS_BLOCKED",
    "API_KEY_ANDROID_APP_BLOCKED",
    "API_KEY_IOS_APP_BLOCKED",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    "CREDENTIALS_MISSING",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "SERVICE_DISABLED",
];

/// The call whose failure is to be understood.
pub(super) struct Failure<'a> {
    /// Model that was asked.
    pub(super) model: &'a str,
    /// Variable that named it.
    pub(super) model_variable: &'static str,
    /// Key that was sent; Google repeats it in some messages.
    pub(super) key: &'a Secret,
}

impl Failure<'_> {
    /// Classifies a reply of `status` with `body`; `retry_after` is the header's.
    pub(super) fn classify(&self, status: u16, body: &[u8], retry_after: Option<Duration>) -> ProviderError {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        match parsed.as_ref().and_then(unwrap_error) {
            Some(error) => self.classify_error(status, error, retry_after),
            None => {
                let text = tidy(&self.key.redact(&String::from_utf8_lossy(body)));
                // A page of markup says less than the status.
                let words = if text.starts_with('<') { String::new() } else { text };
                self.by_status(status, &words, retry_after)
            }
        }
    }

    /// Classifies the `error` object of a reply or of an event; its own code stands over `status`.
    pub(super) fn classify_error(
        &self,
        status: u16,
        error: &Value,
        retry_after: Option<Duration>,
    ) -> ProviderError {
        let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = code.filter(|code| (400..600).contains(code)).unwrap_or(status);
        let raw = error.get("message").and_then(Value::as_str).unwrap_or_default();
        let message = self.key.redact(raw);
        if let Some(reason) = details(error)
            .filter_map(|detail| detail.get("reason")?.as_str())
            .find(|reason| KEY_REASONS.contains(reason))
        {
            return self.unauthorized(&format!("{reason}: {message}"));
        }
        if status == 429 {
            return ProviderError::RateLimited {
                provider: PROVIDER,
                retry_after: retry_delay(error).or(retry_after).or_else(|| delay_in_words(raw)),
                daily: is_daily(error, raw),
            };
        }
        // Without details a bad key can be told from a bad field by its words only.
        if status == 400
            && ["API key not valid", "API key expired", "API Key not found"]
                .iter()
                .any(|words| raw.contains(words))
        {
            return self.unauthorized(&message);
        }
        let fields: Vec<String> = details(error)
            .filter_map(|detail| detail.get("fieldViolations")?.as_array())
            .flatten()
            .filter_map(|violation| violation.get("field")?.as_str())
            .map(str::to_owned)
            .collect();
        let message =
            if fields.is_empty() { message } else { format!("{message} (fields: {})", fields.join(", ")) };
        self.by_status(status, &message, retry_after)
    }

    fn by_status(&self, status: u16, message: &str, retry_after: Option<Duration>) -> ProviderError {
        let provider = PROVIDER;
        let message = tidy(message);
        let detail =
            if message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {message}") };
        match status {
            401 | 403 => self.unauthorized(&detail),
            404 => ProviderError::NotFound {
                provider,
                model: self.model.to_owned(),
                variable: self.model_variable,
            },
            429 => ProviderError::RateLimited { provider, retry_after, daily: false },
            // 501 is left out: what is not there now will not be there in a second.
            408 | 499 | 500 | 502.. => ProviderError::Unavailable { provider, detail },
            300..=399 => ProviderError::BadResponse {
                provider,
                detail: format!("HTTP {status}: it redirects to another host; check the configured address"),
            },
            _ => ProviderError::BadRequest { provider, detail },
        }
    }

    fn unauthorized(&self, detail: &str) -> ProviderError {
        ProviderError::Unauthorized { provider: PROVIDER, variable: KEY_VARIABLE, detail: tidy(detail) }
    }
}

/// The `error` object of `{"error": …}` or `[{"error": …}]`.
pub(super) fn unwrap_error(reply: &Value) -> Option<&Value> {
    let reply = reply.as_array().map_or(Some(reply), |list| list.first())?;
    reply.get("error").filter(|error| error.is_object())
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

fn retry_delay(error: &Value) -> Option<Duration> {
    details(error).find_map(|detail| parse_duration(detail.get("retryDelay")?.as_str()?))
}

/// `… Please retry in 23.47s.`: said in words also where the details are missing.
fn delay_in_words(message: &str) -> Option<Duration> {
    let words = message.split("retry in ").nth(1)?.split_whitespace().next()?;
    parse_duration(words.trim_end_matches(['.', ',']))
}

/// A quota of the day, or one of zero (a model that this account may not use): waiting a minute helps with neither.
fn is_daily(error: &Value, message: &str) -> bool {
    let mut violations =
        details(error).filter_map(|detail| detail.get("violations")?.as_array()).flatten().peekable();
    let none_at_all = violations.peek().is_none();
    let spent = violations.any(|violation| {
        let id = violation.get("quotaId").and_then(Value::as_str).unwrap_or_default();
        id.contains("PerDay") || violation.get("quotaValue").and_then(Value::as_str) == Some("0")
    });
    let zero = message
        .split("limit: 0")
        .nth(1)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
    spent || zero || (none_at_all && message.contains("per day"))
}

/// Whether a model refused the thinking setting; its next version may know other levels.
pub(super) fn refuses_thinking_level(error: &ProviderError) -> bool {
    matches!(error, ProviderError::BadRequest { provider: Provider::Gemini, detail }
        if detail.to_ascii_lowercase().contains("thinking"))
}

const EATEN: &str = "all output tokens went into thinking";

/// A complete answer without a word, for lack of room.
pub(super) fn eaten_by_thinking() -> ProviderError {
    let detail = format!("{EATEN}; lower the thinking level or raise the limit");
    ProviderError::BadResponse { provider: PROVIDER, detail }
}

/// Whether it was [`eaten_by_thinking`].
pub(super) fn was_eaten_by_thinking(error: &ProviderError) -> bool {
    matches!(error, ProviderError::BadResponse { detail, .. } if detail.starts_with(EATEN))
}

/// What in a model's description deserves a warning.
pub(super) fn model_warning(description: &Value, used_for: ModelUse) -> Option<String> {
    let methods = description.get("supportedGenerationMethods").and_then(Value::as_array);
    let wanted = match used_for {
        ModelUse::Chat => "generateContent",
        ModelUse::Embedding => "embedContent",
    };
    if let Some(methods) = methods
        && !methods.iter().any(|method| method == wanted)
    {
        return Some(format!("does not list {wanted}"));
    }
    let stage = description.get("modelStage").and_then(Value::as_str).unwrap_or_default();
    ["LEGACY", "DEPRECATED", "RETIRED"].contains(&stage).then(|| format!("is {}", stage.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn classify(status: u16, body: &str) -> ProviderError {
        let key = Secret::new("AQ.k3y");
        Failure { model: "gemini-x", model_variable: "GEMINI_MODEL", key: &key }.classify(
            status,
            body.as_bytes(),
            None,
        )
    }

    fn quota(quota_id: &str, value: &str, delay: &str) -> String {
        json!({"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id, "quotaValue": value}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}})
        .to_string()
    }

    #[test]
    fn quotas_are_told_apart() {
        let check = |body: &str, seconds: Option<f64>, expected_daily: bool| {
            let ProviderError::RateLimited { retry_after, daily, .. } = classify(429, body) else {
                panic!("not a limit: {body}")
            };
            assert_eq!(retry_after, seconds.map(Duration::from_secs_f64), "{body}");
            assert_eq!(daily, expected_daily, "{body}");
        };
        check(&quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "5", "23s"), Some(23.0), false);
        check(
            &quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "5", "23.5s"),
            Some(23.5),
            false,
        );
        check(&quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20", "2s"), Some(2.0), true);
        check(&quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0", "2s"), Some(2.0), true);
        check(r#"[{"error": {"code": 429, "message": "Quota. Please retry in 7.25s."}}]"#, Some(7.25), false);
        check(r#"{"error": {"code": 429, "message": "exceeded, limit: 0, model: gemini-x"}}"#, None, true);
        check(r#"{"error": {"code": 429, "message": "exceeded, limit: 05"}}"#, None, false);
        check(r#"{"error": {"code": 429, "message": "requests per day"}}"#, None, true);
        check("slow down", None, false);
    }

    #[test]
    fn keys_are_named_and_never_shown() {
        let check = |status: u16, body: &str| {
            let error = classify(status, body);
            assert_eq!(error.kind(), "unauthorized", "{body}");
            assert!(error.to_string().contains("GEMINI_API_KEY"), "{error}");
            assert!(!error.to_string().contains("AQ.k3y"), "{error}");
        };
        check(
            400,
            r#"{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
                "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}"#,
        );
        check(400, r#"{"error": {"code": 400, "message": "API key expired. Please renew the API key."}}"#);
        check(401, r#"{"error": {"code": 401, "status": "UNAUTHENTICATED"}}"#);
        check(403, r#"{"error": {"code": 403, "message": "Consumer 'api_key:AQ.k3y' has been suspended."}}"#);
        check(403, "<html>AQ.k3y</html>");
        check(403, "AQ.k3y is blocked");
    }

    #[test]
    fn other_failures_keep_their_kind() {
        let check = |status: u16, body: &str, expected: &str| {
            let error = classify(status, body);
            assert_eq!(error.to_string(), expected, "{status} {body}");
        };
        check(
            404,
            r#"{"error": {"code": 404, "message": "models/gemini-x is not found for API version v1beta", "status": "NOT_FOUND"}}"#,
            "Gemini has no model \"gemini-x\"; check GEMINI_MODEL",
        );
        check(
            503,
            r#"{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}"#,
            "Gemini is unavailable: HTTP 503: The model is overloaded.",
        );
        check(
            400,
            r#"{"error": {"code": 400, "message": "Invalid value", "details": [
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "contents", "description": "x"}]}]}}"#,
            "Gemini rejected the request: HTTP 400: Invalid value (fields: contents)",
        );
        check(
            400,
            r#"{"error": {"code": 400, "message": "User location is not supported for the API use.", "status": "FAILED_PRECONDITION"}}"#,
            "Gemini rejected the request: HTTP 400: User location is not supported for the API use.",
        );
        check(504, "", "Gemini is unavailable: HTTP 504");
        check(501, "", "Gemini rejected the request: HTTP 501");
        check(502, "<html>bad gateway</html>", "Gemini is unavailable: HTTP 502");
        check(500, "{\"error\": 5}", "Gemini is unavailable: HTTP 500: {\"error\": 5}");
        check(
            307,
            "",
            "Gemini sent an unusable reply: HTTP 307: it redirects to another host; check the configured address",
        );
    }

    #[test]
    fn a_refused_thinking_level_is_recognised() {
        let refused = classify(
            400,
            r#"{"error": {"code": 400, "message": "Thinking level MINIMAL is not supported for this model."}}"#,
        );
        assert!(refuses_thinking_level(&refused));
        assert!(!refuses_thinking_level(&classify(400, "{}")));
    }

    #[test]
    fn descriptions_give_warnings() {
        let check = |description: Value, used_for, expected: Option<&str>| {
            assert_eq!(model_warning(&description, used_for).as_deref(), expected, "{description}");
        };
        let methods = json!(["generateContent", "countTokens"]);
        check(json!({"supportedGenerationMethods": methods}), ModelUse::Chat, None);
        check(
            json!({"supportedGenerationMethods": methods}),
            ModelUse::Embedding,
            Some("does not list embedContent"),
        );
        check(json!({"modelStage": "DEPRECATED"}), ModelUse::Chat, Some("is deprecated"));
        check(json!({}), ModelUse::Chat, None);
    }
}
