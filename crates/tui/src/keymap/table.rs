//! The table of keys.

use crossterm::event::KeyCode;

use super::{Action, Binding, Command, Key, Scope};
use crate::source::Form;

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
const STUDY: &[Scope] = &[Scope::Study];
const OVERLAY: &[Scope] = &[Scope::Overlay];
const COPY: &[Scope] = &[Scope::Copy];
const FILTER: &[Scope] = &[Scope::Filter];
const PALETTE: &[Scope] = &[Scope::Palette];
const JUMP: &[Scope] = &[Scope::Jump];
const COMMENT: &[Scope] = &[Scope::Comment];
const NOISE: &[Scope] = &[Scope::Noise];
const REPLAY: &[Scope] = &[Scope::Replay];
const PANES: &[Scope] = &[Scope::List, Scope::Detail];
const READING: &[Scope] = &[Scope::List, Scope::Detail, Scope::Study];
const ANY: &[Scope] = &[Scope::List, Scope::Detail, Scope::Study, Scope::Overlay];

/// Why moving about has no command.
const MOVES: &str = "moves on the screen; a command prints everything";

/// Why what is asked of the screen alone has no command.
const SCREEN: &str = "of the screen alone";

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
        command: Command::None(SCREEN),
    }
}

impl Binding {
    /// Gives it a word in the footer.
    const fn footer(mut self, word: &'static str) -> Self {
        self.footer = word;
        self
    }

    /// Names the command that does the same.
    const fn like(mut self, command: &'static str) -> Self {
        self.command = Command::Is(command);
        self
    }

    /// Says why no command does the same.
    const fn because(mut self, reason: &'static str) -> Self {
        self.command = Command::None(reason);
        self
    }
}

