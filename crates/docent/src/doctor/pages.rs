//! The API's description: Swagger UI, its files, and the document behind it.

use super::{Finding, Visit};

pub(super) async fn swagger(visit: &Visit) -> Finding {
    const CHECK: &str = "swagger";
    const REMEDY: &str =
        "a proxy serves only a part of the paths; let it pass all of them, /docs and /openapi.json too";
    let page = match visit.get("/docs").await {
        Ok(page) if page.status == 200 && page.text.contains("swagger-ui") => page,
        Ok(page) => return Finding::failed(CHECK, format!("/docs gives {}", page.shown()), REMEDY),
        Err(error) => return Finding::failed(CHECK, format!("/docs: {error}"), REMEDY),
    };
    let mut files: Vec<String> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.text.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| !path.contains(':'))
        .map(|path| format!("/{}", path.trim_start_matches('/')))
        .collect();
    files.push("/openapi.json".to_owned());
    for file in &files {
        match visit.get(file).await {
            Ok(reply) if reply.status == 200 && !reply.text.is_empty() => {
                let is_document = reply.json().is_some_and(|body| body["paths"]["/api/chat"].is_object());
                if file == "/openapi.json" && !is_document {
                    return Finding::failed(CHECK, "/openapi.json does not describe this API", REMEDY);
                }
            }
            Ok(reply) => return Finding::failed(CHECK, format!("{file} gives {}", reply.shown()), REMEDY),
            Err(error) => return Finding::failed(CHECK, format!("{file}: {error}"), REMEDY),
        }
    }
    Finding::ok(CHECK, format!("/docs and its {} files", files.len()))
}
