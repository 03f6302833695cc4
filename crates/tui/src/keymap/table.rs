//! The table of keys.

use crossterm::event::KeyCode;
use ringtail_views::copy::CopyFormat;

use super::{Action, Binding, Key, Scope};

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn char(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

const LIST: &[Scope] = &[Scope::List];
const DETAIL: &[Scope] = &[Scope::Detail];
const PANEL: &[Scope] = &[Scope::Panel];
const OVERLAY: &[Scope] = &[Scope::Overlay];
const COPY: &[Scope] = &[Scope::Copy];
const FILTER: &[Scope] = &[Scope::Filter];
const PALETTE: &[Scope] = &[Scope::Palette];
const JUMP: &[Scope] = &[Scope::Jump];
const COMMENT: &[Scope] = &[Scope::Comment];
const NOISE: &[Scope] = &[Scope::Noise];
const REPLAY: &[Scope] = &[Scope::Replay];
const PROMPTS: &[Scope] = &[
    Scope::Filter,
    Scope::Palette,
    Scope::Jump,
    Scope::Comment,
    Scope::Noise,
    Scope::Replay,
];
const ELSEWHERE: &[Scope] = &[
    Scope::Panel,
    Scope::Overlay,
    Scope::Copy,
    Scope::Filter,
    Scope::Palette,
    Scope::Jump,
    Scope::Comment,
    Scope::Noise,
    Scope::Replay,
];
const PANES: &[Scope] = &[Scope::List, Scope::Detail];
const READING: &[Scope] = &[Scope::List, Scope::Detail, Scope::Panel];
const ANY: &[Scope] = &[Scope::List, Scope::Detail, Scope::Panel, Scope::Overlay];

const fn bind(
    name: &'static str,
    action: Action,
    scopes: &'static [Scope],
    keys: &'static [Key],
    help: &'static str,
) -> Binding {
    Binding {
        name,
        keys,
        action,
        scopes,
        help,
        footer: "",
        command: "",
    }
}

impl Binding {
    const fn footer(mut self, word: &'static str) -> Self {
        self.footer = word;
        self
    }

    const fn like(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }
}

/// The table, in the order of footer and help.
#[rustfmt::skip]
pub(crate) const BINDINGS: &[Binding] = &[
    bind("open", Action::Open, LIST, &[key(KeyCode::Enter), key(KeyCode::Right), char('l')], "open the event")
        .footer("open").like("ringtail events show <event>"),
    bind("list.next-tab", Action::NextTab, LIST, &[key(KeyCode::Tab)], "next tab of the event beside the list")
        .like("ringtail events show <event>"),
    bind("back", Action::Back, DETAIL, &[key(KeyCode::Esc), key(KeyCode::Left), char('h')], "back to the list")
        .footer("back"),
    bind("close", Action::Back, OVERLAY, &[key(KeyCode::Esc), char('?'), char('e'), char('q')], "close this")
        .footer("close"),
    bind("panel.back", Action::Back, PANEL, &[key(KeyCode::Esc), key(KeyCode::Left), char('h'), char('q')], "back to the events")
        .footer("back"),
    bind("panel.open", Action::Open, PANEL, &[key(KeyCode::Enter), key(KeyCode::Right), char('l')], "open the event")
        .footer("open").like("ringtail events show <event>"),
    bind("next-tab", Action::NextTab, DETAIL, &[key(KeyCode::Tab)], "next tab: body, headers, attempts")
        .footer("tabs").like("ringtail events show <event>"),
    bind("previous-tab", Action::PreviousTab, PANES, &[key(KeyCode::BackTab)], "previous tab")
        .like("ringtail events show <event>"),
    bind("down", Action::Down, ANY, &[char('j'), key(KeyCode::Down)], "down"),
    bind("up", Action::Up, ANY, &[char('k'), key(KeyCode::Up)], "up"),
    bind("page-down", Action::PageDown, ANY, &[key(KeyCode::PageDown), char(' '), ctrl('d')], "a page down"),
    bind("page-up", Action::PageUp, ANY, &[key(KeyCode::PageUp), ctrl('u')], "a page up"),
    bind("first", Action::First, ANY, &[char('g'), key(KeyCode::Home)], "oldest listed event, or top"),
    bind("last", Action::Last, ANY, &[char('G'), key(KeyCode::End)], "newest event, or bottom"),
    bind("replay", Action::Replay(""), PANES, &[char('r')], "replay the event or the selection")
        .footer("replay").like("ringtail replay <event>"),
    bind("replay-with", Action::ReplayWith, PANES, &[char('R')], "replay with options: target, faults …")
        .like("ringtail replay <event> <options>"),
    bind("replay-edited", Action::Replay("--edit"), PANES, &[char('E')], "edit a copy and send that")
        .like("ringtail replay <event> --edit"),
    bind("replay-compared", Action::Replay("--compare"), PANES, &[char('C')], "replay and compare the answers")
        .like("ringtail replay <event> --compare"),
    bind("replay-signed", Action::Replay("--sign"), PANES, &[], "replay with a new signature")
        .like("ringtail replay <event> --sign"),
    bind("stop-replay", Action::StopReplay, PANES, &[char('X')], "stop replaying"),
    bind("explain", Action::Explain, PANES, &[char('e')], "explain the verdict or the problem")
        .footer("explain").like("ringtail explain <code>"),
    bind("timeline", Action::Timeline, PANES, &[char('t')], "timeline of its call or conversation")
        .footer("timeline").like("ringtail events timeline <event>"),
    bind("diff", Action::Diff, PANES, &[char('d')], "diff with the previous one of its kind")
        .footer("diff").like("ringtail events diff <event> [<other>]"),
    bind("diff-answers", Action::DiffAnswers, PANES, &[char('D')], "diff of its last two answers")
        .like("ringtail events diff <event> --answers"),
    bind("copy", Action::Copy, PANES, &[char('y')], "copy the event or the selection as …")
        .footer("copy").like("ringtail export"),
    bind("address", Action::CopyAddress, PANES, &[char('a')], "copy the address; again: the next one")
        .like("ringtail listen --output plain"),
    bind("reveal", Action::Reveal, PANES, &[char('s')], "show or hide the event's secrets")
        .like("ringtail events show <event> --reveal"),
    bind("mask", Action::Mask, READING, &[char('P')], "mask or unmask personal data")
        .like("ringtail export --mask"),
    bind("next-event", Action::NextEvent, DETAIL, &[char('J'), char('n')], "next event").footer("next"),
    bind("previous-event", Action::PreviousEvent, DETAIL, &[char('K'), char('p')], "previous event"),
    bind("fold", Action::Fold, DETAIL, &[char('o'), key(KeyCode::Enter)], "fold or unfold JSON"),
    bind("fold-all", Action::FoldAll, DETAIL, &[char('O')], "fold or unfold all JSON"),
    bind("jump", Action::Jump, DETAIL, &[char('.')], "go to a JSON path")
        .like("ringtail events list 'body.path = value'"),
    bind("copy-path", Action::CopyPath, DETAIL, &[char('Y')], "copy the JSON path"),
    bind("form", Action::BodyView, DETAIL, &[char('x')], "body indented, raw, in hexadecimal")
        .like("ringtail events show <event> --raw"),
    bind("select", Action::Select, PANES, &[char('v')], "select or unselect the event"),
    bind("select-shown", Action::SelectShown, LIST, &[char('*')], "select all listed events"),
    bind("unselect", Action::Unselect, PANES, &[char('V')], "unselect all"),
    bind("bookmark", Action::Bookmark, PANES, &[char('m')], "bookmark the event, or remove it")
        .like("ringtail events mark <event>"),
    bind("comment", Action::Comment, PANES, &[char('M')], "bookmark with a comment")
        .like("ringtail events mark <event> --comment <text>"),
    bind("filter", Action::Filter, PANES, &[char('/')], "filter the list")
        .footer("filter").like("ringtail events list <filter>"),
    bind("filter.apply", Action::Run, FILTER, &[key(KeyCode::Enter)], "apply the filter")
        .footer("show").like("ringtail events list <filter>"),
    bind("filter.language", Action::Language, FILTER, &[key(KeyCode::F(1))], "the filter language").footer("language"),
    bind("copy.curl", Action::CopyAs(CopyFormat::Curl, false), COPY, &[char('c')], "as a curl command").like("ringtail export --as curl <event>"),
    bind("copy.httpie", Action::CopyAs(CopyFormat::Httpie, false), COPY, &[char('h')], "as an HTTPie command").like("ringtail export --as httpie <event>"),
    bind("copy.raw", Action::CopyAs(CopyFormat::Raw, false), COPY, &[char('r')], "as the raw request").like("ringtail export --as raw <event>"),
    bind("copy.json", Action::CopyAs(CopyFormat::Json, false), COPY, &[char('j')], "as JSON, one line an event").like("ringtail export --as ndjson <event>"),
    bind("file.curl", Action::CopyAs(CopyFormat::Curl, true), COPY, &[char('C')], "curl, into a file").like("ringtail export --as curl --to <file> <event>"),
    bind("file.httpie", Action::CopyAs(CopyFormat::Httpie, true), COPY, &[char('H')], "HTTPie, into a file").like("ringtail export --as httpie --to <file> <event>"),
    bind("file.raw", Action::CopyAs(CopyFormat::Raw, true), COPY, &[char('R')], "raw, into a file").like("ringtail export --as raw --to <file> <event>"),
    bind("file.json", Action::CopyAs(CopyFormat::Json, true), COPY, &[char('J')], "JSON, into a file").like("ringtail export --as ndjson --to <file> <event>"),
    bind("copy.back", Action::Back, COPY, &[key(KeyCode::Esc), char('q'), char('y')], "cancel").footer("back"),
    bind("palette.run", Action::Run, PALETTE, &[key(KeyCode::Enter)], "run the action").footer("run"),
    bind("palette.down", Action::Down, PALETTE, &[key(KeyCode::Down), key(KeyCode::Tab)], "next action"),
    bind("palette.up", Action::Up, PALETTE, &[key(KeyCode::Up), key(KeyCode::BackTab)], "previous action"),
    bind("jump.go", Action::Run, JUMP, &[key(KeyCode::Enter)], "go there").footer("go"),
    bind("options.replay", Action::Run, REPLAY, &[key(KeyCode::Enter)], "replay").footer("replay")
        .like("ringtail replay <event> <options>"),
    bind("comment.keep", Action::Run, COMMENT, &[key(KeyCode::Enter)], "save the comment").footer("save")
        .like("ringtail events mark <event> --comment <text>"),
    bind("noise", Action::Noise, PANEL, &[char('i')], "choose fields to ignore")
        .footer("ignore").like("ringtail events diff <event> --ignore <field>"),
    bind("noise.compare", Action::Run, NOISE, &[key(KeyCode::Enter)], "compare without these fields").footer("compare")
        .like("ringtail events diff <event> --ignore <field>"),
    bind("prompt.complete", Action::Complete, &[Scope::Filter, Scope::Replay], &[key(KeyCode::Tab)], "complete the word"),
    bind("prompt.back", Action::Back, PROMPTS, &[key(KeyCode::Esc)], "cancel").footer("back"),
    bind("follow", Action::Follow, PANES, &[char('f')], "follow the newest event, or stop")
        .footer("follow").like("ringtail listen --output plain"),
    bind("pause", Action::Pause, PANES, &[char('H')], "pause or resume forwarding"),
    bind("clear", Action::Clear, LIST, &[char('c')], "clear the list; the history keeps it"),
    bind("theme", Action::Theme, READING, &[], "next theme"),
    bind("mouse", Action::Mouse, READING, &[], "capture or release the mouse"),
    bind("palette", Action::Palette, READING, &[char(':')], "find an action by its name").footer("actions"),
    bind("help", Action::Help, READING, &[char('?')], "this help").footer("help").like("ringtail listen --help"),
    bind("quit", Action::Quit, PANES, &[char('q'), ctrl('c')], "quit").footer("quit"),
    bind("quit.elsewhere", Action::Quit, ELSEWHERE, &[ctrl('c')], "quit"),
    bind("suspend", Action::Suspend, ANY, &[ctrl('z')], "suspend (fg brings it back)"),
];