/// The table, in the order of footer and help.
#[rustfmt::skip]
pub(crate) const BINDINGS: &[Binding] = &[
    bind("open", Action::Open, LIST, &[key(KeyCode::Enter), key(KeyCode::Right), char('l')], "open the event")
        .footer("open").like("ringtail events show <event>"),
    bind("list.next-tab", Action::NextTab, LIST, &[key(KeyCode::Tab)], "tabs of the event beside the list")
        .like("ringtail events show <event>"),
    bind("back", Action::Back, DETAIL, &[key(KeyCode::Esc), key(KeyCode::Left), char('h')], "back to the list")
        .footer("back"),
    bind("close", Action::Back, OVERLAY, &[key(KeyCode::Esc), char('?'), char('e'), char('q')], "close this")
        .footer("close"),
    bind("study.back", Action::Back, STUDY, &[key(KeyCode::Esc), key(KeyCode::Left), char('h'), char('q')], "back to the events")
        .footer("back"),
    bind("study.open", Action::Open, STUDY, &[key(KeyCode::Enter), key(KeyCode::Right), char('l')], "open the event of the line")
        .footer("open").like("ringtail events show <event>"),
    bind("next-tab", Action::NextTab, DETAIL, &[key(KeyCode::Tab)], "next of body, headers, attempts")
        .footer("tabs").like("ringtail events show <event>"),
    bind("previous-tab", Action::PreviousTab, PANES, &[key(KeyCode::BackTab)], "tabs backwards")
        .like("ringtail events show <event>"),
    bind("down", Action::Down, ANY, &[char('j'), key(KeyCode::Down)], "down").because(MOVES),
    bind("up", Action::Up, ANY, &[char('k'), key(KeyCode::Up)], "up").because(MOVES),
    bind("page-down", Action::PageDown, ANY, &[key(KeyCode::PageDown), char(' '), ctrl('d')], "a page down").because(MOVES),
    bind("page-up", Action::PageUp, ANY, &[key(KeyCode::PageUp), ctrl('u')], "a page up").because(MOVES),
    bind("first", Action::First, ANY, &[char('g'), key(KeyCode::Home)], "first of the history, or top").because(MOVES),
    bind("last", Action::Last, ANY, &[char('G'), key(KeyCode::End)], "newest, or bottom").because(MOVES),
    bind("replay", Action::Replay(""), PANES, &[char('r')], "replay the event, or those selected")
        .footer("replay").like("ringtail replay <event>"),
    bind("replay-with", Action::ReplayWith, PANES, &[char('R')], "replay with options: target, faults …")
        .like("ringtail replay <event> <options>"),
    bind("replay-edited", Action::Replay("--edit"), PANES, &[char('E')], "edit it, and send what comes of it")
        .like("ringtail replay <event> --edit"),
    bind("replay-compared", Action::Replay("--compare"), PANES, &[char('C')], "replay, and see which answers change")
        .like("ringtail replay <event> --compare"),
    bind("replay-signed", Action::Replay("--sign"), PANES, &[], "replay signed anew")
        .like("ringtail replay <event> --sign"),
    bind("stop-replay", Action::StopReplay, PANES, &[char('X')], "stop replaying")
        .because("Ctrl-C ends `ringtail replay`"),
    bind("explain", Action::Explain, PANES, &[char('e')], "explain the verdict, or the trouble")
        .footer("explain").like("ringtail explain <code>"),
    bind("timeline", Action::Timeline, PANES, &[char('t')], "its call or conversation")
        .footer("timeline").like("ringtail events timeline <event>"),
    bind("diff", Action::Diff, PANES, &[char('d')], "what differs from the one before it")
        .footer("diff").like("ringtail events diff <event> [<other>]"),
    bind("diff-answers", Action::DiffAnswers, PANES, &[char('D')], "what differs in its last two answers")
        .like("ringtail events diff <event> --answers"),
    bind("copy", Action::Copy, PANES, &[char('y')], "copy it, or those selected, as …")
        .footer("copy").like("ringtail export"),
    bind("address", Action::CopyAddress, PANES, &[char('a')], "copy the address; again, the next one")
        .like("ringtail listen --output plain"),
    bind("reveal", Action::Reveal, PANES, &[char('s')], "show the event's secrets, or hide them")
        .like("ringtail events show <event> --reveal"),
    bind("mask", Action::Mask, READING, &[char('P')], "pseudonyms for personal data, or not")
        .like("ringtail export --mask"),
    bind("next-event", Action::NextEvent, DETAIL, &[char('J'), char('n')], "next event").footer("next").because(MOVES),
    bind("previous-event", Action::PreviousEvent, DETAIL, &[char('K'), char('p')], "previous event").because(MOVES),
    bind("fold", Action::Fold, DETAIL, &[char('o'), key(KeyCode::Enter)], "fold or unfold the JSON at the line").because(MOVES),
    bind("fold-all", Action::FoldAll, DETAIL, &[char('O')], "fold all JSON, or unfold it").because(MOVES),
    bind("jump", Action::Jump, DETAIL, &[char('.')], "go to a path of the JSON")
        .like("ringtail events list 'body.path = value'"),
    bind("copy-path", Action::CopyPath, DETAIL, &[char('Y')], "copy the path of the line").because("a path is typed there, as in a filter"),
    bind("form", Action::Form, DETAIL, &[char('x')], "body laid out, as it is, in hexadecimal")
        .like("ringtail events show <event> --raw"),
    bind("select", Action::Select, PANES, &[char('v')], "select it for actions, or not")
        .because("a command is given its events"),
    bind("select-shown", Action::SelectShown, LIST, &[char('*')], "select all that are listed")
        .because("a command is given a filter"),
    bind("unselect", Action::Unselect, PANES, &[char('V')], "select nothing").because("a command is given its events"),
    bind("mark", Action::Mark, PANES, &[char('m')], "mark it in the history, or unmark it")
        .like("ringtail events mark <event>"),
    bind("comment", Action::Comment, PANES, &[char('M')], "mark it with a comment")
        .like("ringtail events mark <event> --comment <text>"),
    bind("filter", Action::Filter, PANES, &[char('/')], "filter: show only some events")
        .footer("filter").like("ringtail events list <filter>"),
    bind("filter.apply", Action::Apply, FILTER, &[key(KeyCode::Enter)], "show what the filter is for")
        .footer("show").like("ringtail events list <filter>"),
    bind("filter.complete", Action::Complete, FILTER, &[key(KeyCode::Tab)], "complete the word").footer("complete"),
    bind("filter.language", Action::Language, FILTER, &[key(KeyCode::F(1))], "the filter language").footer("language")
        .because("docs/FILTER.md"),
    bind("filter.back", Action::Back, FILTER, &[key(KeyCode::Esc)], "leave the filter as it was").footer("back"),
    bind("filter.quit", Action::Quit, FILTER, &[ctrl('c')], "quit"),
    bind("copy.curl", Action::CopyAs(Form::Curl, false), COPY, &[char('c')], "as a curl command").like("ringtail export --as curl <event>"),
    bind("copy.httpie", Action::CopyAs(Form::Httpie, false), COPY, &[char('h')], "as an HTTPie command").like("ringtail export --as httpie <event>"),
    bind("copy.raw", Action::CopyAs(Form::Raw, false), COPY, &[char('r')], "as the raw request").like("ringtail export --as raw <event>"),
    bind("copy.json", Action::CopyAs(Form::Json, false), COPY, &[char('j')], "as JSON, one line an event").like("ringtail export --as ndjson <event>"),
    bind("file.curl", Action::CopyAs(Form::Curl, true), COPY, &[char('C')], "curl, into a file").like("ringtail export --as curl --to <file> <event>"),
    bind("file.httpie", Action::CopyAs(Form::Httpie, true), COPY, &[char('H')], "HTTPie, into a file").like("ringtail export --as httpie --to <file> <event>"),
    bind("file.raw", Action::CopyAs(Form::Raw, true), COPY, &[char('R')], "raw, into a file").like("ringtail export --as raw --to <file> <event>"),
    bind("file.json", Action::CopyAs(Form::Json, true), COPY, &[char('J')], "JSON, into a file").like("ringtail export --as ndjson --to <file> <event>"),
    bind("copy.back", Action::Back, COPY, &[key(KeyCode::Esc), char('q'), char('y')], "copy nothing").footer("back"),
    bind("copy.quit", Action::Quit, COPY, &[ctrl('c')], "quit"),
    bind("palette.run", Action::Run, PALETTE, &[key(KeyCode::Enter)], "do it").footer("do it"),
    bind("palette.down", Action::Down, PALETTE, &[key(KeyCode::Down), key(KeyCode::Tab)], "next of the actions"),
    bind("palette.up", Action::Up, PALETTE, &[key(KeyCode::Up), key(KeyCode::BackTab)], "the one before"),
    bind("palette.back", Action::Back, PALETTE, &[key(KeyCode::Esc)], "do nothing").footer("back"),
    bind("palette.quit", Action::Quit, PALETTE, &[ctrl('c')], "quit"),
    bind("jump.go", Action::Run, JUMP, &[key(KeyCode::Enter)], "go there").footer("go"),
    bind("jump.back", Action::Back, JUMP, &[key(KeyCode::Esc)], "stay here").footer("back"),
    bind("jump.quit", Action::Quit, JUMP, &[ctrl('c')], "quit"),
    bind("options.replay", Action::Run, REPLAY, &[key(KeyCode::Enter)], "replay").footer("replay")
        .like("ringtail replay <event> <options>"),
    bind("options.complete", Action::Complete, REPLAY, &[key(KeyCode::Tab)], "complete the option").footer("complete"),
    bind("options.back", Action::Back, REPLAY, &[key(KeyCode::Esc)], "replay nothing").footer("back"),
    bind("options.quit", Action::Quit, REPLAY, &[ctrl('c')], "quit"),
    bind("comment.keep", Action::Run, COMMENT, &[key(KeyCode::Enter)], "keep the comment").footer("keep")
        .like("ringtail events mark <event> --comment <text>"),
    bind("comment.back", Action::Back, COMMENT, &[key(KeyCode::Esc)], "leave it as it was").footer("back"),
    bind("noise", Action::Noise, STUDY, &[char('i')], "tell what is not compared")
        .footer("ignore").like("ringtail events diff <event> --ignore <field>"),
    bind("noise.compare", Action::Run, NOISE, &[key(KeyCode::Enter)], "compare anew, without these").footer("compare")
        .like("ringtail events diff <event> --ignore <field>"),
    bind("noise.back", Action::Back, NOISE, &[key(KeyCode::Esc)], "leave it as it was").footer("back"),
    bind("noise.quit", Action::Quit, NOISE, &[ctrl('c')], "quit"),
    bind("comment.quit", Action::Quit, COMMENT, &[ctrl('c')], "quit"),
    bind("follow", Action::Follow, PANES, &[char('f')], "follow the newest event, or stop")
        .footer("follow").like("ringtail listen --output plain"),
    bind("hold", Action::Hold, PANES, &[char('H')], "hold events back, or let them go")
        .because("of a running `ringtail listen`; with --no-forward it sends none"),
    bind("clear", Action::Clear, LIST, &[char('c')], "clear the list; the history keeps all"),
    bind("theme", Action::Theme, READING, &[], "another theme").because("`theme` in the configuration file"),
    bind("mouse", Action::Mouse, READING, &[], "leave the mouse to the terminal, or not")
        .because("`mouse` in the configuration file"),
    bind("palette", Action::Palette, READING, &[char(':')], "find an action by its name").footer("actions"),
    bind("help", Action::Help, READING, &[char('?')], "this help").footer("help").like("ringtail listen --help"),
    bind("quit", Action::Quit, PANES, &[char('q'), ctrl('c')], "quit").footer("quit").because("Ctrl-C ends a command"),
    bind("study.quit", Action::Quit, STUDY, &[ctrl('c')], "quit"),
    bind("overlay.quit", Action::Quit, OVERLAY, &[ctrl('c')], "quit"),
    bind("suspend", Action::Suspend, ANY, &[ctrl('z')], "suspend (fg brings it back)").because("Ctrl-Z does it"),
];
