//! The table of templates, by family (docs/RINGCENTRAL.md 6 and 7).

mod callbacks;
mod events;
mod telephony;

use http::Method;

use super::template::{Body, Origin, Template};
use ringtail_ringcentral::classify::Callback;

/// Returns every template.
pub(super) fn all() -> impl Iterator<Item = &'static Template> {
    [callbacks::ROWS, telephony::ROWS, events::ROWS]
        .into_iter()
        .flatten()
}

/// The text of a template's file.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../templates/", $name, ".json"))
    };
}

/// A platform event whose shape is that of a sample.
macro_rules! event {
    ($name:literal, $sample:literal, $about:literal $(, $key:literal = $value:literal)*) => {
        crate::table::post(
            $name, $about, ringtail_ringcentral::classify::Callback::PlatformNotification,
            crate::template::Origin::Sample($sample), file!($name), &[$(($key, $value)),*],
        )
    };
    ($name:literal, $about:literal $(, $key:literal = $value:literal)*) => {
        crate::table::post(
            $name, $about, ringtail_ringcentral::classify::Callback::PlatformNotification,
            crate::template::Origin::Described, file!($name), &[$(($key, $value)),*],
        )
    };
}

use {event, file};

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
