// Puts the page together: the list, the event beside it, the live updates and the keys.
import * as actions from "./actions.js";
import { api, attempt, query } from "./api.js";
import { $, button, copy, dialog, el, notice } from "./dom.js";
import { ChartPane } from "./chart.js";
import { Detail } from "./detail.js";
import { FilterBox } from "./filter.js";
import * as tree from "./lines.js";
import { List } from "./list.js";
import * as state from "./state.js";

// Only widths and theme stay in the browser.
const kept = (name) => localStorage.getItem(`ringtail-${name}`) || "";
const keep = (name, value) => localStorage.setItem(`ringtail-${name}`, value);

let filter = "";
let mask = false;
let status = null;
let source = null;
/** Where the list ends in the history; empty before the first page. */
let position = "";
let asked = 0;
let older = null;
/** Whether the rows of the list are masked. */
let masksRows = false;
/** The engine whose address the last key copied, or -1. */
let copied = -1;

const list = new List({
  opened: (event, focus) => {
    if (!event) return;
    copied = -1;
    place({ replace: true });
    if (detail.visible || focus) openEvent(event.id, focus);
  },
  older: loadOlder,
  newest: () => load(),
});

const detail = new Detail({
  masked: () => mask,
  open: (id) => openEvent(id, true),
  actions: (event) => [
    tool("Replay", "r", () => run(actions.replay([event], "", mask))),
    tool("Replay with …", "R", () => run(actions.replayWith([event], mask))),
    tool("Edit", "E", () => edited(event)),
    tool("Compare answers", "C", () => compared([event])),
    tool(event.marked ? "Bookmarked" : "Bookmark", "m", () => actions.toggle(event, mask), event.marked),
    tool("Comment", "M", () => actions.comment(event, mask)),
    tool("Export", "y", () => actions.exportAs([event], filter, mask)),
    tool("Secrets", "s", reveal, detail.revealed),
    tool("Explain", "e", () => detail.explain()),
    tool("Close", "Esc", closeEvent),
  ],
});

const chart = new ChartPane(() => filter);

const box = new FilterBox((text) => {
  filter = text;
  place({});
  load();
  chart.draw();
  $("grid").focus();
});

function tool(words, key, click, pressed) {
  return el("button", { type: "button", title: `${words} (${key})`, click, "aria-pressed": pressed === undefined ? null : String(pressed) }, words);
}

/** Reads the newest page, and follows from there. Until it is here, and if it does not come, the rows stay. Returns false if it does not. */
async function load({ keep } = {}) {
  const mine = ++asked;
  source?.close();
  position = "";
  try {
    const page = await api(`/events${query({ filter, mask })}`);
    if (mine !== asked) return undefined;
    box.wrong(null);
    const kept = keep && list.place();
    list.clear();
    masksRows = mask;
    $("mask").setAttribute("aria-pressed", String(mask));
    list.before(page.events, page.next);
    // All gaps are wanted, also old ones.
    position = page.position.split(".").with(2, "0").join(".");
    follow();
    counted();
    // A search that takes longer goes on.
    while (mine === asked && list.next !== null && (list.rows.length < 60 || list.lacks(kept))) if (!(await loadOlder(list.next))) break;
    if (mine === asked && kept) list.restore(kept);
    counted();
  } catch (error) {
    if (mine !== asked) return undefined;
    // The button says what the rows are.
    mask = masksRows;
    if (error.column) {
      list.clear();
      box.wrong(error);
    } else lost(error.message);
    return false;
  }
  return true;
}

/** Reads a page of older rows, one at a time. Returns whether it came. */
function loadOlder(before) {
  older ??= readOlder(before).finally(() => (older = null));
  return older;
}

async function readOlder(before) {
  const mine = asked;
  const read = await attempt(async () => {
    const page = await api(`/events${query({ filter, mask, before })}`);
    if (mine === asked) list.before(page.events, page.next);
    return true;
  });
  counted();
  return read;
}

