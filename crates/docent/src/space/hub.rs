//! The Hub's API, as far as a Space needs it. Reads are tried again when the Hub is busy; creating and committing are not
//! repeated blindly, because the first try may have arrived.
//!
//! # Source
//! The calls of `huggingface_hub` 2.4.0. `HF_ENDPOINT` and `HF_TOKEN` mean what they mean there.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::log::{Log, LogLine, LogStream};
use crate::providers::http_client;
use crate::secret::Secret;

/// Where the Hub is, unless `HF_ENDPOINT` says otherwise.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Tries of one call, the first one included.
const TRIES: u32 = 5;

/// Longest wait that the Hub may ask for before a call is given up; its windows last five minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The Hub gives itself 60 s for a commit; uploads of a part take longer on a slow line.
const LIMIT: Duration = Duration::from_secs(180);

/// A log is followed for as long as somebody looks; after a day the connection is made anew.
const LOG_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Why the Hub did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// 401.
    #[error(
        "the Hub refused the token; make one with the right to write at huggingface.co/settings/tokens and set HF_TOKEN"
    )]
    Unauthorized,
    /// 402.
    #[error(
        "the Hub wants a subscription: a new Docker Space on the free hardware needs PRO or a Team account. Use a Space that \
         is there already, PRO, or paid hardware; do not delete a Space to make it again. The Hub says: {0}"
    )]
    Payment(String),
    /// 403.
    #[error("the token may not do this: {0}; it needs the role write, or repo.write on the Space")]
    Forbidden(String),
    /// 404.
    #[error("there is no such Space, or the token may not see it: {0}")]
    NotFound(String),
    /// 409.
    #[error("the Hub is busy with the same Space: {0}; try again in a minute")]
    Conflict(String),
    /// 412.
    #[error("somebody else changed the Space meanwhile; run the command again")]
    Stale,
    /// 429 after all tries.
    #[error("the Hub is rate limiting; try again in {} s", .0.as_secs())]
    RateLimited(Duration),
    /// Any other refusal.
    #[error("the Hub answered {status}: {detail} (request {request})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        detail: String,
        /// For its support.
        request: String,
    },
    /// No answer.
    #[error("the Hub cannot be reached: {0}")]
    Unreachable(String),
}

/// Who a token belongs to, and whether it may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User name.
    pub name: String,
    /// Names of the user's organisations.
    pub organisations: Vec<String>,
    /// A subscriber.
    pub is_pro: bool,
    /// `write`, `read` or `fineGrained`.
    pub role: String,
    /// A fine-grained token has `repo.write` somewhere.
    pub may_write: bool,
}

/// A Space as the Hub describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Last commit.
    pub sha: String,
    /// Address of the running app.
    pub url: String,
}

/// How a Space runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// As the Hub names it; new ones appear.
    pub stage: String,
    /// The commit that runs, when the Hub says so.
    pub sha: Option<String>,
    /// Why it does not.
    pub error: Option<String>,
    /// `cpu-basic`, …
    pub hardware: Option<String>,
}

/// How a file travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadMode {
    /// Path in the Space.
    pub path: String,
    /// By LFS.
    pub lfs: bool,
    /// What the Hub has under this path.
    pub remote_oid: Option<String>,
}

/// A client with a token.
#[derive(Debug, Clone)]
pub struct Hub {
    client: Client,
    endpoint: String,
    token: Secret,
    /// First pause between tries; it doubles.
    first_pause: Duration,
}

