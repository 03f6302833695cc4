//! Pictures as SVG: a call with a lane for each party, a conversation as bubbles, rate and response time over time.
//!
//! A picture in the page is styled by the page and links to the events; one in a file has its own style and stands alone.

mod call;
mod chart;
mod conversation;

use jiff::tz::TimeZone;
use maud::{Markup, html};
use ringtail_model::EventDetail;
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_text::one_line;

pub(crate) use self::chart::{Answered, Chart, Range};

/// Where a picture is shown.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Whether it is in the page: styled by it, with links to the events.
    pub in_page: bool,
    /// The zone of displayed times.
    pub zone: TimeZone,
}

/// Draws the events of a call or conversation, oldest first; see [`ringtail_views::Store::timeline`].
#[must_use]
pub fn timeline(events: &[EventDetail], frame: &Frame) -> String {
    let is_call = events
        .first()
        .is_some_and(|first| first.event.topic == "telephony");
    let markup = match is_call {
        true => call::draw(events, frame),
        false => conversation::draw(events, frame),
    };
    markup.into_string()
}

impl Frame {
    /// Puts the parts of a picture together.
    fn picture(&self, title: &str, width: i64, height: i64, parts: &Markup) -> Markup {
        self.picture_of(title, width, height, None, parts)
    }

    /// As [`Frame::picture`], with the times that a chart covers, so that the page can zoom.
    fn picture_of(
        &self,
        title: &str,
        width: i64,
        height: i64,
        range: Option<Range>,
        parts: &Markup,
    ) -> Markup {
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="picture" role=[(!self.in_page).then_some("img")]
                viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
                data-from=[range.map(|range| range.from)] data-to=[range.map(|range| range.to)]
                font-family="system-ui, sans-serif" font-size="12" {
                title { (one_line(title, 200)) }
                @if !self.in_page { style { (maud::PreEscaped(STYLE)) } }
                (parts)
            }
        }
    }

    /// Makes what belongs to an event a link to it.
    fn event(&self, id: EventId, title: &str, parts: &Markup) -> Markup {
        let title = one_line(title, 300);
        match self.in_page {
            true => html! {
                a href=(format!("#e={id}")) data-event=(id) { title { (title) } (parts) }
            },
            false => html! { g { title { (title) } (parts) } },
        }
    }

    pub(crate) fn time(&self, at: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_microsecond(at.0) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => "?".to_owned(),
        }
    }
}

/// Text at a place.
fn text(class: &str, x: i64, y: i64, anchor: &str, words: &str) -> Markup {
    html! { text class=(class) x=(x) y=(y) text-anchor=(anchor) { (words) } }
}

fn line(class: &str, from: (i64, i64), to: (i64, i64)) -> Markup {
    html! { line class=(class) x1=(from.0) y1=(from.1) x2=(to.0) y2=(to.1) {} }
}

/// The style of a picture that stands alone; page.css has the same classes with the page's colours.
const STYLE: &str = "\
svg{background:#fff}text{fill:#22262b}.dim{fill:#5f6670}.warn{fill:#8a5300}.bad{fill:#b3261e}.strong{font-weight:600}\
line{stroke:#dedad3}.lane{stroke:#8a919b;stroke-width:2}.lost{stroke:#8a5300;stroke-dasharray:4 4}.limit{stroke:#b3261e;stroke-dasharray:3 3}\
circle.state{fill:#9a4a10}circle.same{fill:#fff;stroke:#8a919b}.bubble{fill:#f3f1ed;stroke:#dedad3}.own{fill:#f6e3d0;stroke:#e0b98f}\
rect.ok{fill:#4b9b68}rect.faulty{fill:#c8564f}rect.none{fill:#b9bec5}circle.ok{fill:#4b9b68}circle.faulty{fill:#c8564f}";

#[cfg(test)]
mod tests;
