// Times as people read them. Relative ones go on counting, from what the server has written. A time
// that is pointed at, or has the focus, tells its day and clock in the reader's zone as it was then,
// the same in UTC, and how long ago it was.
import { all, byId, on, page, skew } from "./dom.js";
const tip = byId("time-tip"), [tipOwn, tipUtc, tipAgo] = tip ? tip.querySelectorAll("b") : [];
const TIME = 'time[datetime]:not([datetime=""])', HOLDER = "a, button, summary, label";
let tipTimer = null, described = null, shown = null;
function ago(seconds, word = "") { // the same words as `ago` in display/relative_times.py
  const size = Math.abs(seconds);
  const [step, unit] = size < 60 ? [0, ""] : size < 3600 ? [60, "min"] : size < 86400 ? [3600, "h"] : [86400, "d"];
  const length = step ? `${Math.floor(size / step)} ${unit}` : "less than 1 min";
  if (word === "since" && seconds >= 0) return `for ${length}`;
  if (word === "until" && seconds < 0) return `for ${length} more`;
  const phrase = seconds < 0 ? `in ${length}` : step ? `${length} ago` : "just now";
  return word === "until" ? `until ${phrase}` : phrase;
}
function age(time) { return (Date.now() - skew - Date.parse(time.dateTime)) / 1000; }
function tickTimes() {
  if (page.times !== "relative" || document.hidden) return;
  for (const each of all(`${TIME}:not([data-exact])`)) {
    if (each.firstElementChild || !each.textContent.trim()) continue; // an age counts by itself
    const phrase = ago(age(each), each.dataset.word);
    if (phrase !== each.textContent) each.textContent = phrase;
  }
}
setInterval(tickTimes, 5000);
on("visibilitychange", tickTimes);
// ------------------------------------------------------------------------------------- the tip
function inUtc(at) { // as `whole` in display/formatting.py
  const [day, clock] = at.toISOString().split("T"), month = at.toLocaleString("en-US", { month: "short", timeZone: "UTC" });
  return `${month} ${day.slice(8)} ${day.slice(0, 4)} ${clock.slice(0, 8)} UTC`;
}
function showTip(time, holder) {
  const at = new Date(time.dateTime);
  if (!tip || Number.isNaN(at.getTime())) return;
  hideTip();
  if (time.title) { time.dataset.whole = time.title; time.removeAttribute("title"); }
  tipOwn.textContent = time.dataset.whole || "";
  tipUtc.textContent = inUtc(at);
  tipOwn.parentElement.hidden = tipOwn.textContent === tipUtc.textContent;
  tipAgo.textContent = ago(age(time));
  tip.showPopover?.();
  const box = time.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  const below = box.bottom + 6;
  tip.style.top = `${below + tip.offsetHeight > innerHeight ? Math.max(8, box.top - tip.offsetHeight - 6) : below}px`;
  [shown, described] = [time, holder];
  described?.setAttribute("aria-describedby", "time-tip");
}
export function tellNext(within) { // one time after the other, for the keyboard
  const times = [...within.querySelectorAll(TIME)];
  if (times.length) showTip(times[(times.indexOf(shown) + 1) % times.length], document.activeElement);
}
function hideTip() {
  clearTimeout(tipTimer);
  if (tip?.matches(":popover-open")) tip.hidePopover();
  described?.removeAttribute("aria-describedby");
  [shown, described] = [null, null];
}
on("pointerover", (event) => {
  const time = event.target.closest?.(TIME);
  if (time) { clearTimeout(tipTimer); tipTimer = setTimeout(showTip, 250, time, null); }
});
on("pointerout", (event) => { if (event.target.closest?.(TIME)) hideTip(); });
on("focusin", (event) => {
  const held = event.target;
  const time = held.matches(TIME) ? held : held.matches(`${HOLDER}, [tabindex]`) && !held.matches("main, .scroll") && held.querySelector(TIME);
  if (time && held.matches(":focus-visible") && !held.hasAttribute("aria-describedby")) showTip(time, held);
});
on("focusout", hideTip);
on("keydown", (event) => { if (event.key === "Escape") hideTip(); });
window.addEventListener("scroll", hideTip, { passive: true, capture: true });
function reachTimes() { // by the tab key; those of rows, of which there are many, by their own key
  for (const each of all(`main ${TIME}:not([data-exact])`)) if (!each.closest(`tr, .event-row, ${HOLDER}`)) each.tabIndex = 0;
}
on("htmx:after:swap", reachTimes);
reachTimes();
// --------------------------------------------------------------- the zone of this browser
// The server reads it at the sign-in, and keeps it for a person who has no zone yet.
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (browserZone) document.cookie = `browser_zone=${browserZone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
for (const offer of all("[data-own-zone]")) {
  const field = byId(offer.dataset.ownZone);
  offer.addEventListener("click", () => { field.value = offer.value; field.focus(); });
}
