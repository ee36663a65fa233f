//! Gemini's errors, in its shape and words, with the details by which a client can tell them apart.

use serde_json::{Value, json};

use super::schema::Violation;
use crate::fault::Quota;

/// An error to be sent: HTTP status and body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    /// HTTP status, equal to the code inside.
    pub(super) code: u16,
    /// `{"error": …}`
    pub(super) body: Value,
}

impl ApiError {
    /// Any error with a message and no details.
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        Self::with_details(code, message, Value::Null)
    }

    fn with_details(code: u16, message: impl Into<String>, details: Value) -> Self {
        let mut body =
            json!({ "error": { "code": code, "message": message.into(), "status": status_word(code) } });
        if !details.is_null() {
            body["error"]["details"] = details;
        }
        Self { code, body }
    }

    /// The error of this status as the API words it when it happens by itself.
    pub(super) fn of_status(code: u16) -> Self {
        let message = match code {
            401 => {
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                 valid authentication credential."
            }
            403 => "The caller does not have permission",
            404 => "Requested entity was not found.",
            429 => "Resource has been exhausted (e.g. check quota).",
            500 => {
                "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"
            }
            503 => {
                "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later."
            }
            504 => "The request timed out. Please try again.",
            _ => "Request contains an invalid argument.",
        };
        Self::new(code, message)
    }

    /// Refused fields.
    pub(super) fn bad_fields(violations: &[Violation]) -> Self {
        let lines: Vec<&str> = violations.iter().map(|violation| violation.description.as_str()).collect();
        let fields: Vec<Value> = violations
            .iter()
            .map(|violation| json!({ "field": violation.field, "description": violation.description }))
            .collect();
        let details =
            json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields }]);
        Self::with_details(400, lines.join("\n"), details)
    }

    /// A key that is none.
    pub(super) fn bad_key() -> Self {
        Self::with_details(
            400,
            "API key not valid. Please pass a valid API key.",
            json!([
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": { "service": "generativelanguage.googleapis.com" }
                },
                {
                    "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                    "locale": "en-US",
                    "message": "API key not valid. Please pass a valid API key."
                }
            ]),
        )
    }

    /// No key at all.
    pub(super) fn no_key() -> Self {
        Self::new(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
             other form of API consumer identity to call this API.",
        )
    }

    /// A model that this version or method does not know.
    pub(super) fn no_model(model: &str, version: &str, method: &str) -> Self {
        Self::new(
            404,
            format!(
                "models/{model} is not found for API version {version}, or is not supported for {method}. Call \
                 ModelService.ListModels to see the list of available models and their supported methods."
            ),
        )
    }

    /// A used up quota; `embedding` chooses the names of the quota.
    pub(super) fn quota(quota: Quota, retry_after_ms: u64, model: &str, embedding: bool) -> Self {
        let what = if embedding { "EmbedContentRequests" } else { "GenerateRequests" };
        let metric = if embedding { "embed_content" } else { "generate_content" };
        let (period, value) = match quota {
            Quota::Minute => ("PerMinute", "5"),
            Quota::Day => ("PerDay", "20"),
            Quota::Zero => ("PerMinute", "0"),
        };
        let quota_id = if embedding {
            format!("{what}{period}PerUserPerProjectPerModel-FreeTier")
        } else {
            format!("{what}{period}PerProjectPerModel-FreeTier")
        };
        let delay = format!("{}s", retry_after_ms as f64 / 1000.0);
        let metric = format!("generativelanguage.googleapis.com/{metric}_free_tier_requests");
        Self::with_details(
            429,
            format!(
                "You exceeded your current quota, please check your plan and billing details. For more information on \
                 this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n* Quota exceeded for metric: \
                 {metric}, limit: {value}, model: {model}\nPlease retry in {delay}."
            ),
            json!([
                {
                    "@type": "type.googleapis.com/google.rpc.Help",
                    "links": [{ "description": "Learn more about Gemini API quotas", "url": "https://ai.google.dev/gemini-api/docs/rate-limits" }]
                },
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{
                        "quotaMetric": metric,
                        "quotaId": quota_id,
                        "quotaDimensions": { "model": model, "location": "global" },
                        "quotaValue": value
                    }]
                },
                { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }
            ]),
        )
    }

    /// The body, pretty-printed over several lines as the API sends it.
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(&self.body).unwrap_or_default() + "\n"
    }
}

fn status_word(code: u16) -> &'static str {
    match code {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 499 => "CANCELLED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
