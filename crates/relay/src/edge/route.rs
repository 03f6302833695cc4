//! Which endpoint a path means, and what is left of the path below it.

/// A path taken apart. Nothing is decoded, normalised or cut: what is below the endpoint is the app's, byte for byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The first segment.
    pub(super) id: &'a str,
    /// Path and query after it: empty, or beginning with `/` or `?`.
    pub(super) below: &'a str,
}

impl<'a> Route<'a> {
    /// Takes a path with its query apart.
    pub(super) fn of(path_and_query: &'a str) -> Option<Self> {
        let rest = path_and_query.strip_prefix('/')?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (id, below) = rest.split_at(end);
        Some(Self { id, below })
    }

    /// Returns the path below the endpoint and the query, apart.
    pub(super) fn path_and_query(&self) -> (&'a str, Option<&'a str>) {
        match self.below.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.below, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_segment_is_the_endpoint_and_the_rest_stays_as_sent() {
        for (path, id, below) in [
            ("/sms-x", "sms-x", ""),
            ("/sms-x/", "sms-x", "/"),
            ("/sms-x?a=1", "sms-x", "?a=1"),
            (
                "/sms-x/hook//a%2Fb/../c?q=%20+&q=2?",
                "sms-x",
                "/hook//a%2Fb/../c?q=%20+&q=2?",
            ),
            ("/", "", ""),
            ("//sms-x", "", "/sms-x"),
            ("/?a", "", "?a"),
        ] {
            assert_eq!(Route::of(path), Some(Route { id, below }), "{path}");
        }
        assert_eq!(Route::of("*"), None);
        assert_eq!(Route::of(""), None);
    }

    #[test]
    fn query_begins_at_the_first_question_mark() {
        let route = Route::of("/e/p?a=?b").unwrap();
        assert_eq!(route.path_and_query(), ("/p", Some("a=?b")));
        assert_eq!(Route::of("/e").unwrap().path_and_query(), ("", None));
    }
}