function counted() {
  const count = list.rows.length.toLocaleString("en");
  const more = list.next !== null;
  $("count").textContent = `${count}${more ? "+" : ""} event${count === "1" && !more ? "" : "s"}${list.chosen.size ? `, ${list.chosen.size} selected` : ""}`;
  $("empty").hidden = list.rows.length > 0 || list.next !== null;
  $("empty").textContent = state.firstSteps(status, filter);
}

/** Follows the history by server-sent events. The browser reconnects, and goes on where it was. A hidden page rests. */
function follow() {
  source?.close();
  if (document.hidden) return;
  source = new EventSource(`/api/v1/stream${query({ filter, mask, since: position })}`);
  const mine = source;
  source.addEventListener("open", () => state.show(status, null));
  source.addEventListener("status", (event) => {
    status = JSON.parse(event.data);
    if (status.masked) mask = true;
    $("mask").setAttribute("aria-pressed", String(mask));
    state.show(status, null);
    counted();
  });
  source.addEventListener("updates", (event) => {
    position = event.lastEventId;
    received(JSON.parse(event.data));
  });
  source.addEventListener("failed", (event) => notice(event.data));
  source.addEventListener("error", () => {
    if (mine !== source) return;
    lost("this page lost its server; trying again");
  });
}

function lost(why) {
  state.show(null, why);
  if (!source || source.readyState === EventSource.CLOSED) again();
}

let retry = 0;

function again() {
  clearTimeout(retry);
  retry = setTimeout(() => load({ keep: true }), 2000);
}

function received({ events, matching, attempts, gaps, new_fields: fields, bookmarks }) {
  list.add(events.concat(matching));
  attempts.forEach((one) => list.attempt(one));
  if (gaps.length) list.addGaps(gaps);
  for (const one of fields) {
    const row = list.ids.get(one.event_id);
    if (row) list.stale(Object.assign(row, { new: one.new }));
  }
  if (bookmarks) list.bookmarks(bookmarks);
  const id = detail.event?.id;
  if (bookmarks || attempts.some((one) => one.event_id === id)) detail.reload();
  counted();
}

