//! Failures as the page and programs read them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ringtail_errors::{Coded, Exit, Failure, codes};
use ringtail_filter::FilterError;
use serde_json::json;

/// A failed request: `{"error": {"code", "message"}}`, and `column` if a filter is wrong.
#[derive(Debug)]
pub(crate) struct ApiError {
    failure: Failure,
    /// The wrong character of a filter, from 1.
    column: Option<usize>,
    /// A status that the code does not tell.
    status: Option<StatusCode>,
}

impl ApiError {
    pub(crate) fn usage(message: &str) -> Self {
        Failure::new(&codes::USAGE, message).into_api()
    }

    pub(crate) fn no_data(message: &str) -> Self {
        Failure::new(&codes::NO_DATA, message).into_api()
    }

    /// Too much at once.
    pub(crate) fn busy(message: &str) -> Self {
        Self {
            status: Some(StatusCode::SERVICE_UNAVAILABLE),
            ..Failure::new(&codes::FAILED, message).into_api()
        }
    }

    pub(crate) fn filter(error: FilterError) -> Self {
        let FilterError { message, at, .. } = error;
        Self {
            column: Some(at + 1),
            ..Failure::new(&codes::FILTER, message).into_api()
        }
    }
}

/// A failure as an answer of the API.
pub(crate) trait IntoApi {
    fn into_api(self) -> ApiError;
}

impl IntoApi for Failure {
    fn into_api(self) -> ApiError {
        ApiError {
            failure: self,
            column: None,
            status: None,
        }
    }
}

impl<E: Coded + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        Failure::from(error).into_api()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match (self.status, self.failure.exit()) {
            (Some(status), _) => status,
            (None, Exit::Usage) => StatusCode::BAD_REQUEST,
            (None, Exit::NoData) => StatusCode::NOT_FOUND,
            (None, _) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut error = json!({"code": self.failure.code().id, "message": self.failure.line()});
        if let Some(column) = self.column {
            error["column"] = json!(column);
        }
        (status, Json(json!({"error": error}))).into_response()
    }
}
