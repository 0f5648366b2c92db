// New runs come in by themselves at the top of a list that nobody reads further down in, has selected,
// focused, opened or peeked at anything in; else a pill says how many wait. No markup is made here.
import { all, byId, on } from "../dom.js";
const TINT = 4000; // milliseconds for which a run that just came is marked
const SLIDE = { duration: 220, easing: "ease-out" }; // of the rows that make room
const still = matchMedia("(prefers-reduced-motion: reduce)");
let known = null; // rows there were when new ones were asked for, and where
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
  if (event.target.closest("#newer .pill")) known = new Map(rows().map((row) => [row.id, row.offsetTop]));
});
on("htmx:after:swap", () => {
  if (known && !document.querySelector("#newer .pill")) {
    const fresh = rows().filter((row) => !known.has(row.id));
    for (const row of still.matches ? [] : rows()) { // nothing jumps: each begins where it was
      const way = known.get(row.id) - row.offsetTop;
      if (way) row.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], SLIDE);
    }
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