/** Keeps filter and event in the address, so that back, reload and another browser show the same. */
function place({ replace }) {
  const parts = [];
  if (filter) parts.push(`f=${encodeURIComponent(filter).replaceAll("%20", "+").replaceAll("%3A", ":")}`);
  if (list.event && (detail.visible || replace)) parts.push(`e=${list.event.id}`);
  const hash = parts.length ? `#${parts.join("&")}` : location.pathname;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

async function placed() {
  const values = new URLSearchParams(location.hash.slice(1));
  const wanted = values.get("f") || "";
  box.set(wanted);
  if (wanted !== filter || !source) {
    filter = wanted;
    await load();
  }
  const event = values.get("e");
  if (event) await openEvent(event, false);
}

async function openEvent(id, focus) {
  await detail.show(id);
  const at = list.rows.findIndex((row) => row.id === detail.event?.id);
  if (at >= 0 && at !== list.current) list.go(at);
  else if (at < 0) list.draw();
  place({ replace: true });
  if (focus) $("panel").focus();
}

function closeEvent() {
  detail.close();
  $("grid").focus();
  history.replaceState(null, "", filter ? `#f=${encodeURIComponent(filter)}` : location.pathname);
}

const opened = () => (detail.visible ? detail.event : null);
const subjects = () => (list.chosen.size ? list.selection() : opened() ? [opened()] : list.selection());
const subject = () => opened() || list.event || list.rows.at(-1);
const withSubject = (action) => () => (subject() ? action(subject()) : notice("no event is selected"));

/** Shows an event's attempts after a replay of it. */
async function run(replayed) {
  if ((await replayed) && opened()) detail.choose("attempts");
}

async function edited(event) {
  const sent = await actions.edit(event, mask);
  if (!sent) return;
  detail.tab = "attempts";
  await openEvent(sent.event, false);
}

async function compared(events) {
  const report = await actions.replay(events, "--compare", mask);
  if (report && events.length === 1 && opened()) detail.choose("diff", { answers: true });
}

function reveal() {
  detail.revealed = !detail.revealed;
  detail.reload();
}

function part(tab, options) {
  return withSubject(async (event) => {
    if (!opened()) await openEvent(event.id, false);
    detail.choose(tab, options);
    $("panel").focus();
  });
}

/** Two selected events are compared with each other, one with the event before it. */
const differences = () => {
  const two = list.selection();
  if (list.chosen.size !== 2) return part("diff")();
  return openEvent(two[1].id, false).then(() => detail.choose("diff", { other: two[0].id }));
};

async function masked() {
  if (status?.masked) return notice("everything is masked: started with --mask");
  mask = !mask;
  const wanted = mask;
  detail.revealed = false;
  detail.reload();
  if ((await load({ keep: true })) === false) notice(`${wanted ? "not" : "still"} masked: this page lost its server`);
}

/** Copies the address of the current event's endpoint; as the next key once more, that of the next one. */
function copyAddress() {
  const engines = status?.engines.filter((it) => it.url) || [];
  if (!engines.length) return notice("no address: this process does not listen");
  const endpoint = subject()?.endpoint;
  const own = engines.findIndex((it) => it.endpoint === endpoint || `${it.name}-edited` === endpoint);
  copied = copied < 0 ? Math.max(0, own) : (copied + 1) % engines.length;
  return copy(engines[copied].url);
}

function theme() {
  const themes = ["", "light", "dark"];
  const next = themes[(themes.indexOf(kept("theme")) + 1) % themes.length];
  keep("theme", next);
  document.documentElement.dataset.theme = next;
  notice(`theme: ${next || "as the system"}`);
}

const boxOf = () => $("panel").querySelector("[role=tree]");
const inTree = () => detail.tab === "body" && boxOf() && $("panel").contains(document.activeElement);
const move = (by) => () => (inTree() ? tree.walk(boxOf(), by) : scrolls() ? $("panel").scrollBy(0, by * 40) : list.move(by));
const scrolls = () => detail.visible && $("panel").contains(document.activeElement);
const turnPage = (by) => () => (scrolls() ? $("panel").scrollBy(0, by * $("panel").clientHeight * 0.9) : list.move(by * list.page()));
const ends = (last) => () => {
  if (scrolls()) return $("panel").scrollTo(0, last ? 1e9 : 0);
  if (last) list.toEnd();
  return list.go(last ? list.rows.length - 1 : 0);
};

// One table for dispatch and help; names and keys are those of the terminal UI where both have the action.
const KEYS = [
  ["j ArrowDown", "down", move(1)],
  ["k ArrowUp", "up", move(-1)],
  ["PageDown Space", "a page down", turnPage(1)],
  ["PageUp", "a page up", turnPage(-1)],
  ["g Home", "oldest event that is loaded, or top", ends(false)],
  ["G End", "newest event, or bottom", ends(true)],
  ["Enter l ArrowRight", "open the event; fold or unfold JSON", () => (inTree() ? tree.fold(tree.current(boxOf())) : withSubject((event) => openEvent(event.id, true))())],
  ["Escape h ArrowLeft", "back to the list", () => (detail.visible ? closeEvent() : list.chosen.size && unselect())],
  ["J n", "next event", () => list.move(1)],
  ["K p", "previous event", () => list.move(-1)],
  ["1 2 3 4 5", "body, headers, attempts, timeline, diff", (key) => part(["body", "headers", "attempts", "timeline", "diff"][key - 1])()],
  ["/", "filter the list", () => ($("filter").focus(), $("filter").setSelectionRange(4096, 4096))],
  ["f", "follow the newest event, or stop", () => (list.following ? (list.following = false) : list.toEnd())],
  ["r", "replay the event or the selection", () => run(actions.replay(subjects(), "", mask))],
  ["R", "replay with options: target, faults …", () => run(actions.replayWith(subjects(), mask))],
  ["E", "edit a copy and send that", withSubject(edited)],
  ["C", "replay and compare the answers", () => compared(subjects())],
  ["e", "explain the verdict", withSubject(async (event) => (opened() || (await openEvent(event.id, false)), detail.explain()))],
  ["t", "timeline of its call or conversation", part("timeline")],
  ["T", "rate, verdicts and response time of the listed events", () => chart.toggle()],
  ["d", "diff with the previous one of its kind, or of two selected", differences],
  ["D", "diff of its last two answers", part("diff", { answers: true })],
  ["y", "copy or save the event or the selection", () => actions.exportAs(subjects(), filter, mask)],
  ["a", "copy the address; again: the next one", copyAddress],
  ["m", "bookmark the event, or remove it", withSubject((event) => actions.toggle(event, mask))],
  ["M", "bookmark with a comment", withSubject((event) => actions.comment(event, mask))],
  ["v", "select or unselect the event", () => (list.choose(list.event), counted())],
  ["*", "select all loaded events", () => (list.rows.forEach((row) => list.chosen.add(row.id)), list.draw(), counted())],
  ["V", "unselect all", () => unselect()],
  ["s", "show or hide the event's secrets", () => opened() && reveal()],
  ["P", "mask or unmask personal data", masked],
  ["H", "pause or resume forwarding", pause],
  ["x", "body laid out, as received, in hexadecimal", () => opened() && detail.nextForm()],
  ["o", "fold or unfold JSON", () => boxOf() && tree.fold(tree.current(boxOf()))],
  ["O", "fold or unfold all JSON", () => boxOf() && tree.foldAll(boxOf())],
  ["Y", "copy the JSON path", () => boxOf() && tree.copyPath(boxOf())],
  ["?", "this help", help],
];

function unselect() {
  list.chosen.clear();
  list.draw();
  counted();
}

function pause() {
  const own = status?.engines.filter((it) => it.here) || [];
  if (!own.length) return notice("another process listens: pause there");
  const paused = own.some((it) => it.paused);
  return attempt(() => api("/pause", { paused: !paused }));
}

function help() {
  const words = (keys) => keys.replace("ArrowDown", "↓").replace("ArrowUp", "↑").replace("ArrowRight", "→").replace("ArrowLeft", "←").replace("Escape", "Esc");
  const rows = KEYS.map(([keys, what]) => el("div", {}, el("kbd", {}, words(keys)), el("span", {}, what)));
  const more = el("p", { class: "dim" }, "Shift-click selects. In the filter box Tab completes a word, and Esc leaves it. docs/FILTER.md has the language.");
  dialog("Keys", [el("div", { class: "keys" }, rows), more], button("", "Close", true));
}

const ACTION = new Map(KEYS.flatMap(([keys, , action]) => keys.split(" ").map((key) => [key === "Space" ? " " : key, action])));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("dialog").open) return;
  const target = event.target;
  if (target.matches("input, textarea, select")) return;
  // Buttons, tabs and summaries keep their own keys.
  if (target.matches("button, summary, a, [role=separator]") && [" ", "Enter", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const action = ACTION.get(event.key);
  if (!action) return;
  event.preventDefault();
  if (event.key !== "a") copied = -1;
  action(event.key);
});

