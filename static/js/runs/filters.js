// The table of runs: filter panels that open and close like menus, type-ahead, copying an
// identifier, and rows that become overdue while somebody looks. No markup is made here.
import { all, byId, on, skew, toast } from "../dom.js";
import { askRun } from "../live.js";
const picks = () => all("details.pick[open]");
function closePick(pick, returnsFocus) {
  pick.open = false;
  if (returnsFocus) pick.querySelector("summary").focus();
}
on("click", (event) => {
  for (const pick of picks()) if (!pick.contains(event.target)) closePick(pick, false);
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => toast("Copied."), () => toast("The browser did not allow copying."));
});
on("submit", (event) => { // applied: what came of it is read below
  const panels = event.target.id === "filters" && byId("pick-filter");
  if (panels?.open) closePick(panels, panels.contains(event.submitter));
});
on("keydown", (event) => {
  const pick = event.target.closest("details.pick[open]");
  if (event.key === "Escape" && pick) {
    event.preventDefault();
    closePick(pick, true);
  } else if (event.key === "Enter" && event.target.matches("[data-find]")) {
    event.preventDefault(); // typing finds already; the form is for what is chosen
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && pick && !event.target.matches("select, [type=radio], [type=datetime-local]")) {
    const stops = [...pick.querySelectorAll("summary, input:not(:disabled, [type=hidden]), select, button, .pick-box a")];
    const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) { event.preventDefault(); next.focus(); }
  }
});
// A word typed to find an option is no filter: the form must not hear of it.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-find]")) event.stopPropagation();
}, true);
on("input", (event) => { // a typed end of a range means that range
  const range = byId(event.target.dataset?.range);
  if (range) range.value = "custom";
});
document.addEventListener("toggle", (event) => { // does not bubble
  const pick = event.target, find = pick.querySelector?.("[data-find]");
  if (!pick.matches?.("details.pick") || !pick.open) return;
  if (find && pick.hasAttribute("data-load")) {
    pick.removeAttribute("data-load");
    find.disabled = false;
    htmx.trigger(find, "find");
  }
  if (find && document.activeElement === pick.querySelector("summary")) find.focus();
}, true);
// ------------------------------------------------------------------------ what changes with time
function tickOverdue() { // its own history says when a run is late; nobody else will tell us
  const now = Date.now() - skew;
  for (const each of all("[data-overdue-at]")) {
    if (Date.parse(each.dataset.overdueAt) > now) continue;
    each.removeAttribute("data-overdue-at");
    askRun(each.closest("[data-row]").dataset.row.split(":")[0]);
  }
}
setInterval(tickOverdue, 2000);
