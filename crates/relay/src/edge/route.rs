//! Which endpoint a path or a host means, and what is left of the path below it.

/// A path taken apart. Nothing is decoded, normalised or cut: what is below the endpoint is the app's, byte for byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The first segment, or the first label of the host.
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

    /// Returns where a path with its query leads on an endpoint's own host: all of it is below the endpoint. A URL
    /// without a path is asked for as `/`, so that is the endpoint itself.
    pub(super) fn of_host(label: &'a str, path_and_query: &'a str) -> Option<Self> {
        let rest = path_and_query.strip_prefix('/')?;
        let below = if rest.is_empty() || rest.starts_with('?') {
            rest
        } else {
            path_and_query
        };
        Some(Self { id: label, below })
    }
}

/// Returns a path and its query, apart.
pub(super) fn path_and_query(below: &str) -> (&str, Option<&str>) {
    match below.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (below, None),
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
        assert_eq!(path_and_query("/p?a=?b"), ("/p", Some("a=?b")));
        assert_eq!(path_and_query(""), ("", None));
    }

    #[test]
    fn on_its_own_host_the_whole_path_is_the_endpoints() {
        for (path, below) in [
            ("/", ""),
            ("/?a=1", "?a=1"),
            ("//", "//"),
            ("/hook", "/hook"),
            ("/_ringtail/health", "/_ringtail/health"),
            ("/a%2Fb//c?q=/", "/a%2Fb//c?q=/"),
        ] {
            let route = Route::of_host("sms-x", path);
            assert_eq!(route, Some(Route { id: "sms-x", below }), "{path}");
        }
        assert_eq!(Route::of_host("sms-x", "*"), None);
    }
}
