// The list: rows of the history in memory, of which only the visible ones are elements. Oldest first, as in the terminal UI.
import { $, clock, el } from "./dom.js";

const ROW = 24;
const MARGIN = 12;
// Bookmarks of an update: ringtail_views::PAGE.
const MOST_BOOKMARKS = 500;
// An update with at most so many new rows animates them.
const FEW = 5;
// Rows in memory. Beyond it the far end is forgotten, and read again when it is scrolled to.
const MOST = 100_000;
// Gaps in memory. Older ones are forgotten first.
const MOST_GAPS = 1000;

export class List {
  constructor({ opened, older, newest }) {
    this.onOpen = opened;
    this.onOlder = older;
    this.onNewest = newest;
    this.grid = $("grid");
    this.body = $("rows");
    this.head = $("columns");
    this.shown = new Map();
    this.chosen = new Set();
    this.drawing = false;
    this.clear();
    this.grid.addEventListener("scroll", () => this.scrolled());
    new ResizeObserver(() => (this.following ? this.toEnd() : this.draw())).observe(this.grid);
    this.body.addEventListener("click", (event) => {
      const at = this.at(event.target);
      if (at < 0) return;
      if (event.shiftKey || event.ctrlKey || event.metaKey) this.choose(this.rows[at]);
      else this.go(at);
      this.grid.focus();
    });
    this.body.addEventListener("dblclick", (event) => this.at(event.target) >= 0 && this.onOpen(this.event, true));
  }

  clear() {
    this.rows = [];
    this.ids = new Map();
    this.gaps = [];
    this.endpoints = new Set();
    this.current = -1;
    this.following = true;
    this.next = null;
    // Whether the newest rows are forgotten.
    this.ends = false;
    this.chosen.clear();
    this.draw();
  }

  /** What a reload of the same rows keeps. */
  place() {
    const { scrollTop } = this.grid;
    const top = this.rows[Math.floor(scrollTop / ROW)]?.id;
    return { top, rest: scrollTop % ROW, current: this.event?.id, chosen: [...this.chosen], following: this.following, count: this.rows.length };
  }

  /** Whether rows of a place are to be read yet. */
  lacks(place) {
    if (!place || this.rows.length >= place.count) return false;
    const wanted = [place.current, place.following ? undefined : place.top, ...place.chosen];
    return wanted.some((id) => id !== undefined && !this.ids.has(id));
  }

  restore({ top, rest, current, chosen, following }) {
    const at = (id) => this.rows.indexOf(this.ids.get(id));
    this.chosen = new Set(chosen.filter((id) => this.ids.has(id)));
    this.current = at(current);
    if (following || at(top) < 0) return this.toEnd();
    this.following = false;
    this.grid.scrollTop = at(top) * ROW + rest;
    this.draw();
  }

  get event() {
    return this.rows[this.current];
  }

  at(target) {
    const row = target.closest("[data-at]");
    return row ? Number(row.dataset.at) : -1;
  }

  /** Puts a page of older rows before the others. */
  before(rows, next) {
    const fresh = rows.filter((row) => !this.ids.has(row.id));
    this.next = next;
    const top = this.grid.scrollTop;
    this.rows = fresh.concat(this.rows);
    this.share(fresh);
    if (this.current >= 0) this.current += fresh.length;
    this.index();
    this.bound();
    this.size();
    if (this.following) this.toEnd();
    else this.grid.scrollTop = top + fresh.length * ROW;
    this.draw();
  }

  /** Adds rows at their positions; most are newer than all others. */
  add(rows) {
    const event = this.event;
    const fresh = [];
    const last = this.rows.at(-1)?.position ?? -1;
    for (const row of rows) {
      const known = this.ids.get(row.id);
      if (known) Object.assign(known, row);
      else if (this.ends && row.position > last) $("newest").hidden = false;
      else fresh.push(row);
    }
    const inOrder = fresh.every((row) => row.position > last);
    this.rows.push(...fresh);
    this.share(fresh);
    if (!inOrder) this.rows.sort((one, other) => one.position - other.position);
    fresh.forEach((row) => this.ids.set(row.id, row));
    // An animation repaints at each frame, which costs too much in a burst.
    if (fresh.length <= FEW) fresh.forEach((row) => (row.fresh = true));
    if (!inOrder && event) this.current = this.rows.indexOf(event);
    this.bound();
    this.size();
    if (this.following) this.toEnd();
    else if (fresh.length) $("newest").hidden = false;
    this.draw();
  }

