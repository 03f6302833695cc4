// Elements and texts. Whatever comes from the API becomes a text node, with characters that hide or reorder text escaped.

// A joiner that joins nothing, and the characters of ringtail_text::is_unsafe; a test compares them.
const UNSAFE =
  /(?<![^\0-\x7f])[\u200c\u200d]|[\0-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

const escaped = (c) => {
  if (c === "\n") return "\\n";
  if (c === "\t") return "\\t";
  if (c === "\r") return "\\r";
  return Array.from({ length: c.length }, (_, i) => "\\u" + c.charCodeAt(i).toString(16).padStart(4, "0")).join("");
};

const safe = (text) => String(text).replace(UNSAFE, escaped);

/** Makes an element: el("p", {class: "dim"}, "text", child). A function among the attributes is a listener. */
export function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, safe(value));
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of children.flat(2)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : safe(child));
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

export const $ = (id) => document.getElementById(id);

let clearing = 0;

/** Says something for a few seconds; a live region reads it out. */
export function notice(text) {
  $("notice").textContent = safe(text).slice(0, 400);
  clearTimeout(clearing);
  clearing = setTimeout(() => ($("notice").textContent = ""), 6000);
}

export function clock(iso, long) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "?";
  const two = (number) => String(number).padStart(2, "0");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  if (long) return `${day} ${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return Date.now() - at > 20 * 3600 * 1000 ? day.slice(5) : time;
}

export const bytes = (count) => {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
};

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notice("copied");
  } catch {
    notice("the browser does not let this page copy");
  }
}

/** Shows a dialog. Its buttons close it, and Enter (in a text Ctrl-Enter) presses the main one; resolves with the chosen one's value, or "" if it was left. */
export function dialog(title, content, buttons) {
  const box = $("dialog");
  const form = el("form", { method: "dialog" }, el("h2", { id: "title" }, title), content, el("div", { class: "bar" }, buttons));
  // Enter would press the first button.
  form.addEventListener("keydown", (event) => {
    const { key, target, isComposing } = event;
    const sends = target.matches("input, select") || (target.matches("textarea") && (event.ctrlKey || event.metaKey));
    if (key !== "Enter" || isComposing || !sends) return;
    event.preventDefault();
    form.querySelector("button.main").click();
  });
  fill(box, form);
  box.setAttribute("aria-labelledby", "title");
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => resolve(box.returnValue), { once: true }));
}

export const button = (value, words, main) => el("button", { value, class: main ? "main" : null }, words);

const policy = window.trustedTypes?.createPolicy("ringtail", { createHTML: (svg) => svg });

/** A picture that the server drew. It is parsed as XML, and the page's policy lets no script in it run. */
export function picture(svg) {
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(svg) : svg, "image/svg+xml");
  const drawn = document.importNode(parsed.documentElement, true);
  drawn.style.setProperty("--least", `${drawn.getAttribute("width") * 0.8}px`);
  return drawn;
}
