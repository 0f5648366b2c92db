// Forms of questions: nothing typed is lost, the first mistake has the focus, long lists can be
// searched. The server keeps the draft; this tab keeps what could not reach it. No markup is made.
import { all, byId, on, page, skew } from "./dom.js";
import { tabs } from "./sign_in.js";
const loadedAfter = performance.now(); // the most by which `skew` may be too large
const answers = () => all("form.answer[data-redraw]");
const stashKey = (form) => `draft:${form.dataset.user}:${form.id}`;
const sent = new WeakSet(); // forms that are on their way
const unsaved = new WeakMap(); // how often each form was typed in since the server had all of it
function typedIn(form) { // without files and passwords: they are kept in no storage of a browser
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const input = form.elements[name];
    if (typeof value === "string" && input?.type !== "password") data.append(name, value);
  }
  return data;
}
function words(data) { // apart from when it was typed, and on which page
  for (const name of ["typed_at", "desk", "next"]) data.delete(name);
  return data.toString();
}
function stash(form) {
  try {
    sessionStorage.setItem(stashKey(form), JSON.stringify({ at: Date.now() - skew + loadedAfter, typed: typedIn(form).toString() }));
  } catch { /* storage is full or forbidden: the page itself still holds what was typed */ }
}
// ------------------------------------------------------------------------- saving while typing
on("input", (event) => {
  const form = event.target.closest?.("form.answer[data-redraw]");
  if (!form) return;
  unsaved.set(form, (unsaved.get(form) || 0) + 1);
  form.elements.typed_at.value = Date.now(); // requests overtake one another: the newest counts
});
document.addEventListener("submit", (event) => { // a session may be over: the sign-in page would swallow the post
  const form = event.target, tool = event.submitter?.name || "";
  if (!form.matches("form.answer[data-redraw]")) return;
  stash(form); unsaved.delete(form);
  if (tool.startsWith("_")) return; // only draws again
  sent.add(form);
  if (tool === "forget") sessionStorage.removeItem(stashKey(form));
  else sessionStorage.setItem("sent", stashKey(form));
}, true);
export function isTaken(form) { // sent without leaving the page: what is typed next is another draft
  sent.delete(form);
  sessionStorage.removeItem(stashKey(form)); sessionStorage.removeItem("sent");
}
window.addEventListener("pageshow", () => answers().forEach((form) => sent.delete(form)));
on("htmx:before:request", (event) => {
  const ctx = event.detail.ctx, form = ctx?.sourceElement?.closest?.("form.answer[data-redraw]");
  if (form && sent.has(form)) event.preventDefault(); // a draft that comes after the answer would outlive it
  if (form) ctx.typedBefore = unsaved.get(form);
});
on("htmx:after:request", (event) => {
  const ctx = event.detail.ctx, form = ctx?.sourceElement?.closest?.("form.answer[data-redraw]");
  if (!form) return;
  if (ctx.response?.status !== 200) { stash(form); return; }
  if (unsaved.get(form) !== ctx.typedBefore) return; // typed on meanwhile: that is still to be saved
  unsaved.delete(form);
  sessionStorage.removeItem(stashKey(form));
  tabs.postMessage({ user: page.user, saved: form.id });
});
on("signed-in", () => answers().filter((form) => unsaved.has(form)).forEach((form) => form.dispatchEvent(new Event("change"))));
tabs.addEventListener("message", ({ data }) => { // a page just opened, while another tab still held what was typed
  const form = data.saved && page.user === data.user && byId(data.saved);
  if (form && !unsaved.has(form) && performance.now() < 15000) location.reload();
});
on("htmx:error", () => answers().filter((form) => unsaved.has(form)).forEach(stash));
on("signed-out", () => answers().filter((form) => unsaved.has(form)).forEach(stash));
export function saveNow() { // leaving the page or its tab: what the delay has not sent yet
  for (const form of answers()) {
    if (!unsaved.has(form)) continue;
    stash(form);
    navigator.sendBeacon(form.dataset.redraw, typedIn(form));
  }
}
window.addEventListener("pagehide", saveNow);
on("visibilitychange", () => { if (document.hidden) saveNow(); });
on("focusout", (event) => { // a field is left: save without waiting for the delay
  const form = event.target.closest?.("form.answer[data-redraw]");
  if (form && unsaved.has(form) && !form.contains(event.relatedTarget)) form.dispatchEvent(new Event("change"));
});
// ------------------------------------------------------------------ what this tab had kept back
async function bringBack(form, tries = 5) {
  const kept = JSON.parse(sessionStorage.getItem(stashKey(form)) || "null");
  const forget = () => sessionStorage.removeItem(stashKey(form));
  if (!kept || kept.at <= Number(form.dataset.saved)) return forget(); // the server has it, or something newer
  const typed = new URLSearchParams(kept.typed);
  for (const name of ["csrfmiddlewaretoken", "key"]) { // of this page, not of the one before
    if (form.elements[name]) typed.set(name, form.elements[name].value);
  }
  if (words(new URLSearchParams(typed)) === words(typedIn(form))) return forget(); // it arrived after all
  const answer = await fetch(form.dataset.redraw, { method: "POST", body: typed }).catch(() => null);
  if (unsaved.has(form)) return; // what is typed by now is newer, and saved
  if (!answer || answer.status >= 500) { // the site is busy or away
    if (tries) setTimeout(bringBack, 2000, form, tries - 1);
    return;
  }
  forget();
  if (answer.ok && !form.elements.typed_at.value) location.reload(); // nobody is at it yet
}
function isTouched(form) { // typed in before this script was there
  return [...form.elements].some((each) => each.matches("input[type=checkbox], input[type=radio]")
    ? each.checked !== each.defaultChecked
    : each.matches("input:not([type=hidden], [type=file]), textarea") && each.value !== each.defaultValue);
}
for (const form of answers().filter(isTouched)) { // newer than what the tab kept
  unsaved.set(form, 1);
  form.elements.typed_at.value = Date.now();
}
const saveTouched = () => answers().filter((form) => unsaved.has(form)).forEach((form) => form.dispatchEvent(new Event("change")));
window.addEventListener("load", () => { saveTouched(); setTimeout(saveTouched, 2000); }); // on a busy machine htmx may listen late
const left = page.user && sessionStorage.getItem("sent"); // by the form that led here: it was taken, or is on this page
if (left) {
  sessionStorage.removeItem("sent");
  if (!answers().some((form) => stashKey(form) === left)) sessionStorage.removeItem(left);
}
export function bringBackAll() { answers().forEach((form) => bringBack(form)); }
bringBackAll();
// -------------------------------------------------------------------- complaints at their fields
function point() {
  for (const each of all("[data-complaint]")) {
    const field = byId(each.dataset.complaint);
    const input = field?.querySelector("input:not([type=hidden]), select, textarea");
    if (!input || field.classList.contains("has-error")) continue;
    field.classList.add("has-error");
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${each.id}`.trim());
  }
}
on("htmx:after:swap", point);
point();
document.querySelector(".has-error :is(input:not([type=hidden]), select, textarea)")?.focus();
on("click", (event) => { // a link of the summary goes to the control, not only to its frame
  const link = event.target.closest?.(".field-errors a, .complaints a");
  const target = link && byId(link.hash.slice(1))?.querySelector("input:not([type=hidden]), select, textarea, button");
  if (target) { event.preventDefault(); target.focus(); }
});
// --------------------------------------------------------------------------- long lists of options
on("input", (event) => {
  const list = event.target.dataset?.filters && byId(event.target.dataset.filters);
  if (!list) return;
  event.stopPropagation();
  const wanted = event.target.value.trim().toLowerCase();
  for (const option of list.options) option.hidden = !option.selected && !option.text.toLowerCase().includes(wanted);
});
