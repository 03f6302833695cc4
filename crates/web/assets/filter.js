// The filter box: checked and completed by the server while it is typed.
import { api, attempt, query } from "./api.js";
import { $, el, fill } from "./dom.js";

export class FilterBox {
  constructor(apply) {
    this.apply = apply;
    this.input = $("filter");
    this.offers = $("offers");
    this.asked = 0;
    this.input.addEventListener("input", () => this.check());
    this.input.addEventListener("blur", () => setTimeout(() => this.hide(), 150));
    this.input.addEventListener("keydown", (event) => this.key(event));
    $("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.offers.addEventListener("mousedown", (event) => {
      event.preventDefault();
      if (event.target.dataset.word) this.take(event.target.dataset.word);
    });
  }

  set(text) {
    this.input.value = text;
    this.wrong(null);
  }

  /** Applies the filter, or says what is wrong with it and leaves the list as it is. */
  async submit() {
    this.hide();
    // A check on its way would clear or reopen what is shown now.
    const asked = ++this.asked;
    this.busy = false;
    const text = this.input.value;
    const answer = await attempt(() => api(`/filter${query({ text })}`));
    if (!answer || asked !== this.asked) return;
    this.wrong(answer.error || null);
    if (!answer.error) this.apply(text.trim());
  }

  wrong(error) {
    this.input.setAttribute("aria-invalid", String(Boolean(error)));
    $("wrong").hidden = !error;
    if (!error) return;
    const column = Math.max(0, (error.column ?? 1) - 1);
    $("wrong").textContent = `${" ".repeat(Math.min(column, 200))}^ ${error.message}`;
  }

  async check() {
    const asked = ++this.asked;
    this.busy = true;
    const text = this.input.value;
    const caret = this.input.selectionStart;
    const answer = await attempt(() => api(`/filter${query({ text })}`));
    if (asked !== this.asked) return;
    this.busy = false;
    if (!answer) return (this.takes = false);
    // A word that is being typed is no mistake yet.
    this.wrong(text && answer.error && answer.complete.words.length === 0 ? answer.error : null);
    this.start = answer.complete.at;
    const words = caret === text.length ? answer.complete.words.slice(0, 40) : [];
    fill(
      this.offers,
      words.map((word, index) => el("li", { role: "option", id: `offer-${index}`, "data-word": word, "aria-selected": "false" }, word)),
    );
    this.offers.hidden = words.length === 0;
    this.input.setAttribute("aria-expanded", String(words.length > 0));
    // Under the word that is completed, as far as that fits.
    this.offers.style.left = `min(${this.start}ch, 60%)`;
    this.choose(-1);
    // Tab was faster than the server.
    if (this.takes && words.length) this.take(words[0]);
    this.takes = false;
  }

  hide() {
    this.offers.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  choose(at) {
    const options = [...this.offers.children];
    this.at = at < options.length ? at : 0;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === this.at)));
    const chosen = options[this.at];
    if (!chosen) return this.input.removeAttribute("aria-activedescendant");
    chosen.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", chosen.id);
  }

  take(word) {
    const characters = Array.from(this.input.value);
    const ends = word.endsWith(":") || word.endsWith(".") ? "" : " ";
    this.input.value = characters.slice(0, this.start).join("") + word + ends;
    this.hide();
    this.takes = false;
    this.check();
  }

  key(event) {
    const open = !this.offers.hidden && this.offers.children.length > 0;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (open) this.hide();
      else $("grid").focus();
    } else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      this.choose(this.at < 0 && by < 0 ? this.offers.children.length - 1 : this.at + by);
    } else if (this.busy && event.key === "Tab" && !event.shiftKey) {
      event.preventDefault();
      this.takes = true;
    } else if (open && event.key === "Tab" && !event.shiftKey) {
      event.preventDefault();
      this.take(this.offers.children[Math.max(0, this.at)].dataset.word);
    } else if (open && event.key === "Enter" && this.at >= 0) {
      event.preventDefault();
      this.take(this.offers.children[this.at].dataset.word);
    }
  }
}
