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
    pub(crate) fn of(failure: Failure) -> Self {
        Self {
            failure,
            column: None,
            status: None,
        }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::of(Failure::new(&codes::USAGE, message))
    }

    pub(crate) fn no_data(message: &str) -> Self {
        Self::of(Failure::new(&codes::NO_DATA, message))
    }

    /// Too much at once.
    pub(crate) fn busy(message: &str) -> Self {
        Self {
            status: Some(StatusCode::SERVICE_UNAVAILABLE),
            ..Self::of(Failure::new(&codes::FAILED, message))
        }
    }

    pub(crate) fn filter(error: FilterError) -> Self {
        let FilterError { message, at, .. } = error;
        Self {
            column: Some(at + 1),
            ..Self::of(Failure::new(&codes::FILTER, message))
        }
    }
}

impl<E: Coded + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self::of(error.into())
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
