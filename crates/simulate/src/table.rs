//! All templates, by family (docs/RINGCENTRAL.md 6 and 7).

mod callbacks;
mod events;
mod telephony;

use http::Method;

use super::template::{Body, Origin, Template};
use ringtail_ringcentral::classify::Callback;

impl Template {
    /// Finds a template by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|template| template.name == name)
    }

    /// Returns every template, in the order of the list that users see.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [
            callbacks::SPECIAL,
            callbacks::JSON,
            telephony::ROWS,
            events::ROWS,
        ]
        .into_iter()
        .flatten()
    }
}

/// The text of a template's file.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../templates/", $name, ".json"))
    };
}

/// Templates of posted JSON: name, callback if not a platform event, sample of the same shape, default values,
/// description.
macro_rules! rows {
    (@origin $sample:literal) => { crate::template::Origin::Sample($sample) };
    (@origin) => { crate::template::Origin::Described };
    (@callback $callback:ident) => { ringtail_ringcentral::classify::Callback::$callback };
    (@callback) => { ringtail_ringcentral::classify::Callback::PlatformNotification };
    ($($name:literal $(as $callback:ident)? $(from $sample:literal)? $(with { $($key:ident = $value:literal),* })?: $about:literal;)*) => {
        &[$(crate::table::post(
            $name,
            $about,
            crate::table::rows!(@callback $($callback)?),
            crate::table::rows!(@origin $($sample)?),
            crate::table::file!($name),
            &[$($((stringify!($key), $value)),*)?],
        )),*]
    };
}

use {file, rows};

const fn post(
    name: &'static str,
    about: &'static str,
    callback: Callback,
    origin: Origin,
    json: &'static str,
    defaults: &'static [(&'static str, &'static str)],
) -> Template {
    Template {
        name,
        about,
        callback,
        origin,
        method: Method::POST,
        below: "",
        body: Body::Json(json),
        defaults,
    }
}
