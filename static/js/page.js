// What people do on a page and HTML alone cannot: dialogs, menus, keys, forms that draw themselves
// again. Comes after live.js and shares its small words. No markup is made here.
"use strict";
// -------------------------------------------------------------------------------- answers of htmx
function toast(text) {
  const line = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  byId("toasts").append(line);
  setTimeout(() => line.remove(), 8000);
}
on("signed-out", () => {
  signedOut = true; mute();
  say("paused", "Signed out");
  byId("signed-out").hidden = false;
});
// A person who signs in again in one tab is signed in in all; their forms need the new token.
const tabs = new BroadcastChannel("signed-in");
if (page.user) tabs.postMessage({ user: page.user, token: document.querySelector("[name=csrfmiddlewaretoken]")?.value });
tabs.addEventListener("message", ({ data }) => {
  if (data.token && page.user === data.user) {
    for (const each of all("[name=csrfmiddlewaretoken]")) each.value = data.token;
    if (!signedOut) return;
    signedOut = false;
    byId("signed-out").hidden = true;
    listen(); askAll();
    document.dispatchEvent(new Event("signed-in"));
  } else if (data.token && !page.user) {
    document.querySelector("[name=parcel]")?.form.submit(); // what was interrupted here becomes a draft
  }
});
on("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status >= 500 && event.detail.ctx.sourceElement?.id === "live") return; // nobody asked for it: it is tried again
  if (status === 403) toast("Not allowed, or the page is too old: reload it.");
  else if (status !== 401 && status !== 422) toast(`The server could not do that (${status}). Nothing here was changed.`);
});
on("htmx:after:swap", tick);
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
  const menu = byId("user-menu");
  byId(event.target.closest("[data-dialog]")?.dataset.dialog)?.showModal();
  event.target.closest("[data-close]")?.closest("dialog").close();
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
on("submit", (event) => {
  const form = event.target, tool = event.submitter, target = form.querySelector(".answer-fields");
  if (form.dataset.redraw && ["_add", "_remove", "_move"].includes(tool?.name)) { // only draws again
    event.preventDefault();
    htmx.ajax("POST", form.dataset.redraw, { source: form, target, swap: "outerMorph", event: { submitter: tool } });
  } else if (form.method === "post" && !event.defaultPrevented) { // one click, one wish
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
  const menu = byId("user-menu");
  if (event.key === "Escape" && menu?.open) { menu.open = false; menu.querySelector("summary").focus(); }
});
if (page.formPage) history.replaceState(null, "", page.formPage); // *back* and a reload lead to the form, not to the post
const nav = document.querySelector(".nav"), here = nav?.querySelector("[aria-current]");
if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - 60; // on a phone it is beyond the edge
const back = byId("back-to-list"), list = sessionStorage.getItem("list");
if (back && list) back.href = list;
