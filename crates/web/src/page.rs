//! The page's frame, script and style. Everything that it shows comes by the API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;

use crate::Shared;
use crate::gate::Refused;

/// A file of `assets`: its path, kind and text.
macro_rules! asset {
    ($name:literal, $kind:expr) => {
        (
            concat!("/", $name),
            $kind,
            include_str!(concat!("../assets/", $name)),
        )
    };
}

/// The scripts and the style, by their paths.
pub(crate) const ASSETS: [(&str, &str, &str); 11] = [
    asset!("page.css", "text/css"),
    asset!("page.js", JAVASCRIPT),
    asset!("actions.js", JAVASCRIPT),
    asset!("api.js", JAVASCRIPT),
    asset!("detail.js", JAVASCRIPT),
    asset!("chart.js", JAVASCRIPT),
    asset!("dom.js", JAVASCRIPT),
    asset!("filter.js", JAVASCRIPT),
    asset!("lines.js", JAVASCRIPT),
    asset!("list.js", JAVASCRIPT),
    asset!("state.js", JAVASCRIPT),
];

const JAVASCRIPT: &str = "text/javascript";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let page = Router::new().route("/", get(page)).with_state(shared);
    ASSETS.into_iter().fold(page, |router, (path, kind, text)| {
        let headers = [(CONTENT_TYPE, format!("{kind}; charset=utf-8"))];
        router.route(path, get(async move || (headers, text)))
    })
}

#[derive(Debug, Deserialize)]
struct Opened {
    token: Option<String>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Query(opened): Query<Opened>,
    headers: HeaderMap,
) -> Response {
    if let Some(token) = opened.token {
        if !shared.gate.is_token(&token) {
            return locked();
        }
        // Browsers do not send a strict cookie with a redirect that began at another site; they do with this.
        let reload = html! {
            (DOCTYPE)
            meta charset="utf-8";
            meta http-equiv="refresh" content="0; url=/";
            title { "Ringtail" }
        };
        let cookie = [(SET_COOKIE, shared.gate.cookie())];
        return (cookie, Html(reload.into_string())).into_response();
    }
    if !shared.gate.has_cookie(&headers) {
        return locked();
    }
    Html(frame(shared.gate.page_token()).into_string()).into_response()
}

fn locked() -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Ringtail" }
                link rel="stylesheet" href="/page.css";
            }
            body.locked {
                main {
                    h1 { "This page needs its token" }
                    p { "Open the URL that " code { "ringtail web" } " or " code { "ringtail listen --web" } " printed." }
                }
            }
        }
    };
    (Refused::Token.status(), Html(page.into_string())).into_response()
}

fn frame(page_token: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="ringtail-page" content=(page_token);
                title { "Ringtail" }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href="/page.css";
                script type="module" src="/page.js" {}
            }
            body {
                header #head {
                    h1 { "Ringtail" }
                    div #state role="status" aria-label="State of the client" {}
                    div.tools {
                        button #pause type="button" hidden { "Pause" }
                        button #mask type="button" aria-pressed="false" title="Mask personal data (P)" { "Mask" }
                        button #theme type="button" title="Light, dark or as the system" { "Theme" }
                        button #help type="button" title="Keys (?)" { "Keys" }
                    }
                }
                form #search role="search" autocomplete="off" {
                    label for="filter" { "Filter" }
                    div.field {
                        input #filter type="text" spellcheck="false" autocapitalize="off" maxlength="4096"
                            role="combobox" aria-expanded="false" aria-controls="offers" aria-autocomplete="list"
                            aria-describedby="wrong" placeholder="kind:sms status:5xx since:-3h   ( / )";
                        ul #offers role="listbox" aria-label="Completions" hidden {}
                        p #wrong role="alert" hidden {}
                    }
                    output #count for="filter" {}
                    button #charts type="button" title="Rate and response time of the listed events (T)" { "Chart" }
                    button #export type="button" title="Export the listed or selected events" { "Export" }
                }
                section #chart aria-label="Rate and response time" hidden {}
                main {
                    section #list aria-label="Events" {
                        div #grid role="grid" aria-label="Events, oldest first" tabindex="0" {
                            div #columns role="rowgroup" {
                                div role="row" {
                                    @for (class, name) in COLUMNS {
                                        span class=(class) role="columnheader" { (name) }
                                    }
                                }
                            }
                            div #rows role="rowgroup" {}
                        }
                        button #newest type="button" hidden { "Newest" }
                        p #empty hidden {}
                    }
                    div #divider role="separator" aria-orientation="vertical" aria-label="Width of the list" tabindex="0" {}
                    section #detail aria-label="Event" hidden {
                        div #about {}
                        div #tabs role="tablist" aria-label="Parts of the event" {}
                        div #panel role="tabpanel" tabindex="0" {}
                    }
                }
                p #notice role="status" {}
                dialog #dialog {}
            }
        }
    }
}

const COLUMNS: [(&str, &str); 7] = [
    ("seq", "#"),
    ("time", "Time"),
    ("topic", "Kind"),
    ("summary", "Summary"),
    ("status", "Status"),
    ("verdict", "Verdict"),
    ("took", "ms"),
];

/// A ring, as an image inside the page.
const ICON: PreEscaped<&str> = PreEscaped(
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='5' \
     fill='none' stroke='%23c05a12' stroke-width='4'/%3E%3C/svg%3E",
);
