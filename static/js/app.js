// Keeps an open page up to date and adds what HTML alone cannot: no markup is made here.
// The stream says which runs changed; the page then asks, at most twice a second, for its own.
"use strict";
const page = document.body.dataset;
const skew = page.now ? Date.now() - Number(page.now) : 0;
const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const on = (name, heard) => document.addEventListener(name, heard);
let stream = null, timer = null, busy = false, paused = false, lost = false, signedOut = false;
let wanted = new Set(), wantsAll = false, wantsRest = false, lastAsked = 0;
function duration(seconds) { // the same words as `duration` in wording.py, in whole seconds
  const two = (n) => String(n).padStart(2, "0"), s = Math.max(0, Math.floor(seconds));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " m " + two(s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + two(Math.floor(s % 3600 / 60)) + " m";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}
function tick() {
  for (const each of all("[data-since]")) {
    const shown = duration((Date.now() - skew - Date.parse(each.dataset.since)) / 1000);
    if (each.textContent !== shown) each.textContent = shown;
  }
}
// ------------------------------------------------------------------------------- asking for news
function address() {
  const url = new URL((byId("console") || document.body).dataset.changesUrl, location.href);
  const add = (name, value) => { if (value) url.searchParams.set(name, value); };
  const rows = all("[data-row]").map((row) => row.dataset.row);
  add("rows", rows.filter((row) => wantsAll || wanted.has(row.split(":")[0])).join(","));
  add("stamp", byId("stamp")?.dataset.stamp);
  add("top", document.querySelector("[data-top]")?.dataset.top);
  add("questions", all("[data-question]").map((each) => each.dataset.question).join(","));
  const log = document.querySelector("#log-lines[data-log]");
  if (log) {
    url.searchParams.set("log", log.lastElementChild?.dataset.line || log.dataset.log);
    add("level", log.dataset.level);
  }
  return url.pathname + url.search;
}
async function ask() {
  timer = null;
  if (paused || signedOut || document.hidden || busy) return;
  const url = address();
  [busy, wanted, wantsAll, wantsRest, lastAsked] = [true, new Set(), false, false, Date.now()];
  try {
    await htmx.ajax("GET", url, { source: "#live", target: "#live", swap: "none" });
  } finally {
    busy = false;
    if (wanted.size || wantsAll || wantsRest) soon();
  }
}
function soon() {
  if (!timer) timer = setTimeout(ask, Math.max(0, lastAsked + 500 - Date.now()));
}
function askAll() { wantsAll = true; soon(); }
// -------------------------------------------------------------------------------------- the stream
function say(state, word) {
  if (!byId("live")) return;
  byId("live").dataset.state = state;
  if (byId("live-word").textContent !== word) byId("live-word").textContent = word;
}
function heard(event) {
  const news = JSON.parse(event.data);
  for (const [id] of [...(news.runs || []), ...(news.commands || [])]) wanted.add(String(id));
  wantsAll = wantsAll || "health" in news;
  wantsRest = true;
  soon();
}
function listen() {
  if (!page.liveUrl || stream || paused || signedOut || document.hidden) return;
  stream = new EventSource(page.liveUrl, { withCredentials: true });
  stream.addEventListener("hello", () => { // what happened since the page was made, nobody told
    say("live", "Live"); lost = false; askAll();
  });
  stream.addEventListener("changes", heard);
  stream.addEventListener("resync", askAll);
  stream.addEventListener("degraded", () => { lost = true; say("asking", "Every 15 s"); });
  stream.onerror = () => {
    lost = true;
    say("asking", "Stream lost, every 15 s");
    if (stream?.readyState === EventSource.CLOSED) mute();
  };
}
function mute() { stream?.close(); stream = null; }
function rest() { // every 15 s: a lost stream is replaced by asking, and tried again
  if (paused || document.hidden) return;
  if (lost || !stream) askAll();
  if (!stream) setTimeout(listen, Math.random() * 5000);
}
on("visibilitychange", () => {
  if (document.hidden) mute(); else { listen(); askAll(); tick(); }
});
byId("pause")?.addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.setAttribute("aria-pressed", paused);
  event.currentTarget.lastElementChild.textContent = paused ? "Go on" : "Pause";
  if (paused) { mute(); say("paused", "Paused"); } else { say("starting", "Connecting"); listen(); askAll(); }
});
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
on("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status === 403) toast("Not allowed, or the page is too old: reload it.");
  else if (status !== 401 && status !== 422) toast(`The server could not do that (${status}). Nothing here was changed.`);
});
on("htmx:after:swap", () => {
  tick();
  if (byId("follow")?.checked) byId("log-lines").scrollTop = byId("log-lines").scrollHeight;
});
// ------------------------------------------------------------------------------ people at work
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
  const search = byId("search"), menu = byId("user-menu");
  if (event.key === "Escape" && menu?.open) menu.open = false;
  if (event.key !== "/" || event.ctrlKey || event.metaKey || !search) return;
  if (!event.target.closest("input, textarea, select")) { event.preventDefault(); search.focus(); }
});
if (page.changesUrl) { listen(); if (!page.liveUrl) say("asking", "Every 15 s"); setInterval(rest, 15000); }
setInterval(tick, 1000);
tick();
const log = byId("log-lines"), back = byId("back-to-list"), list = sessionStorage.getItem("list");
if (back && list) back.href = list;
if (log && !new URLSearchParams(location.search).has("line")) log.scrollTop = log.scrollHeight;
