// The command palette: Ctrl or Cmd with K, arrows, Enter. The server finds; the focus stays in the
// field, and the chosen option is named to it.
import { byId, on, page } from "./dom.js";
const palette = byId("palette"), asked = byId("palette-q"), foundBox = byId("palette-found");
const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);
let eager = false, findTimer = null; // eager: Enter was pressed before the answer was there
let opener = null; // what had the focus before
function places() { return [...foundBox.querySelectorAll("[role=option]")]; }
function isAnswered() { return byId("palette-list")?.dataset.q === asked.value.trim().replace(/\s+/g, " "); }
function choose(place) {
  for (const each of places()) each.setAttribute("aria-selected", each === place);
  asked.setAttribute("aria-expanded", places().length > 0);
  if (place) asked.setAttribute("aria-activedescendant", place.id);
  else asked.removeAttribute("aria-activedescendant");
  place?.scrollIntoView({ block: "nearest" });
}
function chosen() { return places().find((each) => each.ariaSelected === "true"); }
function go(place) {
  if (!place) return;
  palette.close();
  place.click();
}
function find() { // an answer that comes late asks again, see below
  const url = `${asked.form.action}?${new URLSearchParams(new FormData(asked.form))}`;
  htmx.ajax("GET", url, { source: foundBox, target: foundBox, swap: "innerHTML" });
}
function openPalette() {
  if (!palette || document.querySelector("dialog[open]")) return;
  asked.value = "";
  eager = false;
  opener = document.activeElement?.matches("[data-palette]") ? document.activeElement : null;
  palette.showModal();
  find();
}
on("keydown", (event) => {
  const modified = isMac ? event.metaKey : event.ctrlKey;
  if (page.keys !== "on" || event.key.toLowerCase() !== "k" || !modified || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (palette.open) palette.close(); else openPalette();
});
on("click", (event) => {
  if (event.target.closest("[data-palette]")) openPalette();
  if (event.target === palette) palette.close(); // its backdrop
  if (event.target.closest("#palette [role=option]")) {
    if (event.target.closest("[data-dialog]")) event.preventDefault();
    palette.close();
  }
});
asked?.addEventListener("keydown", (event) => {
  const all = places(), here = all.indexOf(chosen());
  const to = { ArrowDown: (here + 1) % all.length, ArrowUp: (here - 1 + all.length) % all.length }[event.key];
  if (event.key === "Enter") {
    event.preventDefault();
    if (isAnswered()) go(chosen()); else eager = true;
  } else if (event.key === "Escape") { // else the first one only empties the field
    event.preventDefault();
    palette.close();
    opener?.focus();
  } else if (to !== undefined && all.length) {
    event.preventDefault();
    choose(all[to]);
  }
});
asked?.form.addEventListener("submit", (event) => event.preventDefault());
asked?.addEventListener("input", () => {
  eager = false;
  clearTimeout(findTimer);
  findTimer = setTimeout(find, 120);
});
on("htmx:after:swap", (event) => {
  if (!palette?.open || event.target !== foundBox && event.detail.ctx?.target !== foundBox) return;
  if (!isAnswered()) { clearTimeout(findTimer); findTimer = setTimeout(find, 120); }
  if (!isAnswered() || chosen()) return;
  choose(places()[0]);
  if (eager) { eager = false; go(chosen()); }
});
