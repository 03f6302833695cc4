// The event beside the list: what it is, what the relay and the app answered, and its parts.
import { api, attempt, query } from "./api.js";
import { $, add, bytes, clock, el, fill, picture } from "./dom.js";
import { body } from "./lines.js";
import { tone } from "./list.js";

const TABS = [
  ["body", "Body"],
  ["headers", "Headers"],
  ["attempts", "Attempts"],
  ["timeline", "Timeline"],
  ["diff", "Diff"],
];

const FORMS = ["best", "raw", "hex"];

// Lines of a difference that are shown.
const MOST_LINES = 5000;

export class Detail {
  constructor({ masked, actions, open }) {
    this.masked = masked;
    this.actions = actions;
    this.open = open;
    this.tab = "body";
    this.form = "best";
    this.revealed = false;
    this.event = null;
    this.loading = null;
    $("tabs").addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.turn(by);
      $("tabs").querySelector("[aria-selected=true]").focus();
    });
  }

  get visible() {
    return !$("detail").hidden;
  }

  /** Shows an event by its id. */
  async show(id) {
    if (this.event?.id !== id) this.revealed = false;
    await this.load(id);
  }

  async load(id) {
    this.loading?.abort();
    const aborting = (this.loading = new AbortController());
    await attempt(async () => {
      const asked = query({ mask: this.masked(), reveal: this.revealed, bodies: "false" });
      this.event = await api(`/events/${id}${asked}`, undefined, aborting.signal);
      $("detail").hidden = false;
      document.querySelector("main").classList.add("open");
      this.about();
      this.tabs();
      await this.panel();
    });
  }

  reload() {
    if (this.event && this.visible) this.load(this.event.id);
  }

  close() {
    $("detail").hidden = true;
    document.querySelector("main").classList.remove("open");
  }

  about() {
    const event = this.event;
    const last = event.attempts.at(-1);
    const kind = event.kind === "notification" || event.kind === event.topic ? event.topic : `${event.topic}, ${event.kind}`;
    const proofs = event.signatures.map((it) => el("span", { class: { valid: "good", "not-configured": "dim" }[it.outcome] || "bad" }, `${it.scheme}: ${it.outcome}`));
    const notes = [
      event.forward === "rejected" && el("span", { class: "bad" }, "not forwarded: its signature or token is wrong or missing"),
      event.duplicate_of !== null && el("span", { class: "warn" }, `duplicate of #${event.duplicate_of}`),
      event.stranger && el("span", { class: "warn" }, `of another subscription, ${event.subscription_id}`),
      event.uuid_of !== null && el("span", { class: "warn" }, `same uuid as #${event.uuid_of}, other content`),
      event.new.length > 0 && el("span", { class: "warn" }, `new: ${event.new.map((field) => field.path).join(", ")}`),
    ].filter(Boolean);
    const line = (parts) => parts.map((part, at) => [at ? " · " : "", part]);
    fill(
      $("about"),
      el("h2", {}, event.marked && el("span", { class: "marks" }, "★ "), event.edited_from && "[edited] ", `#${event.seq}  ${event.summary}`),
      event.comment && el("p", { class: "marks" }, event.comment),
      el("p", { class: "dim" }, line([kind, clock(event.received_at, true), event.endpoint, `from ${event.peer}`, ...proofs])),
      el("p", { class: "mono" }, `${event.method} ${event.path || "/"}`),
      notes.length > 0 && el("p", {}, line(notes)),
      answers(event, last),
      el("div", { class: "actions" }, this.actions(event)),
      el("div", { id: "explained", "aria-live": "polite" }),
    );
  }

  tabs() {
    const names = { attempts: `Attempts ${this.event.attempts.length}`, headers: `Headers ${this.event.headers.length}` };
    fill(
      $("tabs"),
      TABS.map(([tab, name], at) =>
        el(
          "button",
          {
            role: "tab",
            type: "button",
            id: `tab-${tab}`,
            "aria-selected": String(tab === this.tab),
            "aria-controls": "panel",
            tabindex: tab === this.tab ? 0 : -1,
            title: `${name} (${at + 1})`,
            click: () => this.choose(tab),
          },
          names[tab] || name,
        ),
      ),
    );
    $("panel").setAttribute("aria-labelledby", `tab-${this.tab}`);
  }

  choose(tab, options) {
    this.tab = tab;
    this.options = options;
    if (!this.event) return;
    this.tabs();
    attempt(() => this.panel());
  }

  turn(by) {
    const at = TABS.findIndex(([tab]) => tab === this.tab);
    this.choose(TABS[(at + by + TABS.length) % TABS.length][0]);
  }

  nextForm() {
    this.form = FORMS[(FORMS.indexOf(this.form) + 1) % FORMS.length];
    this.choose("body");
  }

  path(part, values) {
    return `/events/${this.event.id}/${part}${query({ mask: this.masked(), ...values })}`;
  }

  async panel() {
    const { event, tab } = this;
    // What cannot be shown is told where it would be.
    const content = await this[tab]().catch((error) => el("p", { class: "dim" }, error.message));
    // Another event or part was chosen meanwhile.
    if (this.event !== event || this.tab !== tab) return;
    fill($("panel"), content);
  }

  async body() {
    const shown = await api(this.path("body", { form: this.form, reveal: this.revealed }));
    const forms = FORMS.map((form) =>
      el(
        "button",
        { type: "button", "aria-pressed": String(form === this.form), click: () => ((this.form = form), this.choose("body")) },
        { best: "Laid out", raw: "As received", hex: "Hexadecimal" }[form],
      ),
    );
    const about = el("span", { class: "dim" }, bytes(this.event.body_len));
    return [el("div", { class: "bar" }, forms, about), body(shown, this.event.new)];
  }

  async headers() {
    return fields(this.event.headers);
  }

  async attempts() {
    if (!this.event.attempts.length) return el("p", { class: "dim" }, "no attempt yet");
    return this.event.attempts.map((one, at) => this.attempt(one, at)).reverse();
  }

  attempt(one, at) {
    const answer = el("details", { toggle: (event) => event.target.open && this.answer(event.target, one, at) });
    answer.append(el("summary", {}, `answer: ${one.headers.length} headers, ${bytes(one.body_len)}`));
    return el(
      "section",
      { class: "attempt" },
      el("h3", {}, `${one.cause} → ${one.target}`),
      el("p", { class: "dim" }, `${clock(one.started_at, true)}, ${one.duration_ms} ms`),
      el(
        "p",
        { class: tone(one) },
        `${one.status ?? one.error_kind}: ${one.verdict}`,
        one.verdict_reason && `, ${one.verdict_reason} `,
        one.code && this.explainer(one.code),
      ),
      one.error && el("p", { class: "bad" }, one.error),
      answer,
    );
  }

  async answer(details, one, at) {
    if (details.children.length > 1) return;
    add(details, [fields(one.headers)]);
    await attempt(async () => details.append(body(await api(this.path("body", { attempt: at, reveal: this.revealed })))));
  }

  explainer(code) {
    return el("button", { type: "button", click: () => this.explain(code) }, `Explain ${code}`);
  }

  /** Explains the verdict, or hides the explanation. */
  async explain(code = this.event?.attempts.at(-1)?.code) {
    const box = $("explained");
    if (!box) return;
    if (box.firstChild) return fill(box);
    if (!code) return fill(box, el("p", { class: "dim" }, "nothing to explain: the answer is accepted, or there is none"));
    const explained = await attempt(() => api(`/explain${query({ text: code })}`));
    fill(
      box,
      (explained || []).map((it) =>
        el(
          "div",
          { class: "explained" },
          el("p", {}, el("strong", {}, it.code), " ", it.message),
          el("p", {}, it.meaning),
          el("ol", {}, it.causes.map((cause) => el("li", {}, cause))),
          el("ul", {}, it.next.map((next) => el("li", {}, next))),
        ),
      ),
    );
  }

  /** The call or conversation as a picture, and the same as text. */
  async timeline() {
    const response = await fetch(`/api/v1${this.path("timeline.svg")}`);
    if (!response.ok) throw new Error((await response.json()).error.message);
    const drawn = picture(await response.text());
    drawn.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link) return;
      event.preventDefault();
      this.open(link.dataset.event);
    });
    drawn.querySelector(`a[data-event="${this.event.id}"]`)?.classList.add("here");
    const course = await api(this.path("timeline"));
    const lines = course.type === "conversation" ? course.events.map((event) => this.row(event, `${clock(event.received_at, true)}  ${event.summary}`)) : this.steps(course);
    const title = el("p", {}, drawn.querySelector("title").textContent);
    return [title, drawn, el("details", {}, el("summary", {}, "As text"), el("div", { class: "lines" }, lines))];
  }

  steps({ parties, steps, missing }) {
    const label = (party) => parties[party]?.label || "?";
    const lost = missing.map(([from, to]) => (from === to ? from : `${from} to ${to}`));
    return [
      lost.length > 0 && el("div", { class: "warn" }, `did not arrive: ${lost.join(", ")}`),
      steps.map((step) => {
        const states = step.states.map((state) => `${label(state.party)}: ${state.state}${state.changed ? "" : " (as before)"}`);
        const marks = [step.repeated && " [repeated]", step.late && " [came late]"].filter(Boolean).join("");
        return this.row(step, `${step.sequence ?? "–"}  ${states.join("; ")}${marks}`);
      }),
    ];
  }

  row({ id, seq }, words) {
    const here = id === this.event.id;
    return el("div", { class: here ? "here" : null }, el("button", { type: "button", class: "fold", click: () => this.open(id), "aria-label": `Open #${seq}` }, "→"), ` #${seq}  ${words}`);
  }

  async diff() {
    const options = this.options || {};
    const before = this.event.edited_from ? "With the original" : this.event.duplicate_of === null ? "With the one before" : "With the one it repeats";
    const diff = await api(this.path("diff", options)).catch((error) => ({ error }));
    const bar = el(
      "div",
      { class: "bar" },
      el("button", { type: "button", "aria-pressed": String(!options.answers && !options.other), click: () => this.choose("diff", {}) }, before),
      el("button", { type: "button", "aria-pressed": String(Boolean(options.answers)), click: () => this.choose("diff", { answers: true }) }, "Last two answers"),
    );
    if (diff.error) return [bar, el("p", { class: "dim" }, diff.error.message)];
    const names = el("div", { class: "pair" }, el("div", { class: "del" }, `--- ${diff.from}`), el("div", { class: "add" }, `+++ ${diff.to}`));
    const lines = sides(diff.lines.slice(0, MOST_LINES)).map(([left, right]) => el("div", { class: left === right ? "same" : "pair" }, side(left, "-"), side(right, "+")));
    const more = diff.lines.length - MOST_LINES;
    if (more > 0) lines.push(el("p", { class: "warn" }, `… ${more} more lines; \`ringtail events diff\` prints all of them`));
    const skipped = diff.not_compared.length > 0 && el("p", { class: "dim" }, `not compared: ${diff.not_compared.join(", ")}`);
    return [bar, diff.changes === 0 && el("p", {}, "no difference"), skipped, el("div", { class: "lines sides", role: "group", "aria-label": "Difference" }, names, lines)];
  }
}

