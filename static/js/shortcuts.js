// Shortcuts: single keys, never with a modifier, never while somebody types or a dialog is open, and
// none at all for those who switched them off. The help dialog lists them.
import { all, byId, on, page, skew, toast } from "./dom.js";
import { claim, stepQuestion } from "./inbox.js";
import { askAll } from "./live.js";
import { walk } from "./runs/page.js";
import { stepPeek } from "./runs/peek.js";
import { tellNext } from "./times.js";
const ROWS = "[data-row], .inbox-row, .account-card, .plain.list tbody tr, .event-row";
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
let leaderAt = 0;
function rowOf(element) { return element?.closest?.(ROWS) || null; }
function moveBy(step) {
  const rows = all(ROWS).filter((row) => row.checkVisibility?.() !== false && row.querySelector("a[href], button"));
  const here = rows.indexOf(rowOf(document.activeElement));
  const next = here < 0 ? rows[step > 0 ? 0 : rows.length - 1] : rows[here + step];
  if (!next) return;
  const link = next.querySelector(".run-link, .inbox-link, .account-link") || next.querySelector("a[href]:not([tabindex='-1']), button");
  link?.focus({ preventScroll: true, focusVisible: true });
  next.scrollIntoView({ block: "nearest" });
}
const keys = {
  "/": () => {
    byId("search")?.closest("details")?.setAttribute("open", "");
    byId("search")?.focus();
  },
  j: () => stepQuestion(1) || stepPeek(1) || walk("next") || moveBy(1),
  k: () => stepQuestion(-1) || stepPeek(-1) || walk("prev") || moveBy(-1),
  J: () => walk("next"),
  K: () => walk("prev"),
  a: claim,
  u: () => document.querySelector("button[data-undo]")?.click(),
  x: () => rowOf(document.activeElement)?.querySelector("input[type=checkbox]")?.click(),
  t: () => tellNext(rowOf(document.activeElement) || byId("main")),
  h: () => (rowOf(document.activeElement) || byId("main"))?.querySelector(".lamp-help")?.click(),
  r: () => { askAll(); toast(`Updated, ${new Date(Date.now() - skew).toLocaleTimeString("en-GB", { timeZone: page.zone })}`); },
  p: () => byId("pause")?.click(),
  "?": () => byId("keys")?.showModal(),
  g: () => { leaderAt = Date.now(); },
};
on("keydown", (event) => {
  if (page.keys !== "on" || event.defaultPrevented || event.repeat && !"jk".includes(event.key)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
  const leads = Date.now() - leaderAt < 1500;
  leaderAt = 0;
  const place = leads && /^[a-z]$/.test(event.key) && document.querySelector(`[data-go="${event.key}"]`);
  const act = place ? () => place.click() : Object.hasOwn(keys, event.key) && keys[event.key];
  if (!act || leads && !place) return;
  event.preventDefault();
  act();
});
