// Rate and response time over time. Dragging zooms in, a double click zooms out.
import { attempt, query } from "./api.js";
import { $, el, fill, picture } from "./dom.js";

// The scale's margin in the picture, of its width.
const LEFT = 56;
const WIDTH = 900;

export class ChartPane {
  constructor(filter) {
    this.filter = filter;
    this.range = null;
    this.box = $("chart");
  }

  get open() {
    return !this.box.hidden;
  }

  toggle() {
    this.box.hidden = this.open;
    this.range = null;
    if (this.open) this.draw();
  }

  async draw() {
    if (!this.open) return;
    await attempt(async () => {
      const response = await fetch(`/api/v1/chart.svg${query({ filter: this.filter(), ...this.range })}`);
      if (!response.ok) throw new Error((await response.json()).error.message);
      const drawn = picture(await response.text());
      const frame = el("div", { class: "frame" }, drawn);
      const zoom = (share) => () => this.zoom(share);
      const tools = el(
        "div",
        { class: "bar" },
        el("span", { class: "dim" }, drawn.querySelector("title").textContent),
        el("button", { type: "button", click: zoom([0.25, 0.75]) }, "Zoom in"),
        el("button", { type: "button", click: () => ((this.range = null), this.draw()) }, "All"),
        el("button", { type: "button", click: () => this.draw() }, "Redraw"),
        el("button", { type: "button", click: () => this.toggle() }, "Close"),
      );
      const [from, to] = [drawn.dataset.from, drawn.dataset.to].map(Number);
      this.shown = { from, to };
      fill(this.box, tools, frame);
      this.drag(frame);
    });
  }

  /** Shows a part of what is shown. */
  zoom([from, to]) {
    const { from: start, to: end } = this.shown;
    const at = (share) => Math.round(start + (end - start) * share);
    this.range = { from: at(from), to: at(to) };
    this.draw();
  }

  drag(frame) {
    const share = (event) => {
      const { left, width } = frame.getBoundingClientRect();
      const x = ((event.clientX - left) / width) * WIDTH;
      return Math.max(0, Math.min(1, (x - LEFT) / (WIDTH - LEFT)));
    };
    let began = null;
    let mark = null;
    const place = (from, to) => {
      const scaled = (at) => ((LEFT + at * (WIDTH - LEFT)) / WIDTH) * 100;
      mark.style.left = `${scaled(Math.min(from, to))}%`;
      mark.style.width = `${scaled(Math.max(from, to)) - scaled(Math.min(from, to))}%`;
    };
    frame.addEventListener("pointerdown", (event) => {
      began = share(event);
      frame.setPointerCapture(event.pointerId);
      mark = el("div", { class: "zoom" });
      frame.append(mark);
      place(began, began);
    });
    frame.addEventListener("pointermove", (event) => began !== null && place(began, share(event)));
    frame.addEventListener("pointerup", (event) => {
      if (began === null) return;
      const [from, to] = [began, share(event)].sort((one, other) => one - other);
      began = null;
      mark.remove();
      if (to - from > 0.01) this.zoom([from, to]);
    });
    frame.addEventListener("dblclick", () => ((this.range = null), this.draw()));
  }
}
