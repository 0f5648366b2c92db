// New runs come in by themselves at the top of a list that nobody reads further down in, has selected,
// focused, opened or peeked at anything in; else a pill says how many wait. No markup is made here.
import { all, byId, on } from "../dom.js";
const TINT = 4000; // milliseconds for which a run that just came is marked
let known = null; // rows there were when new ones were asked for
const rows = () => all("#rows [data-row]");
function isRead() {
  const held = document.activeElement;
  return scrollY > 8 || document.hidden || document.body.classList.contains("has-selection")
    || held?.closest("#rows, #toolbar") || byId("peek")?.hidden === false || document.querySelector("dialog[open], details[open], :popover-open");
}
function arrive() {
  const newer = document.querySelector("#newer[data-auto]"), pill = newer?.querySelector(".pill");
  if (!pill) return;
  newer.classList.toggle("is-held", Boolean(isRead()));
  if (!isRead() && !known) pill.click();
}
on("click", (event) => {
  if (event.target.closest("#newer .pill")) known = new Set(rows().map((row) => row.id));
});
on("htmx:after:swap", () => {
  if (known && !document.querySelector("#newer .pill")) {
    const fresh = rows().filter((row) => !known.has(row.id));
    known = null;
    for (const row of fresh) row.classList.add("is-fresh");
    setTimeout(() => fresh.forEach((row) => row.classList.remove("is-fresh")), TINT);
  } else {
    arrive();
  }
});
for (const name of ["htmx:response:error", "htmx:error"]) on(name, () => { known = null; });
on("focusout", () => setTimeout(arrive));
window.addEventListener("scroll", arrive, { passive: true });