/** The width of the list, by mouse or keys. */
function divider() {
  const set = (percent) => {
    const width = `${Math.max(15, Math.min(85, percent))}%`;
    document.documentElement.style.setProperty("--list", width);
    $("divider").setAttribute("aria-valuenow", parseInt(width, 10));
    keep("list", width);
  };
  set(parseFloat(kept("list")) || 50);
  const at = (event) => set((event.clientX / window.innerWidth) * 100);
  $("divider").addEventListener("pointerdown", (event) => {
    $("divider").setPointerCapture(event.pointerId);
    $("divider").addEventListener("pointermove", at);
  });
  $("divider").addEventListener("pointerup", () => $("divider").removeEventListener("pointermove", at));
  $("divider").addEventListener("dblclick", () => set(50));
  $("divider").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
    if (by) set((parseFloat(kept("list")) || 50) + by);
  });
}

document.documentElement.dataset.theme = kept("theme");
divider();
$("newest").addEventListener("click", () => list.toEnd());
$("mask").addEventListener("click", masked);
$("theme").addEventListener("click", theme);
$("help").addEventListener("click", help);
$("pause").addEventListener("click", pause);
$("charts").addEventListener("click", () => chart.toggle());
$("export").addEventListener("click", () => actions.exportAs(list.chosen.size ? list.selection() : [], filter, mask));
window.addEventListener("popstate", placed);
document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : position && follow()));
placed().then(() => list.event || $("grid").focus());
