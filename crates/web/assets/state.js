// The state of the client, in words.
import { $, clock, el, fill } from "./dom.js";

function link(it) {
  const { state, reason, since, retry_at: retry } = it.link;
  switch (state) {
    case "connected":
      return it.cursor < it.relay_head ? ["warn", `catching up, ${it.relay_head - it.cursor} to come`] : ["good", "live"];
    case "connecting":
      return ["dim", "connecting"];
    case "full":
      return ["warn", "full: the relay keeps events until the app takes some"];
    case "disk-full":
      return ["warn", "disk full: the relay keeps events until it has room"];
    case "waiting":
      return ["bad", `relay away since ${clock(since)}: ${reason}; next try at ${clock(retry)}`];
    case "refused":
      return ["bad", `refused: ${reason}`];
    default:
      return ["dim", state];
  }
}

function target(it) {
  if (!it.target) return ["dim", "no target"];
  const { target: url, state, reason, forwards } = it.target;
  const pending = it.pending ? `, ${it.pending} pending` : "";
  const words = { up: "up", untried: "not tried yet", down: `down: ${reason}` }[state] || state;
  const tone = { up: "good", down: "bad" }[state] || "dim";
  return [it.paused ? "warn" : tone, `→ ${url} ${it.paused ? "paused" : words}${pending}${forwards ? "" : ", replays only"}`];
}

function failures({ failure_clock: it }) {
  if (it.state === "ok") return null;
  if (it.state === "blacklisted") return ["bad", `RingCentral would have blacklisted the subscription at ${clock(it.blacklisted_at)}`];
  return ["bad", `failing since ${clock(it.since)}, blacklisted from ${clock(it.blacklisted_from)}: ${it.reason}`];
}

function subscription({ subscription: it }) {
  if (!it) return null;
  if (it.action === "failing") return ["bad", `subscription: ${it.reason}`];
  if (it.disabled_filters?.length) return ["warn", `subscription: ${it.disabled_filters.length} filters disabled`];
  return ["dim", it.expires_at ? `subscription until ${clock(it.expires_at, true).slice(0, 16)}` : `subscription: ${it.action}`];
}

function canary({ canary: it }) {
  if (!it || it.state === "arrived") return null;
  return ["bad", `canary lost at ${it.hop}: ${it.reason}`];
}

/** Shows the state of each engine; `page` is what is wrong with this page's own connection. */
export function show(status, page) {
  const engines = status?.engines || [];
  const words = (parts) => parts.filter(Boolean).map(([tone, text]) => el("span", { class: tone }, text));
  fill(
    $("state"),
    page && el("div", {}, el("span", { class: "bad" }, page)),
    engines.map((it) =>
      el(
        "div",
        {},
        el("strong", { title: it.url || "" }, it.name),
        words([link(it), target(it), failures(it), subscription(it), canary(it)]),
        it.unanswered.map((sent) => el("span", { class: "warn" }, `#${sent.seq} has no response since ${clock(sent.sent_at)}`)),
      ),
    ),
    status && !engines.length && el("div", {}, el("span", { class: "dim" }, "history of this machine; no `ringtail listen` runs")),
  );
  const pausable = engines.some((it) => it.here && it.target?.forwards);
  $("pause").hidden = !pausable;
  const paused = engines.some((it) => it.here && it.paused);
  $("pause").textContent = paused ? "Resume" : "Pause";
  $("pause").setAttribute("aria-pressed", String(paused));
}

/** What to do while there is nothing to see. */
export function firstSteps(status, filter) {
  if (filter) return "no event matches the filter";
  const url = status?.engines.find((it) => it.url)?.url;
  if (url) return `no event yet\n\nregister this address with RingCentral, or try it:\nringtail simulate sms.inbound --to ${url}`;
  return "the history is empty\n\n`ringtail listen 3000 --web` receives events and shows this page";
}
