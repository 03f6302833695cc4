// Bodies as lines: JSON with folding and paths, text, hexadecimal.
import { bytes, copy, el } from "./dom.js";

const PLAIN = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** One JSON name of a path, as the filter language writes it. */
function step(token) {
  let name = token;
  try {
    name = JSON.parse(token);
  } catch {
    // A name that is cut stays as it is.
  }
  return PLAIN.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** Returns the elements of a body, with `lines` of the API. `fresh` are new fields. */
export function body({ form, lines, more }, fresh = []) {
  const box = el("div", { class: "lines", role: form === "json" ? "tree" : null, "aria-label": "Body" });
  if (form === "json") json(box, lines, fresh);
  else for (const line of lines) box.append(el("div", {}, line === "" ? " " : text(line)));
  if (!lines.length) box.append(el("div", { class: "dim" }, "(empty body)"));
  if (more) box.append(el("div", { class: "warn" }, `… ${bytes(more)} more; \`ringtail events show EVENT --raw\` prints all of it`));
  return box;
}

/** The server has escaped the text; tabs stay. */
const text = (line) => document.createTextNode(line);

function json(box, lines, fresh) {
  const open = [];
  const counts = [];
  const places = new Map(fresh.map((field) => [field.path, field]));
  lines.forEach(([depth, ...tokens], at) => {
    const line = el("div", { role: "treeitem", "aria-level": depth + 1 });
    line.style.setProperty("--depth", depth);
    line.depth = depth;
    const closes = tokens[0] === "c";
    counts.length = depth + 1;
    if (depth > 0 && !closes) {
      const parent = open[depth - 1];
      if (tokens[0] === "n") line.path = parent.path + step(tokens[1]);
      else {
        counts[depth] = (counts[depth] ?? -1) + 1;
        line.path = `${parent.path}[${counts[depth]}]`;
      }
    } else line.path = "";
    const kinds = tokens.filter((_, index) => index % 2 === 0);
    const unclosed = kinds.includes("o") && !kinds.includes("c");
    if (unclosed) {
      open[depth] = line;
      line.setAttribute("aria-expanded", "true");
      line.append(el("button", { class: "fold", type: "button", tabindex: -1, "aria-label": "Fold" }, "▾"));
    } else line.append(el("span", { class: "fold" }, " "));
    for (let index = 0; index < tokens.length; index += 2) {
      const span = el("span", { class: tokens[index] });
      span.append(text(tokens[index + 1] === ":" ? ": " : tokens[index + 1]));
      line.append(span);
    }
    const general = line.path.replace(/\[\d+\]/g, "[*]").replace(/^\./, "");
    const field = !closes && places.get(general);
    if (field) line.append(el("span", { class: "new" }, field.was.length ? `  ◆ ${field.type} is new here` : "  ◆ new"));
    if (at === 0) line.classList.add("here");
    box.append(line);
  });
  box.addEventListener("click", (event) => {
    const line = event.target.closest(".lines > div");
    if (!line) return;
    here(box, line);
    if (event.target.closest("button.fold")) fold(line);
  });
}

/** Folds or unfolds the value that begins on a line. */
export function fold(line, wanted) {
  if (!line?.hasAttribute("aria-expanded")) return;
  const expanded = wanted ?? line.getAttribute("aria-expanded") !== "true";
  line.setAttribute("aria-expanded", String(expanded));
  line.querySelector(".fold").textContent = expanded ? "▾" : "▸";
  let hiddenBelow = Infinity;
  for (let next = line.nextElementSibling; next && next.depth > line.depth; next = next.nextElementSibling) {
    const inFolded = next.depth > hiddenBelow;
    next.classList.toggle("hidden", !expanded || inFolded);
    if (inFolded) continue;
    hiddenBelow = next.getAttribute("aria-expanded") === "false" ? next.depth : Infinity;
  }
}

export function foldAll(box) {
  const lines = [...box.querySelectorAll("[aria-expanded]")].filter((line) => line.depth > 0);
  const expand = lines.some((line) => line.getAttribute("aria-expanded") === "false");
  lines.reverse().forEach((line) => fold(line, expand));
}

function here(box, line) {
  box.querySelector(".here")?.classList.remove("here");
  line.classList.add("here");
  line.scrollIntoView({ block: "nearest" });
}

/** Moves the current line of the tree. */
export function walk(box, by) {
  let line = box.querySelector(".here") || box.firstElementChild;
  for (let count = Math.abs(by); count > 0 && line; count--) {
    let next = line;
    do next = by > 0 ? next.nextElementSibling : next.previousElementSibling;
    while (next && next.classList.contains("hidden"));
    if (!next) break;
    line = next;
  }
  if (line) here(box, line);
}

export const current = (box) => box.querySelector(".here");

/** Copies the path of the current line, as a filter takes it. */
export function copyPath(box) {
  const path = (current(box)?.path || "").replace(/^\./, "");
  if (path) copy(path);
}
