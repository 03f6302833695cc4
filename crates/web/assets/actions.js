// What is done with events: replay, edit, bookmark, copy. The client does it; this page only asks.
import { api, attempt, query } from "./api.js";
import { button, copy, dialog, el, notice } from "./dom.js";

/** One line about a replay. */
function told(report) {
  const parts = [`${report.sent} sent, ${report.accepted} accepted`];
  if (report.sent === 1 && report.last) parts[0] = `${report.last.status ?? report.last.error_kind} in ${report.last.duration_ms} ms: ${report.last.verdict}`;
  if (report.table) parts.push(report.table.title);
  if (report.left_out) parts.push(`${report.left_out} left out`);
  if (report.not_sent) parts.push(`${report.not_sent} not sent`);
  if (report.gone) parts.push(`${report.gone} deleted meanwhile`);
  if (report.seed !== null) parts.push(`--seed ${report.seed}`);
  return parts.join("; ");
}

export async function replay(events, options, mask) {
  if (!events.length) return notice("no event is selected");
  notice(`sending ${events.length === 1 ? `#${events[0].seq}` : `${events.length} events`} …`);
  const report = await attempt(() => api("/replay", { events: events.map((event) => event.id), options, mask }));
  if (!report) return undefined;
  notice(told(report));
  if (report.table?.rows.length) await table(report.table);
  return report;
}

async function table({ title, rows }) {
  const several = new Set(rows.map(({ event }) => event.endpoint)).size > 1;
  const number = (event) => (several ? `${event.endpoint}/${event.seq}` : `#${event.seq}`);
  const lines = rows.map(({ event, result }) => el("tr", {}, el("td", { class: "dim" }, number(event)), el("td", { class: "warn" }, result), el("td", {}, event.summary)));
  await dialog(title, el("table", { class: "fields" }, el("tbody", {}, lines)), button("", "Close"));
}

let lastOptions = "";

/** Asks for the options of `ringtail replay`, which the server checks and completes. */
export async function replayWith(events, mask) {
  if (!events.length) return notice("no event is selected");
  const words = el("p", { class: "dim", "aria-live": "polite" });
  const input = el("input", { type: "text", id: "options", value: lastOptions, spellcheck: "false", autocomplete: "off", placeholder: "--target 3001 --compare --timing --dry-run" });
  const check = async () => {
    const answer = await attempt(() => api(`/replay/options${query({ text: input.value })}`));
    if (!answer) return;
    words.className = answer.error ? "bad" : "dim";
    words.textContent = answer.error || answer.about || answer.words.join("  ");
  };
  input.addEventListener("input", check);
  check();
  const count = events.length === 1 ? `#${events[0].seq}` : `${events.length} events`;
  const chosen = await dialog(`Replay ${count} with options`, [el("label", { for: "options" }, "Options of `ringtail replay`", input), words], [button("", "Cancel"), button("send", "Replay", true)]);
  if (chosen !== "send") return undefined;
  lastOptions = input.value;
  return replay(events, input.value, mask);
}

/** Edits a copy, and sends it. The text has the request's secrets, so it is only read when it is edited. */
export async function edit(event, mask) {
  if (mask) return notice("an event is not edited while personal data is masked: P unmasks it");
  const read = await attempt(() => api(`/events/${event.id}/text`));
  if (!read) return undefined;
  const text = el("textarea", { id: "text", spellcheck: "false" });
  text.value = read.text;
  const options = el("input", { type: "text", id: "options", placeholder: "--target 3001 --sign", spellcheck: "false" });
  for (;;) {
    const chosen = await dialog(
      `Edit #${event.seq} and send the copy`,
      [el("p", { class: "dim" }, "Includes the request's secrets. What is not edited keeps its bytes. Ctrl-Enter sends."), el("label", { for: "text" }, "Request", text), el("label", { for: "options" }, "Options of `ringtail replay`", options)],
      [button("", "Cancel"), button("send", "Send", true)],
    );
    if (chosen !== "send") return undefined;
    const sent = await attempt(() => api(`/events/${event.id}/edited`, { text: text.value, options: options.value }));
    if (!sent) continue;
    notice(told(sent));
    return sent;
  }
}

export async function comment(event, mask) {
  // A masked comment is empty here, and must not replace the real one.
  if (mask) return notice("comments are hidden while personal data is masked");
  const input = el("input", { type: "text", id: "comment", value: event.comment || "", maxlength: "500" });
  const chosen = await dialog(`Bookmark #${event.seq}`, el("label", { for: "comment" }, "Comment", input), [event.marked && button("clear", "Remove"), button("", "Cancel"), button("keep", "Keep", true)]);
  if (chosen === "clear") return mark(event, false);
  if (chosen === "keep") return mark(event, true, input.value);
  return undefined;
}

/** Bookmarks an event, or removes the bookmark: not with a comment, of which nothing would be left. */
export function toggle(event, mask) {
  if (event.marked && mask) return notice("its comment, if any, is hidden and would be lost: P first");
  if (event.comment) return notice("its comment would be lost: empty it with M, then m");
  return mark(event, !event.marked);
}

export const mark = (event, marked, text) => attempt(() => api(`/events/${event.id}/bookmark`, { marked, comment: text ?? null }));

// Events of an export by their ids: a longer URL is refused.
const MOST_EXPORTED = 500;

/** Copies events, or saves them as a file. Without events, all that match the filter. */
export async function exportAs(events, filter, mask) {
  if (events.length > MOST_EXPORTED) return notice(`over ${MOST_EXPORTED} events are selected: unselect all, and export what a filter lists`);
  const what = events.length === 1 ? `#${events[0].seq}` : events.length ? `${events.length} events` : "the listed events";
  const form = el(
    "select",
    { id: "form" },
    [
      ["curl", "curl commands"],
      ["httpie", "HTTPie commands"],
      ["raw", "HTTP requests"],
      ["ndjson", "JSON, a line an event, for `ringtail import`"],
      ...(events.length === 1 ? [["share", "a page of HTML, to pass on"]] : []),
    ].map(([value, words]) => el("option", { value }, words)),
  );
  const masks = el("input", { type: "checkbox", id: "masks" });
  masks.checked = mask;
  // What is passed on is masked unless somebody says otherwise.
  form.addEventListener("change", () => (masks.checked ||= form.value === "share"));
  const chosen = await dialog(`Export ${what}`, [el("label", { for: "form" }, "Format", form), el("label", { for: "masks" }, masks, " Replace personal data by pseudonyms")], [button("", "Cancel"), button("save", "Save"), button("copy", "Copy", true)]);
  if (!chosen) return undefined;
  const shared = form.value === "share" && `/api/v1/events/${events[0].id}/share${query({ mask: masks.checked })}`;
  const path = shared || `/api/v1/export${query({ as: form.value, events: events.map((event) => event.id).join(","), filter: events.length ? "" : filter, mask: masks.checked })}`;
  if (chosen === "save") return el("a", { href: path, download: "" }).click();
  return attempt(async () => {
    const response = await fetch(path);
    if (!response.ok) throw new Error((await response.json()).error.message);
    await copy(await response.text());
  });
}
