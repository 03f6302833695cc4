//! Answers in RingCentral's form.

use http::{HeaderName, HeaderValue, Response};
use serde_json::{Value, json};

use crate::app::{AppBody, response};

/// An error of the API.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
    parameter: Option<&'static str>,
    /// The `error` of an OAuth error.
    oauth: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            parameter: None,
            oauth: None,
        }
    }

    pub(super) fn invalid(parameter: &'static str) -> Self {
        let message = format!("Parameter [{parameter}] value is invalid");
        Self {
            parameter: Some(parameter),
            ..Self::new(400, "CMN-101", &message)
        }
    }

    pub(super) fn not_found(parameter: &'static str) -> Self {
        let message = format!("Resource for parameter [{parameter}] is not found");
        Self {
            parameter: Some(parameter),
            ..Self::new(404, "CMN-102", &message)
        }
    }

    pub(super) fn too_many() -> Self {
        Self::new(429, "CMN-301", "Request rate exceeded")
    }

    pub(super) fn oauth(error: &'static str, code: &str, description: &str) -> Self {
        Self {
            oauth: Some(error),
            ..Self::new(400, code, description)
        }
    }

    fn body(&self) -> Value {
        let mut error = json!({"errorCode": self.code, "message": self.message});
        if let Some(parameter) = self.parameter {
            error["parameterName"] = parameter.into();
        }
        match self.oauth {
            Some(oauth) => json!({
                "error": oauth,
                "error_description": self.message,
                "errors": [error],
            }),
            // The outer code is the generic one, so that a client that reads it is caught.
            None => json!({
                "errorCode": if self.status == 400 { "InvalidParameter" } else { &self.code },
                "message": self.message,
                "errors": [error],
            }),
        }
    }
}

/// Makes the response.
pub(super) fn respond(
    answered: Result<(u16, Value), Refusal>,
    headers: &[(&'static str, String)],
) -> Response<AppBody> {
    let (status, body) = match answered {
        Ok((status, Value::Null)) => (status, String::new()),
        Ok((status, body)) => (status, body.to_string()),
        Err(refusal) => (refusal.status, refusal.body().to_string()),
    };
    let mut response = response(status, body);
    let fields = response.headers_mut();
    fields.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=utf-8"),
    );
    for (name, value) in headers {
        fields.insert(
            HeaderName::from_static(name),
            HeaderValue::try_from(value).unwrap(),
        );
    }
    response
}
