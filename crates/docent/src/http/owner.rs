//! Who may use the owner's routes: whoever shows `DOCENT_ADMIN_TOKEN`. Without a token they are closed for everybody.

use axum::http::{HeaderMap, header};

use super::App;
use super::error::ApiError;

/// Lets the owner through.
pub(super) fn check(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(token) = &app.config().admin_token else {
        return Err(ApiError::OwnerRoutesOff);
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // The scheme's name is free in case; the token is not.
    let given = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match given {
        Some((_, given)) if token.matches(given.trim()) => Ok(()),
        _ => Err(ApiError::TokenNeeded),
    }
}