impl Hub {
    /// A client for `endpoint`; nothing is sent yet.
    pub fn new(endpoint: &str, token: Secret, first_pause: Duration) -> Self {
        Self {
            client: http_client(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            first_pause,
        }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.endpoint))
            .timeout(LIMIT)
            .bearer_auth(self.token.expose())
    }

    /// Sends, and sends again when the Hub is busy or does not answer.
    async fn repeated(&self, make: impl Fn() -> RequestBuilder) -> Result<Response, HubError> {
        let mut pause = self.first_pause;
        let mut attempt = 1;
        loop {
            let error = match once(make()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let wait = match &error {
                HubError::RateLimited(wait) if *wait <= LONGEST_WAIT => (*wait).max(pause),
                HubError::Unreachable(_) => pause,
                HubError::Refused { status: 500..=504, .. } => pause,
                _ => return Err(error),
            };
            if attempt == TRIES {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
    }

    async fn get(&self, path: &str) -> Result<Value, HubError> {
        json_of(self.repeated(|| self.call(Method::GET, path)).await?).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, HubError> {
        json_of(self.repeated(|| self.call(Method::POST, path).json(body)).await?).await
    }

    /// Who the token belongs to.
    ///
    /// # Errors
    /// [`HubError::Unauthorized`] for a wrong token.
    pub async fn account(&self) -> Result<Account, HubError> {
        let body = self.get("/api/whoami-v2").await?;
        let token = &body["auth"]["accessToken"];
        let role = text(&token["role"]);
        let scoped = token["fineGrained"]["scoped"].as_array().into_iter().flatten();
        let mut permissions = scoped.flat_map(|scope| scope["permissions"].as_array().into_iter().flatten());
        let may_write = match role.as_str() {
            "fineGrained" => permissions.any(|permission| permission == "repo.write"),
            role => role != "read",
        };
        Ok(Account {
            name: text(&body["name"]),
            organisations: body["orgs"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|org| text(&org["name"]))
                .collect(),
            is_pro: body["isPro"] == true,
            role,
            may_write,
        })
    }

    /// A Space; `None` when there is none that the token may see.
    ///
    /// # Errors
    /// Everything but 404.
    pub async fn space(&self, id: &str) -> Result<Option<Space>, HubError> {
        let body = match self.get(&format!("/api/spaces/{id}")).await {
            Ok(body) => body,
            Err(HubError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let subdomain = match body["subdomain"].as_str() {
            Some(subdomain) => subdomain.to_owned(),
            None => id.to_lowercase().replace(['/', '.', '_'], "-"),
        };
        let url =
            body["host"].as_str().map_or_else(|| format!("https://{subdomain}.hf.space"), str::to_owned);
        Ok(Some(Space { sha: text(&body["sha"]), url }))
    }

    /// Makes a Docker Space with its secrets and variables, so that they need no restart.
    ///
    /// # Errors
    /// [`HubError::Payment`] when the account may not; [`HubError::Forbidden`] in a foreign namespace.
    pub async fn create(
        &self,
        (owner, name): (&str, &str),
        is_own: bool,
        secrets: &[(String, Secret)],
        variables: &[(String, String)],
    ) -> Result<(), HubError> {
        let organisation = if is_own { Value::Null } else { owner.into() };
        let body = json!({
            "name": name, "organization": organisation, "type": "space", "sdk": "docker", "visibility": "public",
            "secrets": secrets.iter().map(|(key, value)| json!({"key": key, "value": value.expose()})).collect::<Vec<_>>(),
            "variables": variables.iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>(),
        });
        let sent = once(self.call(Method::POST, "/api/repos/create").json(&body)).await;
        match sent {
            Ok(_) => Ok(()),
            // The answer may have been lost, or somebody was faster: what counts is that it is there.
            Err(
                error @ (HubError::Unreachable(_)
                | HubError::Conflict(_)
                | HubError::Refused { status: 500.., .. }),
            ) => match self.space(&format!("{owner}/{name}")).await? {
                Some(_) => Ok(()),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn set_secret(&self, id: &str, key: &str, value: &Secret) -> Result<(), HubError> {
        self.post(&format!("/api/spaces/{id}/secrets"), &json!({"key": key, "value": value.expose()}))
            .await
            .map(drop)
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn set_variable(&self, id: &str, key: &str, value: &str) -> Result<(), HubError> {
        self.post(&format!("/api/spaces/{id}/variables"), &json!({"key": key, "value": value}))
            .await
            .map(drop)
    }

    /// The value of a variable that is set.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn variables(&self, id: &str) -> Result<Value, HubError> {
        self.get(&format!("/api/spaces/{id}/variables")).await
    }

    /// How the Space runs.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn runtime(&self, id: &str) -> Result<Runtime, HubError> {
        Ok(runtime_of(&self.get(&format!("/api/spaces/{id}/runtime")).await?))
    }

    /// Restarts the Space; `factory` builds it again.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn restart(&self, id: &str, factory: bool) -> Result<Runtime, HubError> {
        let query = if factory { "?factory=true" } else { "" };
        Ok(runtime_of(&self.post(&format!("/api/spaces/{id}/restart{query}"), &json!({})).await?))
    }

    /// The lines of a log from its beginning; ends with the connection or after a silence of `patience`.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn log(&self, id: &str, log: Log, patience: Duration) -> Result<Vec<LogLine>, HubError> {
        let mut stream = self.log_stream(id, log).await?;
        let mut lines = Vec::new();
        while let Ok(Some(line)) = tokio::time::timeout(patience, stream.next()).await {
            lines.push(line);
        }
        Ok(lines)
    }

    /// A log from its beginning, and then as it grows: the Hub keeps the connection open.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn log_stream(&self, id: &str, log: Log) -> Result<LogStream, HubError> {
        let path = format!("/api/spaces/{id}/logs/{}", log.name());
        // All of the reply may take a day, its head may not.
        let make = || self.call(Method::GET, &path).timeout(LOG_LIMIT).header("accept", "text/event-stream");
        let response = tokio::time::timeout(LIMIT, self.repeated(make))
            .await
            .map_err(|_| HubError::Unreachable("it does not send the log".to_owned()))??;
        Ok(LogStream::of(response))
    }

    /// The text of a small file on `main`; `None` when it is not there.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn file(&self, id: &str, path: &str) -> Result<Option<String>, HubError> {
        let path = format!("/spaces/{id}/raw/main/{path}");
        match self.repeated(|| self.call(Method::GET, &path)).await {
            Ok(response) => {
                response.text().await.map(Some).map_err(|error| HubError::Unreachable(error.to_string()))
            }
            Err(HubError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks how files travel; at most 256 in one call. `files` holds path, base64 of the first 512 bytes, and size.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn upload_modes(&self, id: &str, files: &[Value]) -> Result<Vec<UploadMode>, HubError> {
        let body = self.post(&format!("/api/spaces/{id}/preupload/main"), &json!({"files": files})).await?;
        let modes = body["files"].as_array().into_iter().flatten().map(|file| UploadMode {
            path: text(&file["path"]),
            lfs: file["uploadMode"] == "lfs",
            remote_oid: file["oid"].as_str().map(str::to_owned),
        });
        Ok(modes.collect())
    }

    /// Uploads one object to the large file store, in parts when the Hub wants it; nothing is sent when it is there.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn upload_lfs(&self, id: &str, oid: &str, bytes: &[u8]) -> Result<(), HubError> {
        const KIND: &str = "application/vnd.git-lfs+json";
        let wanted = json!({
            "operation": "upload", "transfers": ["basic", "multipart"], "hash_algo": "sha256", "ref": {"name": "main"},
            "objects": [{"oid": oid, "size": bytes.len()}],
        })
        .to_string();
        let path = format!("/spaces/{id}.git/info/lfs/objects/batch");
        let batch = self.repeated(|| {
            let call = self.call(Method::POST, &path).header("accept", KIND).header("content-type", KIND);
            call.body(wanted.clone())
        });
        let object = json_of(batch.await?).await?["objects"][0].clone();
        if let Some(message) = object["error"]["message"].as_str() {
            return Err(HubError::Refused {
                status: 422,
                detail: message.to_owned(),
                request: String::new(),
            });
        }
        let Some(href) = object["actions"]["upload"]["href"].as_str() else { return Ok(()) };
        let header = &object["actions"]["upload"]["header"];
        let part_bytes = header["chunk_size"]
            .as_str()
            .and_then(|size| size.parse::<usize>().ok())
            .filter(|size| *size > 0);
        // The store gets no token: the address is the permission.
        if let Some(part_bytes) = part_bytes {
            let mut parts = Vec::new();
            for (place, part) in bytes.chunks(part_bytes).enumerate() {
                let number = place + 1;
                let url = text(&header[number.to_string()]);
                let response =
                    self.repeated(|| self.client.put(&url).timeout(LIMIT).body(part.to_vec())).await?;
                let etag =
                    response.headers().get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default();
                parts.push(json!({"partNumber": number, "etag": etag}));
            }
            let done = json!({"oid": oid, "parts": parts});
            self.repeated(|| self.client.post(href).timeout(LIMIT).header("accept", KIND).json(&done))
                .await?;
        } else {
            self.repeated(|| self.client.put(href).timeout(LIMIT).body(bytes.to_vec())).await?;
        }
        if let Some(verify) = object["actions"]["verify"]["href"].as_str() {
            let body = json!({"oid": oid, "size": bytes.len()});
            self.repeated(|| {
                self.client.post(verify).timeout(LIMIT).bearer_auth(self.token.expose()).json(&body)
            })
            .await?;
        }
        Ok(())
    }

    /// Commits `lines` on top of `parent` and returns the new commit.
    ///
    /// # Errors
    /// [`HubError::Stale`] when `main` moved on meanwhile.
    pub async fn commit(&self, id: &str, parent: &str, lines: &[Value]) -> Result<String, HubError> {
        let mut body = json!({"key": "header", "value": {
            "summary": "Deploy with docent", "description": "", "parentCommit": parent,
        }})
        .to_string();
        for line in lines {
            body.push('\n');
            body.push_str(&line.to_string());
        }
        let path = format!("/api/spaces/{id}/commit/main");
        let mut pause = self.first_pause;
        for attempt in 1..=TRIES {
            let call = self
                .call(Method::POST, &path)
                .header("content-type", "application/x-ndjson")
                .body(body.clone());
            let error = match once(call).await {
                Ok(response) => return Ok(text(&json_of(response).await?["commitOid"])),
                Err(error) => error,
            };
            match error {
                HubError::RateLimited(wait) if wait <= LONGEST_WAIT => pause = pause.max(wait),
                HubError::Unreachable(_) | HubError::Refused { status: 500.., .. } => {
                    // It may have arrived. If the branch moved, it was us: the parent was still there a moment ago.
                    if let Some(space) = self.space(id).await?.filter(|space| space.sha != parent) {
                        return Ok(space.sha);
                    }
                }
                error => return Err(error),
            }
            if attempt == TRIES {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(HubError::Unreachable("it does not answer".to_owned()))
    }
}

/// Sends once.
async fn once(request: RequestBuilder) -> Result<Response, HubError> {
    let unreachable = |error: reqwest::Error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        HubError::Unreachable(cause.to_string())
    };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    if (200..300).contains(&status) {
        // A body that breaks off is told by who reads it.
        return Ok(response);
    }
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (request_id, rate_limit, retry_after) =
        (header("x-request-id"), header("ratelimit"), header("retry-after"));
    let body = response.text().await.unwrap_or_default();
    let detail = error_text(&body);
    Err(match status {
        401 => HubError::Unauthorized,
        402 => HubError::Payment(detail),
        403 => HubError::Forbidden(detail),
        404 => HubError::NotFound(detail),
        409 => HubError::Conflict(detail),
        412 => HubError::Stale,
        429 => {
            // `RateLimit: "api";r=0;t=55`: seconds until the window ends.
            let window = rate_limit.split(';').find_map(|part| part.trim().strip_prefix("t="));
            let seconds = window.unwrap_or(&retry_after).parse().unwrap_or(1);
            HubError::RateLimited(Duration::from_secs(seconds))
        }
        status => HubError::Refused { status, detail, request: request_id },
    })
}

/// The message of an error body, in any of the Hub's shapes; a page of a proxy gives its first words.
fn error_text(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let found = [
        &parsed["error_description"],
        &parsed["error"],
        &parsed["error"][0],
        &parsed["errors"][0]["message"],
    ];
    match found.into_iter().find_map(Value::as_str) {
        Some(text) => text.to_owned(),
        None => body.chars().take(200).collect(),
    }
}

async fn json_of(response: Response) -> Result<Value, HubError> {
    let body = response.bytes().await.map_err(|_| HubError::Unreachable("the reply broke off".to_owned()))?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body)
        .map_err(|_| HubError::Unreachable("the reply is no JSON; is HF_ENDPOINT right?".to_owned()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn runtime_of(body: &Value) -> Runtime {
    Runtime {
        stage: body["stage"].as_str().unwrap_or("UNKNOWN").to_owned(),
        sha: body["sha"].as_str().map(str::to_owned),
        error: body["errorMessage"].as_str().map(str::to_owned),
        hardware: body["hardware"]["current"].as_str().map(str::to_owned),
    }
}
