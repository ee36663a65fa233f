//! Neon's SQL over HTTPS, in front of a real Postgres: the double speaks the service's wire format and lets the database
//! behind it do the work, so statements, types, errors and passwords are real.
//!
//! # Source
//! The driver `@neondatabase/serverless`: header names, `{"query", "params"}` and `{"queries"}`, replies with `fields`,
//! `rows`, `rowCount`, `command`, and errors with status 400.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::control::Control;
use crate::server::Server;

/// A running double; dropping it ends nothing, it lives as long as the runtime.
#[derive(Debug, Clone)]
pub struct NeonDouble {
    server: Server,
    statements: Arc<AtomicUsize>,
    refusals: Refusals,
}

/// What the next requests get instead of an answer.
type Refusals = Arc<Mutex<VecDeque<(StatusCode, Value)>>>;

#[derive(Debug, Clone)]
struct Behind {
    host: String,
    port: u16,
    statements: Arc<AtomicUsize>,
    refusals: Refusals,
}

impl NeonDouble {
    /// Listens on a free port in front of the Postgres at `host` and `port`.
    pub async fn start(host: &str, port: u16) -> io::Result<Self> {
        let statements = Arc::new(AtomicUsize::new(0));
        let refusals = Refusals::default();
        let behind = Behind {
            host: host.to_owned(),
            port,
            statements: Arc::clone(&statements),
            refusals: Arc::clone(&refusals),
        };
        let routes = Router::new().route("/sql", post(sql)).with_state(behind);
        let server = Server::start(0, Control::default(), routes).await?;
        Ok(Self { server, statements, refusals })
    }

    /// Where statements are posted.
    pub fn address(&self) -> String {
        format!("{}/sql", self.server.url())
    }

    /// Statements that were run so far.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::Relaxed)
    }

    /// Answers the next `times` requests with this error, as the service does before it reaches the database.
    pub fn refuse_next(&self, times: usize, code: &str, message: &str) {
        let body = json!({"message": message, "code": code});
        let refusal = (StatusCode::BAD_REQUEST, body);
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.extend(std::iter::repeat_n(refusal, times));
    }

    /// Answers again.
    pub fn refuse_none(&self) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Refuses connections from now on.
    pub fn refuse(&self) {
        self.server.refuse();
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// When the port is taken by now.
    pub async fn accept(&self) -> io::Result<()> {
        self.server.accept().await
    }
}

/// How results are to be written.
#[derive(Debug, Clone, Copy)]
struct Shape {
    arrays: bool,
    raw_text: bool,
}

/// A refusal: status and the error object.
struct Refusal(StatusCode, Value);

impl Refusal {
    fn plain(message: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, json!({"message": message}))
    }
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(report) = error.as_db_error() else {
            let message = format!("Couldn't connect to compute node: {error}");
            return Self(StatusCode::INTERNAL_SERVER_ERROR, json!({"message": message, "code": null}));
        };
        Self(
            StatusCode::BAD_REQUEST,
            json!({
                "message": report.message(),
                "code": report.code().code(),
                "severity": report.severity(),
                "detail": report.detail(),
                "hint": report.hint(),
                "where": report.where_(),
                "schema": report.schema(),
                "table": report.table(),
                "column": report.column(),
                "constraint": report.constraint(),
                "file": report.file(),
                "line": report.line().map(|line| line.to_string()),
                "routine": report.routine(),
            }),
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

async fn sql(State(behind): State<Behind>, headers: HeaderMap, body: Bytes) -> Result<Json<Value>, Refusal> {
    // The driver does not say that it sends JSON.
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::plain("the body is no JSON"))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shape = Shape {
        arrays: header("neon-array-mode") == "true",
        raw_text: header("neon-raw-text-output") == "true",
    };
    let refusal = behind.refusals.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    if let Some((status, body)) = refusal {
        return Err(Refusal(status, body));
    }
    let client = behind.connect(header("neon-connection-string")).await?;
    let Some(queries) = body["queries"].as_array() else {
        behind.statements.fetch_add(1, Ordering::Relaxed);
        return run(&client, &body, shape).await.map(Json);
    };
    let level = match header("neon-batch-isolation-level") {
        "" | "ReadCommitted" => "READ COMMITTED",
        "ReadUncommitted" => "READ UNCOMMITTED",
        "RepeatableRead" => "REPEATABLE READ",
        "Serializable" => "SERIALIZABLE",
        _ => return Err(Refusal::plain("invalid isolation level")),
    };
    let access = if header("neon-batch-read-only") == "true" { "READ ONLY" } else { "READ WRITE" };
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level} {access}")).await?;
    let mut results = Vec::new();
    for query in queries {
        behind.statements.fetch_add(1, Ordering::Relaxed);
        results.push(run(&client, query, shape).await?);
    }
    client.batch_execute("COMMIT").await?;
    Ok(Json(json!({"results": results})))
}

