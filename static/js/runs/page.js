// The page of one run: a log that is followed until somebody reads in it, choices that are
// remembered, paths of values to copy. No markup is made here.
import { askAll } from "../live.js";
import { all, byId, on, toast } from "../dom.js";
const MOST = 3000; // lines that a followed log keeps; the server has the others
const chosen = (name) => localStorage.getItem("log-" + name) !== "no";
const choose = (name, is) => localStorage.setItem("log-" + name, is ? "yes" : "no");
const box = () => byId("log-lines");
let follows = chosen("follow"), wraps = chosen("wrap"), top = 0, words = byId("log")?.dataset.keep;

function toEnd() {
  const lines = box();
  if (!lines) return;
  for (let spare = lines.childElementCount - MOST; spare > 0; spare--) lines.firstElementChild.remove();
  top = lines.scrollTop = lines.scrollHeight;
}
function stop() {
  follows = false;
  if (byId("follow")) byId("follow").checked = false;
}
function settle() { // after every change of the page
  for (const each of all("[data-copy]")) each.hidden = !navigator.clipboard;
  if (!byId("log")) return;
  if (byId("follow")) byId("follow").checked = follows;
  if (byId("log-wrap")) byId("log-wrap").checked = wraps;
  box()?.classList.toggle("is-unwrapped", !wraps);
  if (byId("log").dataset.keep !== words) { // another search: its first find, or the newest lines
    words = byId("log").dataset.keep;
    if (box()?.dataset.log) toEnd(); else if (box()) box().scrollTop = 0;
  } else if (follows && byId("follow")) toEnd();
}
document.addEventListener("scroll", (event) => {
  if (event.target.id !== "log-lines") return;
  const lines = event.target, isUp = lines.scrollTop < top;
  top = lines.scrollTop;
  if (isUp && lines.scrollHeight - top - lines.clientHeight > 24) stop();
}, true);
on("selectionchange", () => {
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && box()?.contains(selection.anchorNode)) stop();
});
on("change", (event) => {
  if (event.target.id === "follow") {
    choose("follow", follows = event.target.checked);
    if (follows) toEnd();
  }
  if (event.target.id === "log-wrap") {
    choose("wrap", wraps = event.target.checked);
    settle();
  }
});
on("htmx:after:swap", settle);

// ------------------------------------------------------------------------------ values and keys
function path(key) { // `$.orders[3].id`, as most tools for JSON write it
  const parts = [];
  for (let item = key.closest("li"); item; item = item.parentElement.closest(".tree li")) {
    const name = item.querySelector(":scope > .key, :scope > details > summary > .key")?.textContent;
    if (name === undefined) continue;
    parts.unshift(/^\d+$/.test(name) ? `[${name}]` : /^[\w$]+$/.test(name) ? "." + name : `[${JSON.stringify(name)}]`);
  }
  return "$" + parts.join("");
}
on("click", (event) => {
  const key = event.target.closest(".tree li > .key"); // that of a group opens it
  if (!key) return;
  const text = path(key);
  navigator.clipboard?.writeText(text).then(() => toast("Copied " + text), () => {});
});
on("click", (event) => { // an identifier
  const text = event.target.closest("[data-copy]")?.dataset.copy;
  if (text) navigator.clipboard?.writeText(text).then(() => toast("Copied " + text), () => {});
});
export function walk(way) { // to a neighbour in the list one came from
  const link = document.querySelector(`[data-walk="${way}"]`);
  link?.click();
  return Boolean(link);
}
on("keydown", (event) => {
  const button = event.target.closest?.("a[role=button]");
  if (button && event.key === " ") { event.preventDefault(); button.click(); }
});

// What becomes true by waiting alone is asked for: a command nobody confirmed, a run overdue.
setInterval(() => { if (document.querySelector("#run-head .pending")) askAll(); }, 15000);
setInterval(() => { if (document.querySelector("#run-head[data-watch]")) askAll(); }, 60000);

settle();
if (box() && !new URLSearchParams(location.search).has("line") && box().dataset.log) toEnd();
if (!location.hash) document.querySelector(".is-chosen")?.scrollIntoView({ block: "center" }); // `?line=`, `?step=`
