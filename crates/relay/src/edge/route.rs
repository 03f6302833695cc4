//! Which endpoint a path or a host names, and the path below it.

/// The parts of a path. Nothing is decoded or normalised: the app gets the path below the endpoint byte for byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The first segment, or the first label of the host.
    pub(super) id: &'a str,
    /// Path and query after it: empty, or beginning with `/` or `?`.
    pub(super) below: &'a str,
}

impl<'a> Route<'a> {
    pub(super) fn of(path_and_query: &'a str) -> Option<Self> {
        let rest = path_and_query.strip_prefix('/')?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (id, below) = rest.split_at(end);
        Some(Self { id, below })
    }

    /// The same for an endpoint's own host, where the whole path is below the endpoint. HTTP sends `/` for a URL without a
    /// path, so `/` is the endpoint itself.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_is_the_endpoint_and_the_rest_is_unchanged() {
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
    fn on_its_own_host_the_whole_path_is_below_the_endpoint() {
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