/** Puts what was removed beside what was added in its place: pairs of lines, either of which may be missing. */
function sides(lines) {
  const pairs = [];
  for (let at = 0; at < lines.length; ) {
    const run = (mark) => {
      const began = at;
      while (lines[at]?.[0] === mark) at++;
      return lines.slice(began, at);
    };
    const [removed, added] = [run("-"), run("+")];
    for (let row = 0; row < Math.max(removed.length, added.length); row++) pairs.push([removed[row], added[row]]);
    if (!removed.length && !added.length) pairs.push([lines[at], lines[at++]]);
  }
  return pairs;
}

function side(line, own) {
  if (!line) return el("div", { class: "none" });
  const [mark, text] = line;
  if (mark === "…") return el("div", { class: "dim" }, `  … ${text} equal lines …`);
  return el("div", { class: { "+": "add", "-": "del" }[mark], "aria-hidden": mark === " " && own === "+" ? "true" : null }, `${mark} ${text}`);
}

function fields(headers) {
  const rows = headers.map(([name, value, base64]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value ?? el("span", { class: "warn" }, `(base64) ${base64}`))),
  );
  return el("table", { class: "fields" }, el("tbody", {}, rows));
}

/** Two rows: what the relay answered, and what the app did, beside RingCentral's limits. */
function answers(event, last) {
  // The relay answers for an app that sent nothing.
  const waited = event.attempts.findLast((one) => one.cause === "passthrough");
  const unanswered = waited?.error_kind && !waited.headers.length;
  const passed = waited?.error_kind === "timed-out" ? "504 from the relay: the app did not answer in time" : "502 from the relay: the app did not answer";
  // RingCentral judges only what it waits for.
  const judged = last?.verdict !== "unjudged";
  // RingCentral has not sent an edited copy.
  const relay = !event.edited_from && {
    answered: "answered by the relay",
    pending: "200 from the relay, once stored",
    passed: unanswered ? passed : "the app's own answer",
  }[event.disposition];
  const pending = event.forward === "pending";
  const app = last
    ? el(
        "td",
        {},
        pending && "pending · ",
        el("span", { class: tone(last) }, `${last.status ?? last.error_kind} ${last.verdict}`),
        ` · ${last.duration_ms} ms${judged ? " of 3000" : ""}`,
        last.status !== undefined && ` · ${bytes(last.body_len)}${judged ? " of 1024 B" : ""}`,
        last.verdict_reason && el("span", { class: "dim" }, ` · ${last.verdict_reason}`),
      )
    : el("td", { class: "dim" }, pending ? "pending" : "not asked");
  return el(
    "table",
    {},
    el(
      "tbody",
      {},
      relay !== false && el("tr", {}, el("th", { scope: "row" }, "RingCentral got"), el("td", {}, relay || event.disposition)),
      el("tr", {}, el("th", { scope: "row" }, "The app"), app),
    ),
  );
}