  /** Remembers who shares the list: rows of several endpoints each name theirs. */
  share(fresh) {
    const before = this.endpoints.size;
    // Edited copies have an endpoint of their own, and a mark.
    fresh.forEach((row) => row.edited_from || this.endpoints.add(row.endpoint));
    if (before !== this.endpoints.size) this.rows.forEach((row) => (row.changed = true));
  }

  /** The endpoint of a row if there are several, by its name if no other has it. */
  label({ endpoint, edited_from: edited }) {
    if (this.endpoints.size < 2) return edited ? "edited" : null;
    const name = (id) => id.replace(/-[^-]*$/, "");
    const alike = [...this.endpoints].filter((other) => name(other) === name(endpoint));
    return edited || alike.length > 1 ? endpoint : name(endpoint);
  }

  /** Forgets the oldest rows while the newest are followed, else the newest. */
  bound() {
    const excess = this.rows.length - MOST;
    if (excess <= 0) return;
    const event = this.event;
    const gone = this.following ? this.rows.splice(0, excess) : this.rows.splice(MOST);
    for (const row of gone) {
      this.ids.delete(row.id);
      this.chosen.delete(row.id);
    }
    if (this.following) this.next = this.rows[0].position;
    else this.ends = true;
    this.current = event ? this.rows.indexOf(event) : -1;
  }

  index() {
    this.ids = new Map(this.rows.map((row) => [row.id, row]));
  }

  /** Records an attempt on its row, if it is in memory. */
  attempt(attempt) {
    const row = this.ids.get(attempt.event_id);
    if (!row) return;
    row.last_attempt = attempt;
    if (attempt.cause === "forward" && row.forward === "pending") row.forward = "done";
    this.stale(row);
  }

  /** Sets the bookmarks: the newest of the history, by position. Rows older than a full list keep theirs. */
  bookmarks(all) {
    const comments = new Map(all.map((one) => [one.position, one.comment]));
    const oldest = all.length < MOST_BOOKMARKS ? 0 : all.at(-1).position;
    for (const row of this.rows) {
      if (row.position < oldest) continue;
      const marked = comments.has(row.position);
      if (marked === row.marked && (!marked || comments.get(row.position) === row.comment)) continue;
      row.marked = marked;
      row.comment = marked ? comments.get(row.position) : null;
      this.stale(row);
    }
  }

  stale(row) {
    row.changed = true;
    this.draw();
  }

  addGaps(gaps) {
    this.gaps = this.gaps.concat(gaps).slice(-MOST_GAPS);
    this.rows.forEach((row) => this.gapBefore(row) && this.stale(row));
  }

  gapBefore(row) {
    return this.gaps.find((gap) => gap.endpoint === row.endpoint && gap.last === row.seq - 1);
  }

  size() {
    this.body.style.height = `${this.rows.length * ROW}px`;
    this.grid.setAttribute("aria-rowcount", this.next === null ? this.rows.length + 1 : -1);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.grid;
    this.following = scrollHeight - scrollTop - clientHeight < ROW;
    if (this.following && this.ends) return this.onNewest();
    if (this.following) $("newest").hidden = true;
    if (scrollTop < 20 * ROW && this.next !== null) this.onOlder(this.next);
    this.draw();
  }

