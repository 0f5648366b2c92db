// What people do on a page and HTML alone cannot: dialogs, menus, keys, forms that draw themselves
// again. No markup is made here.
import { all, byId, on, page, toast } from "./dom.js";
const MENUS = "#user-menu[open], [data-menu][open]";
// -------------------------------------------------------------------------------- answers of htmx
on("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status >= 500 && event.detail.ctx.sourceElement?.id === "live") return; // nobody asked for it: it is tried again
  if (status === 403) toast("Not allowed, or the page was open for too long: reload it.");
  else if (status !== 401 && status !== 422) toast(`The server could not do that (${status}). Nothing here was changed.`);
});
// ------------------------------------------------------------------------------ people at work
let pressed = null; // what the last click did: the second one of a double click never does another thing
function act(button) {
  return [button.form?.getAttribute("action"), button.name, button.value, button.dataset.dialog, button.id].join("|");
}
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (event.detail > 1 && button && act(button) !== pressed) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else {
    pressed = button && act(button);
  }
}, true);
on("click", (event) => {
  for (const menu of all(MENUS)) if (!menu.contains(event.target)) menu.open = false;
  byId(event.target.closest("[data-dialog]")?.dataset.dialog)?.showModal();
  event.target.closest("[data-close]")?.closest("dialog").close();
});
on("submit", (event) => {
  const form = event.target, tool = event.submitter, target = form.querySelector(".answer-fields");
  if (form.dataset.redraw && ["_add", "_remove", "_move"].includes(tool?.name)) { // only draws again
    event.preventDefault();
    htmx.ajax("POST", form.dataset.redraw, { source: form, target, swap: "outerMorph", event: { submitter: tool } });
  } else if (form.method === "post" && !event.defaultPrevented) { // one click, one request
    setTimeout(() => form.querySelectorAll("button:not([type=button])").forEach((b) => { b.disabled = true; }));
  }
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) all("form button:disabled").forEach((button) => { button.disabled = false; });
});
window.addEventListener("pagehide", () => { // "back to the list" means this list
  if (byId("console")) sessionStorage.setItem("list", location.pathname + location.search);
});
on("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(MENUS);
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
if (page.formPage) history.replaceState(null, "", page.formPage); // *back* and a reload lead to the form, not to the post
const nav = document.querySelector(".nav"), here = nav?.querySelector("[aria-current]");
if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - 60; // on a phone it is beyond the edge
if (location.hash.startsWith("#dialog-")) byId(location.hash.slice(1))?.showModal?.(); // a verb chosen in the list
const back = byId("back-to-list"), list = sessionStorage.getItem("list");
if (back && list && !("kept" in back.dataset)) back.href = list;