impl Behind {
    /// Logs in as the header says, at the database behind.
    async fn connect(&self, address: &str) -> Result<Client, Refusal> {
        if address.is_empty() {
            return Err(Refusal::plain("missing Neon-Connection-String header"));
        }
        let given: tokio_postgres::Config =
            address.parse().map_err(|_| Refusal::plain("invalid connection string"))?;
        if given.get_hosts().is_empty() || given.get_password().is_none() {
            return Err(Refusal::plain("connection string has no host or no password"));
        }
        let mut config = tokio_postgres::Config::new();
        config.host(&self.host).port(self.port);
        config.user(given.get_user().unwrap_or_default());
        config.dbname(given.get_dbname().unwrap_or_default());
        config.password(given.get_password().unwrap_or_default());
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Runs one statement; values come as Postgres writes them.
async fn run(client: &Client, query: &Value, shape: Shape) -> Result<Value, Refusal> {
    let text = query["query"].as_str().ok_or_else(|| Refusal::plain("'query' is missing"))?;
    let parameters = query["params"].as_array().cloned().unwrap_or_default();
    // The service uses the extended protocol: it takes one statement, and lets the database find the types.
    let prepared = client.prepare(text).await?;
    if prepared.params().len() != parameters.len() {
        let message = format!(
            "bind message supplies {} parameters, but prepared statement \"\" requires {}",
            parameters.len(),
            prepared.params().len()
        );
        return Err(Refusal(StatusCode::BAD_REQUEST, json!({"message": message, "code": "08P01"})));
    }
    let messages = if parameters.is_empty() {
        client.simple_query(text).await?
    } else {
        let values: Vec<String> = parameters.iter().map(literal).collect();
        client.batch_execute(&format!("PREPARE of_the_double AS {text}")).await?;
        client.simple_query(&format!("EXECUTE of_the_double({})", values.join(", "))).await?
    };
    let columns = prepared.columns();
    let mut rows = Vec::new();
    let mut count = 0;
    for message in &messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = columns.iter().enumerate().map(|(place, column)| {
                    let value = row.get(place).map_or(Value::Null, |text| {
                        if shape.raw_text { json!(text) } else { parsed(column.type_().name(), text) }
                    });
                    (column.name().to_owned(), value)
                });
                rows.push(if shape.arrays {
                    values.map(|(_, value)| value).collect::<Value>()
                } else {
                    Value::Object(values.collect::<Map<_, _>>())
                });
            }
            SimpleQueryMessage::CommandComplete(affected) => count = *affected,
            _ => {}
        }
    }
    let fields: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name(),
                "dataTypeID": column.type_().oid(),
                "tableID": column.table_oid().unwrap_or(0),
                "columnID": column.column_id().unwrap_or(0),
                "dataTypeSize": -1,
                "dataTypeModifier": column.type_modifier(),
                "format": "text",
            })
        })
        .collect();
    Ok(json!({
        "command": text.split_whitespace().next().unwrap_or_default().to_uppercase(),
        "fields": fields,
        "rowCount": count,
        "rows": rows,
        "rowAsArray": shape.arrays,
    }))
}

/// A parameter as an SQL literal whose type the statement decides.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}

/// A value as the service writes it when raw text is not asked for.
fn parsed(kind: &str, text: &str) -> Value {
    match kind {
        "bool" => json!(text == "t"),
        "int2" | "int4" | "float4" | "float8" | "json" | "jsonb" => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        }
        _ => json!(text),
    }
}