  toEnd() {
    if (this.ends) return this.onNewest();
    this.following = true;
    $("newest").hidden = true;
    this.grid.scrollTop = this.grid.scrollHeight;
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.paint();
    });
  }

  paint() {
    const { scrollTop, clientHeight } = this.grid;
    const from = Math.max(0, Math.floor(scrollTop / ROW) - MARGIN);
    const to = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / ROW) + MARGIN);
    const wanted = new Set(this.rows.slice(from, to));
    for (const [row, element] of this.shown) {
      if (wanted.has(row) && !row.changed) continue;
      element.remove();
      this.shown.delete(row);
    }
    for (let at = from; at < to; at++) {
      const row = this.rows[at];
      row.changed = false;
      let element = this.shown.get(row);
      if (!element) {
        element = this.element(row);
        this.shown.set(row, element);
        this.body.append(element);
      }
      element.style.top = `${at * ROW}px`;
      element.dataset.at = at;
      element.id = `row-${row.position}`;
      element.setAttribute("aria-rowindex", at + 2);
      element.setAttribute("aria-selected", this.chosen.has(row.id) ? "true" : "false");
      element.classList.toggle("current", at === this.current);
    }
    const current = this.event;
    if (current && this.shown.has(current)) this.grid.setAttribute("aria-activedescendant", `row-${current.position}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  element(row) {
    const last = row.last_attempt;
    const label = this.label(row);
    const marks = [
      label && el("span", { class: "dim" }, `[${label}] `),
      row.marked && el("span", { class: "marks", title: row.comment || "bookmarked" }, "★ "),
      row.new?.length > 0 && el("span", { class: "warn", title: "has new fields" }, "◆ "),
      row.duplicate_of !== null && el("span", { class: "warn" }, `[duplicate of ${row.duplicate_of}] `),
      row.stranger && el("span", { class: "warn" }, "[other subscription] "),
      row.forward === "rejected" && el("span", { class: "bad" }, "[rejected] "),
      this.gapBefore(row) && el("span", { class: "warn" }, `[${this.gapBefore(row).first} to ${this.gapBefore(row).last} are lost] `),
    ];
    const cell = (name, ...content) => el("span", { class: name, role: "gridcell" }, content);
    const element = el(
      "div",
      { role: "row", class: row.fresh ? "fresh" : null },
      cell("seq", row.seq),
      cell("time", clock(row.received_at)),
      cell("topic", row.topic),
      cell("summary", marks, row.summary),
      cell(`status ${tone(last)}`, status(row)),
      cell(`verdict ${tone(last)}`, last ? last.verdict : ""),
      cell("took", last ? Math.round(last.duration_ms) : ""),
    );
    row.fresh = false;
    return element;
  }

  /** Makes a row the current one and scrolls to it. */
  go(at) {
    if (!this.rows.length) return;
    this.current = Math.max(0, Math.min(this.rows.length - 1, at));
    const top = this.current * ROW;
    const { scrollTop, clientHeight } = this.grid;
    const room = clientHeight - this.head.offsetHeight;
    if (top < scrollTop) this.grid.scrollTop = top;
    else if (top + ROW > scrollTop + room) this.grid.scrollTop = top + ROW - room;
    this.draw();
    this.onOpen(this.event, false);
  }

  move(by) {
    const from = this.current < 0 ? this.rows.length : this.current;
    this.go(from + by);
  }

  page() {
    return Math.max(1, Math.floor(this.grid.clientHeight / ROW) - 2);
  }

  choose(row) {
    if (!row) return;
    if (!this.chosen.delete(row.id)) this.chosen.add(row.id);
    this.draw();
  }

  /** The selected events in the order of the history, or the current one. */
  selection() {
    if (this.chosen.size) return this.rows.filter((row) => this.chosen.has(row.id));
    return this.event ? [this.event] : [];
  }
}

export function status(row) {
  // A one-time callback that finds the app down has an attempt, and is delivered later.
  if (row.forward === "pending") return "pending";
  const last = row.last_attempt;
  return last ? (last.status ?? last.error_kind) : "";
}

export function tone(attempt) {
  if (!attempt || attempt.verdict === "unjudged") return "dim";
  return attempt.verdict === "ok" ? "good" : "bad";
}

