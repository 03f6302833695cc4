//! All templates, by family (docs/RINGCENTRAL.md 6 and 7).

mod callbacks;
mod events;
mod telephony;

use super::template::Template;

impl Template {
    /// Finds a template by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|template| template.name == name)
    }

    /// Returns every template, in the order of the list that users see.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [callbacks::ROWS, telephony::ROWS, events::ROWS]
            .into_iter()
            .flatten()
    }
}

/// Templates: name, callback if not a platform event, sample of the same shape, default values, what is sent if not the
/// JSON of the template's file, description.
macro_rules! rows {
    (@origin $sample:literal) => { crate::template::Origin::Sample($sample) };
    (@origin) => { crate::template::Origin::Described };
    (@callback $callback:ident) => { ringtail_ringcentral::classify::Callback::$callback };
    (@callback) => { ringtail_ringcentral::classify::Callback::PlatformNotification };
    (@text $name:literal) => { include_str!(concat!("../../templates/", $name, ".json")) };
    (@body $name:literal form $file:literal) => { crate::template::Body::Form(crate::table::rows!(@text $file)) };
    (@body $name:literal nothing $(below $below:literal)?) => { crate::template::Body::Empty };
    (@body $name:literal) => { crate::template::Body::Json(crate::table::rows!(@text $name)) };
    (@below nothing below $below:literal) => { $below };
    (@below $($other:tt)*) => { "" };
    ($(
        $name:literal $(as $callback:ident)? $(from $sample:literal)? $(with { $($key:ident = $value:literal),* })?
            $([$($sent:tt)+])?: $about:literal;
    )*) => {
        &[$(crate::template::Template {
            name: $name,
            about: $about,
            callback: crate::table::rows!(@callback $($callback)?),
            origin: crate::table::rows!(@origin $($sample)?),
            below: crate::table::rows!(@below $($($sent)+)?),
            body: crate::table::rows!(@body $name $($($sent)+)?),
            defaults: &[$($((stringify!($key), $value)),*)?],
        }),*]
    };
}

use rows;
