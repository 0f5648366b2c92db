// Times as people read them. Relative ones tick, from what the server has written; a time that is
// pointed at, or in what has the focus, tells UTC, the reader's zone and how long ago it was.
import { all, byId, on, page, skew } from "./dom.js";
const tip = byId("time-tip"), [tipUtc, tipZone, tipAgo] = tip ? tip.querySelectorAll("b") : [];
const TIME = "time[datetime]";
let tipTimer = null, described = null;
function ago(seconds) { // the same words as `ago` in display/relative_times.py
  const size = Math.abs(seconds);
  if (size < 60) return seconds >= 0 ? "just now" : "in less than 1 min";
  const [step, unit] = size < 3600 ? [60, "min"] : size < 86400 ? [3600, "h"] : [86400, "d"];
  const whole = `${Math.floor(size / step)} ${unit}`;
  return seconds > 0 ? `${whole} ago` : `in ${whole}`;
}
function age(time) { return (Date.now() - skew - Date.parse(time.dateTime)) / 1000; }
function tickTimes() {
  if (page.times !== "relative" || document.hidden) return;
  for (const each of all(TIME)) {
    const shown = ago(age(each));
    if (each.textContent.trim() && shown !== each.textContent) each.textContent = shown;
  }
}
setInterval(tickTimes, 5000);
on("visibilitychange", tickTimes);
// ------------------------------------------------------------------------------------- the tip
function written(at, timeZone) {
  return new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone }).format(at);
}
export function showTip(time, holder) {
  const at = new Date(time.dateTime);
  if (!tip || Number.isNaN(at.getTime())) return;
  hideTip();
  time.removeAttribute("title");
  tipUtc.textContent = written(at, "UTC");
  try { tipZone.textContent = written(at, page.zone); } catch { tipZone.textContent = ""; }
  tipZone.parentElement.hidden = page.zone === "UTC" || !tipZone.textContent;
  tipAgo.textContent = ago(age(time));
  tip.showPopover?.();
  const box = time.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  const below = box.bottom + 6;
  tip.style.top = `${below + tip.offsetHeight > innerHeight ? Math.max(8, box.top - tip.offsetHeight - 6) : below}px`;
  described = holder;
  described?.setAttribute("aria-describedby", "time-tip");
}
function hideTip() {
  clearTimeout(tipTimer);
  if (tip?.matches(":popover-open")) tip.hidePopover();
  described?.removeAttribute("aria-describedby");
  described = null;
}
on("pointerover", (event) => {
  const time = event.target.closest?.(TIME);
  if (time) { clearTimeout(tipTimer); tipTimer = setTimeout(showTip, 250, time, null); }
});
on("pointerout", (event) => { if (event.target.closest?.(TIME)) hideTip(); });
on("focusin", (event) => {
  const held = event.target;
  const time = held.matches("a, button, summary, [tabindex]") && !held.matches("main, .scroll") && held.querySelector(TIME);
  if (time && held.matches(":focus-visible") && !held.hasAttribute("aria-describedby")) showTip(time, held);
});
on("focusout", hideTip);
on("keydown", (event) => { if (event.key === "Escape") hideTip(); });
window.addEventListener("scroll", hideTip, { passive: true, capture: true });
// --------------------------------------------------------------- the zone of this browser, offered
// The server reads it on the next page, and offers it to a person who has never chosen a zone.
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (browserZone) document.cookie = `browser_zone=${browserZone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
for (const offer of all("[data-own-zone]")) {
  const own = browserZone, field = byId(offer.dataset.ownZone);
  offer.querySelector("b").textContent = own;
  offer.hidden = !own || own === field.value;
  offer.addEventListener("click", () => { field.value = own; offer.hidden = true; field.focus(); });
}
