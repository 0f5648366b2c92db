// Selecting runs in the table. What is selected is a list of ids of this tab: it outlives updates,
// pages and reloads of one filter, and goes with it. Boxes only show it. No markup is made here.
import { all, byId, on, page, toast } from "../dom.js";
const SELECTED = "selected-runs", MOST_SELECTED = 10000;
let rangeFrom = "", selection = { filter: "", ids: [], all: false, verbs: {} };
try { selection = { ...selection, ...JSON.parse(sessionStorage.getItem(SELECTED) || "{}") }; } catch { /* nothing kept */ }
const boxes = () => all("input.pick");
function keepSelection() { sessionStorage.setItem(SELECTED, JSON.stringify(selection)); }
function clearSelection() { selection = { filter: selection.filter, ids: [], all: false, verbs: {} }; keepSelection(); }
function put(id, text) { if (byId(id).textContent !== text) byId(id).textContent = text; }
function letGoOfAnotherFilter(filter) {
  const number = selection.ids.length;
  if (selection.filter === filter) return;
  if (number || selection.all) {
    toast(`The filter changed, so your selection (${selection.all ? "all that matched" : number === 1 ? "1 run" : number.toLocaleString("en") + " runs"}) was cleared.`);
  }
  selection = { filter, ids: [], all: false, verbs: {} };
  keepSelection();
}
function offerVerbs(bar) { // a run on another page can what it could when it was seen
  const seen = selection.verbs;
  for (const box of boxes()) seen[box.value] = box.dataset.verbs.split(" ");
  for (const button of bar.querySelectorAll("button[name=kind]")) {
    button.disabled = !selection.all && !selection.ids.some((id) => !seen[id] || seen[id].includes(button.value));
    button.title = button.disabled ? button.dataset.never : "";
  }
}
function showSelection() {
  const bar = byId("selection");
  if (!bar) return;
  letGoOfAnotherFilter(bar.dataset.filter);
  const ids = new Set(selection.ids), here = boxes(), onPageBox = byId("pick-page");
  for (const box of here) {
    box.checked = selection.all || ids.has(box.value);
    box.closest("[data-row]").classList.toggle("is-picked", box.checked);
  }
  const onPage = here.filter((box) => box.checked).length;
  if (onPageBox) {
    onPageBox.checked = here.length > 0 && onPage === here.length;
    onPageBox.indeterminate = onPage > 0 && onPage < here.length;
  }
  const total = byId("matching").textContent, number = ids.size.toLocaleString("en");
  const isWhole = !total.endsWith("+") && Number(total.replaceAll(",", "")) <= ids.size;
  bar.hidden = !ids.size && !selection.all;
  document.body.classList.toggle("has-selection", !bar.hidden);
  byId("selection-some").hidden = selection.all;
  offerVerbs(bar);
  const compare = byId("selection-compare"), [one, other] = selection.ids; // the older one first
  compare.hidden = selection.all || ids.size !== 2;
  compare.href = `${compare.dataset.compare}?a=${Math.min(one, other)}&b=${Math.max(one, other)}`;
  byId("selection-all").hidden = !selection.all;
  byId("select-all").hidden = selection.all || isWhole;
  put("selection-some", bar.hidden ? "" : `${number} selected${onPage === ids.size ? " on this page." : `, ${onPage} of them on this page.`}`);
}
function select(values, isOn) {
  const ids = new Set(selection.all ? boxes().map((box) => box.value) : selection.ids);
  for (const value of values) { if (isOn) ids.add(value); else ids.delete(value); }
  if (ids.size > MOST_SELECTED) toast("No more runs can be selected one by one; use “Select all”.");
  else [selection.ids, selection.all] = [[...ids], false];
  keepSelection();
  showSelection();
}
on("click", (event) => {
  const box = event.target.closest("input.pick");
  if (box) {
    const values = boxes().map((each) => each.value), from = values.indexOf(rangeFrom), to = values.indexOf(box.value);
    select(event.shiftKey && from >= 0 ? values.slice(Math.min(from, to), Math.max(from, to) + 1) : [box.value], box.checked);
    rangeFrom = box.value;
  } else if (event.target.id === "pick-page") {
    select(boxes().map((each) => each.value), event.target.checked);
  } else if (event.target.closest("#select-page")) {
    select(boxes().map((each) => each.value), true);
  } else if (event.target.closest("#select-all")) {
    selection.all = true; keepSelection(); showSelection();
  } else if (event.target.closest("#select-none")) {
    clearSelection(); showSelection();
    (byId("pick-page") || byId("main")).focus();
  }
});
on("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || byId("selection")?.hidden !== false) return;
  if (document.querySelector("dialog[open], details.pick[open], .menu[open]")) return;
  clearSelection();
  showSelection();
});
on("keydown", (event) => {
  if (page.keys !== "on" || event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const box = event.target.closest("[data-row]")?.querySelector("input.pick");
  if (!box) return;
  event.preventDefault();
  box.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: event.shiftKey }));
});
on("submit", (event) => {
  if (event.target.id === "batch-start") clearSelection();
  if (event.target.id !== "selection") return;
  byId("selection-ids").value = selection.all ? "" : selection.ids.join(",");
  byId("selection-scope").value = selection.all ? "all" : "picked";
});
on("htmx:after:swap", showSelection);
window.addEventListener("pageshow", showSelection);
showSelection();
