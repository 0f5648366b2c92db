// Keeps an open page up to date and adds what HTML alone cannot: no markup is made here.
// The stream says which runs changed; the page then asks, at most once a second, for its own rows.
"use strict";
const page = document.body.dataset;
const skew = page.now ? Date.now() - Number(page.now) : 0;
const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
let stream = null, timer = null, busy = false, paused = false, lost = false, signedOut = false;
let wanted = new Set(), wantsAll = false, wantsRest = false, lastAsked = 0;

// ------------------------------------------------------------------------------------ durations
function duration(seconds) { // the same words as `duration` in rendering.py
  const two = (n) => String(n).padStart(2, "0"), s = Math.max(0, seconds), w = Math.floor(s);
  if (s < 10) return s.toFixed(1) + " s";
  if (w < 60) return w + " s";
  if (w < 3600) return Math.floor(w / 60) + " m " + two(w % 60) + " s";
  if (w < 86400) return Math.floor(w / 3600) + " h " + two(Math.floor(w % 3600 / 60)) + " m";
  return Math.floor(w / 86400) + " d " + Math.floor(w % 86400 / 3600) + " h";
}
function tick() {
  const now = Date.now() - skew;
  for (const each of all("[data-since]")) {
    const text = duration(Math.floor((now - Date.parse(each.dataset.since)) / 1000));
    const shown = text.replace(".0 s", " s");
    if (each.textContent !== shown) each.textContent = shown;
  }
}
// ------------------------------------------------------------------------------- asking for news
function address() {
  const source = byId("console") || document.body;
  const url = new URL(source.dataset.changesUrl, location.href);
  const rows = all("[data-row]").map((row) => row.dataset.row);
  const named = wantsAll ? rows : rows.filter((row) => wanted.has(row.split(":")[0]));
  const add = (name, value) => { if (value) url.searchParams.set(name, value); };
  add("rows", named.join(","));
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
  if (!timer) timer = setTimeout(ask, Math.max(0, lastAsked + 1000 - Date.now()));
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
  for (const [id] of news.runs || []) wanted.add(String(id));
  for (const [id] of news.commands || []) wanted.add(String(id));
  wantsAll = wantsAll || "health" in news;
  wantsRest = true;
  soon();
}
function listen() {
  if (!page.liveUrl || stream || paused || signedOut || document.hidden) return;
  stream = new EventSource(page.liveUrl, { withCredentials: true });
  const well = () => { say("live", "Live"); if (lost) { lost = false; askAll(); } };
  stream.addEventListener("hello", well);
  stream.addEventListener("changes", heard);
  stream.addEventListener("resync", askAll);
  stream.addEventListener("degraded", () => { lost = true; say("asking", "Every 15 s"); });
  stream.onopen = well;
  stream.onerror = () => {
    lost = true;
    say("asking", "Stream lost, every 15 s");
    if (stream && stream.readyState === EventSource.CLOSED) mute();
  };
}
function mute() { stream?.close(); stream = null; }
function rest() { // every 15 s: a lost stream is replaced by asking, and tried again
  if (paused || document.hidden) return;
  if (lost || !stream) askAll();
  if (!stream) setTimeout(listen, Math.random() * 5000);
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) mute(); else { listen(); askAll(); tick(); }
});
byId("pause")?.addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", paused);
  byId("pause").lastElementChild.textContent = paused ? "Go on" : "Pause";
  if (paused) { mute(); say("paused", "Paused"); } else { say("starting", "Connecting"); listen(); askAll(); }
});
// ------------------------------------------------------------------------------ answers of htmx
function toast(text) {
  const line = document.createElement("p");
  line.className = "toast";
  line.textContent = text;
  byId("toasts").append(line);
  setTimeout(() => line.remove(), 8000);
}
document.addEventListener("signed-out", () => {
  signedOut = true;
  mute();
  say("paused", "Signed out");
  byId("signed-out").hidden = false;
});
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status === 401 || status === 422) return;
  toast(status === 403 ? "Not allowed, or the page is too old: reload it." : "The server could not do that (" + status + "). Nothing on this page was changed.");
});
document.addEventListener("htmx:after:swap", () => {
  tick();
  if (byId("follow")?.checked) byId("log-lines").scrollTop = byId("log-lines").scrollHeight;
});
// ------------------------------------------------------------------------------ people at work
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) byId(opener.dataset.dialog)?.showModal();
  event.target.closest("[data-close]")?.closest("dialog").close();
  const menu = byId("user-menu");
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener("submit", (event) => { // a row's button only draws the form again
  const form = event.target, tool = event.submitter, target = form.querySelector(".answer-fields");
  if (!form.dataset.redraw || !["_add", "_remove", "_move"].includes(tool?.name)) return;
  event.preventDefault();
  htmx.ajax("POST", form.dataset.redraw, { source: form, target, swap: "outerMorph", event: { submitter: tool } });
});
document.addEventListener("submit", (event) => { // one click, one wish
  if (event.target.method !== "post" || event.defaultPrevented) return;
  setTimeout(() => event.target.querySelectorAll("button:not([type=button])").forEach((b) => { b.disabled = true; }));
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) all("form button:disabled").forEach((button) => { button.disabled = false; });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && byId("user-menu")?.open) byId("user-menu").open = false;
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  const search = byId("search");
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});
if (page.changesUrl) { listen(); if (!page.liveUrl) say("asking", "Every 15 s"); setInterval(rest, 15000); }
setInterval(tick, 1000);
tick();
if (byId("follow")) byId("log-lines").scrollTop = byId("log-lines").scrollHeight;
