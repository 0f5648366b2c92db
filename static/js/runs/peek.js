// The peek: one run beside the list, which stays as it is. It opens by key or click, has an address of
// its own, and what is done in it is done without leaving it. No markup is made here.
import { all, byId, on, page, toast } from "../dom.js";
import { bringBackAll, isTaken, saveNow } from "../answers.js";
const CONTROLS = "button, input, select, textarea, summary, [contenteditable]";
const FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select";
const OVER = "dialog[open], details.pick[open], .menu[open]";
const QUICK = 150; // milliseconds between two steps, from which only the last one is asked for
const isSheet = () => matchMedia("(max-width: 767px)").matches; // it covers the list
const peek = () => { const aside = byId("peek"); return aside && !aside.hidden ? aside : null; };
const rows = () => all("#rows [data-row]");
const idOf = (row) => row.id.slice("run-".length);
const linkOf = (id) => byId(`run-${id}`)?.querySelector(".run-link");
const shown = () => peek()?.dataset.peek || "";
const noteKey = () => `note:${page.user}:${shown()}`;
const sending = new WeakSet(), native = new WeakSet();
let wanted = "", drawing = Promise.resolve(), list = address(""), steppedAt = 0;
function address(id) { // of this list, with the peek of that run
  const query = new URLSearchParams(location.search);
  if (id) query.set("peek", id); else query.delete("peek");
  return location.pathname + (query.size ? `?${query}` : "");
}
// ----------------------------------------------------------------------------- open, go on, close
function draw(id, swap) { // one after the other, without those that nobody waits for any more
  const from = linkOf(id)?.getAttribute("href") || byId("peek-open").getAttribute("href");
  const query = address("").slice(location.pathname.length);
  drawing = drawing.catch(() => {}).then(() => wanted === id && htmx.ajax("GET", `${from}peek/${query}`, { source: "#peek", target: "#peek", swap }));
  return drawing;
}
async function show(id) { // true once it stands there
  wanted = id;
  saveNow(); // what is typed goes before its form does
  mark();
  await draw(id, "outerHTML");
  if (wanted !== id || shown() !== id) return false;
  bringBack();
  bringBackAll();
  return true;
}
async function open(id, quick) {
  const had = shown();
  wanted = id;
  if (quick) await new Promise((done) => { setTimeout(done, QUICK); });
  if (wanted !== id || !await show(id)) return;
  if (had) history.replaceState(history.state, "", address(id));
  else history.pushState({ htmx: true, peek: true }, "", address(id));
  if (isSheet()) peek().focus({ preventScroll: true });
}
function shut() {
  const id = shown(), aside = peek();
  wanted = "";
  saveNow();
  aside.hidden = true;
  aside.replaceChildren();
  delete aside.dataset.peek;
  mark();
  hold(id);
}
function hold(id) { // a browser that goes back lets go of the focus, unless it moves meanwhile
  document.activeElement.blur();
  (linkOf(id) || byId("main")).focus({ preventScroll: true, focusVisible: true });
  byId(`run-${id}`)?.scrollIntoView({ block: "nearest" });
}
function close() {
  if (history.state?.peek) return history.back(); // which shuts it
  shut();
  history.replaceState(history.state, "", address(""));
}
export function stepPeek(by) { // false where none is open
  if (!peek()) return false;
  const all = rows(), here = all.findIndex((row) => idOf(row) === wanted), next = all[here + by];
  if (here < 0 || !next) return true;
  const quick = Date.now() - steppedAt < QUICK;
  steppedAt = Date.now();
  if (!isSheet()) linkOf(idOf(next)).focus({ preventScroll: true, focusVisible: true });
  next.scrollIntoView({ block: "nearest" });
  open(idOf(next), quick);
  return true;
}
function mark() { // its row, and its place among them
  const all = rows(), here = all.findIndex((row) => idOf(row) === wanted);
  for (const row of all) {
    row.classList.toggle("is-peeked", idOf(row) === wanted);
    const link = row.querySelector(".run-link");
    if (idOf(row) === wanted) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  const place = byId("peek-place"), words = here < 0 ? "" : `${here + 1} of ${all.length} in this list`;
  if (!place || shown() !== wanted) return;
  if (place.textContent !== words) place.textContent = words;
  byId("peek-up").setAttribute("aria-disabled", here <= 0);
  byId("peek-down").setAttribute("aria-disabled", here < 0 || here === all.length - 1);
}
function fit() { // as high as the window leaves room for below the lines above the list
  const aside = peek();
  if (!aside) return;
  const top = Math.max(aside.parentElement.getBoundingClientRect().top, parseFloat(getComputedStyle(aside).top) || 0);
  document.documentElement.style.setProperty("--peek-top", `${Math.round(top)}px`);
}
// -------------------------------------------------------------------------------- keys and clicks
on("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const row = event.target.closest?.("#rows [data-row]"), tool = event.target.closest?.("#peek-up, #peek-down, #peek-close");
  if (tool) {
    event.preventDefault();
    if (tool.id === "peek-close") close(); else stepPeek(tool.id === "peek-up" ? -1 : 1);
  } else if (row && !event.target.closest("a, label, button, input") && getSelection().isCollapsed) {
    if (!isSheet()) linkOf(idOf(row)).focus({ preventScroll: true });
    if (idOf(row) !== wanted) open(idOf(row));
  }
});
on("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector(OVER) || !byId("peek")) return;
  const aside = peek(), held = event.target, row = held.closest("[data-row]"), note = held.closest(".peek-note[open]");
  if (event.key === "Escape" && aside) {
    event.preventDefault();
    if (note) { note.open = false; note.querySelector("summary").focus(); }
    else if (aside.contains(held) && held.matches(FIELDS)) aside.focus();
    else close();
  } else if (event.key === " " && page.keys === "on" && row && !event.repeat && !held.closest(CONTROLS)) {
    event.preventDefault();
    if (idOf(row) === shown()) close(); else open(idOf(row));
  } else if (event.key === "Enter" && page.keys === "on" && aside && (held === aside || held === document.body)) {
    byId("peek-open").click();
  }
});
document.addEventListener("toggle", (event) => { // does not bubble
  if (event.target.matches(".peek-note[open]") && !byId("note-text").value) byId("note-text").focus();
}, true);
// ------------------------------------------------------------- what is done in it, and what is typed
on("submit", async (event) => {
  const form = event.target, tool = event.submitter, id = shown();
  if (event.defaultPrevented || form.method !== "post" || !peek()?.contains(form)) return;
  if (native.has(form) || tool?.name.startsWith("_")) return;
  event.preventDefault();
  if (sending.has(form)) return;
  sending.add(form);
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new FormData(form, tool), redirect: "manual" });
    if (answer.type !== "opaqueredirect") { // refused: what it says is a page of its own
      native.add(form);
      form.requestSubmit(tool);
      return;
    }
    if (form.matches(".answer")) isTaken(form);
    if (form.id === "note-form") {
      form.reset();
      form.closest("details").open = false;
      sessionStorage.removeItem(noteKey());
    }
    form.closest("dialog")?.remove(); // its key is used up
    if (shown() === id) await draw(id, "outerMorph");
  } catch {
    toast("That did not reach the server. Nothing was changed; try again.");
  } finally {
    sending.delete(form);
  }
});
on("input", (event) => { // a note that is not added yet stays with its run
  if (event.target.closest("#peek #note-form")) sessionStorage.setItem(noteKey(), event.target.value);
});
function bringBack() {
  const field = peek() && byId("note-text"), kept = sessionStorage.getItem(noteKey());
  if (!field || !kept) return;
  field.value = kept;
  field.closest("details").open = true;
}
// --------------------------------------------------------------------------- back, and live changes
on("htmx:before:swap", (event) => { // it was closed meanwhile
  if (event.detail.ctx?.target?.id === "peek" && !wanted) event.preventDefault();
});
on("htmx:after:swap", (event) => {
  if (!byId("console")) return;
  if (event.detail.ctx?.target?.id === "console" && !peek()) wanted = ""; // another list
  mark();
  fit();
});
on("htmx:after:history:push", () => { list = address(""); });
on("htmx:before:history:restore", (event) => { // back and forward within one list: only the peek changes
  if (!byId("console") || address("") !== list) return;
  event.preventDefault();
  const id = new URLSearchParams(location.search).get("peek") || "";
  if (id && id !== shown()) { hold(id); show(id); }
  else if (!id && peek()) shut();
});
window.addEventListener("scroll", fit, { passive: true });
window.addEventListener("resize", fit);
if (peek()) {
  wanted = shown();
  mark();
  fit();
  bringBack();
}
