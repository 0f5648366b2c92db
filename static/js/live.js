// Keeps an open page up to date and adds what HTML alone cannot: no markup is made here.
// The stream says which runs changed; the page then asks for its own, at most twice a second, or as
// seldom as the stream tells: where many pages are open, and where it is not what this page shows.
import { all, byId, on, page, skew } from "./dom.js";
let stream = null, timer = null, busy = false, paused = false, lost = false, signedOut = false;
let wanted = new Set(), wantsAll = false, wantsRest = false, lastAsked = 0, failed = false;
let pace = { shown: 500, others: 500 }, isAboutUs = false, due = 0, took = 0; // milliseconds
const place = Math.random(); // of this page among the others that heard the same
function duration(seconds) { // the same words as `duration` in display/text.py, in whole seconds
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
  for (const each of all("[data-until]")) {
    const left = Math.ceil((Date.parse(each.dataset.until) - Date.now() + skew) / 1000);
    const shown = left > 0 ? `in ${left} s` : "now";
    if (each.textContent !== shown) each.textContent = shown;
  }
  for (const bar of all("[data-bar-since]")) { // half of its width is what is usual
    const took = (Date.now() - skew - Date.parse(bar.dataset.barSince)) / 1000, half = bar.parentElement.width.baseVal.value / 2;
    bar.setAttribute("width", Math.min(2 * half, took / bar.dataset.usual * half).toFixed(1));
  }
}
// ------------------------------------------------------------------------------- asking for news
function address() {
  const url = new URL((byId("console") || byId("desk") || document.body).dataset.changesUrl, location.href);
  const add = (name, value) => { if (value) url.searchParams.set(name, value); };
  const rows = all("[data-row]").map((row) => row.dataset.row);
  add("rows", rows.filter((row) => wantsAll || wanted.has(row.split(":")[0])).join(","));
  add("stamp", byId("stamp")?.dataset.stamp);
  add("hour", byId("hour")?.dataset.hour);
  add("top", document.querySelector("[data-top]")?.dataset.top);
  for (const each of all("[data-keep]")) new URLSearchParams(each.dataset.keep).forEach((value, name) => url.searchParams.append(name, value));
  add("lines", all("[data-line]").map((each) => each.dataset.line).join(","));
  add("questions", all("[data-question]").map((each) => each.dataset.question).join(","));
  const log = document.querySelector("#log-lines[data-log]");
  if (log) {
    url.searchParams.set("log", log.lastElementChild?.dataset.line || log.dataset.log);
  }
  return url.pathname + url.search;
}
async function ask() {
  timer = null;
  if (paused || signedOut || document.hidden || busy) return;
  const url = address();
  [busy, wanted, wantsAll, wantsRest, isAboutUs, lastAsked] = [true, new Set(), false, false, false, Date.now()];
  try {
    await htmx.ajax("GET", url, { source: "#live", target: "#live", swap: "none" });
  } finally {
    [busy, took] = [false, Date.now() - lastAsked];
    if (failed) { // what was asked for is still unknown: all of it, a few seconds later
      [wantsAll, lastAsked] = [true, Date.now() + 2000 + Math.random() * 2000];
      say("asking", "No answer, trying again");
    } else if (byId("live-word")?.textContent.startsWith("No answer") && stream && !lost) {
      say("live", "Live");
    }
    failed = false;
    if (wanted.size || wantsAll || wantsRest) soon();
  }
}
for (const name of ["htmx:response:error", "htmx:error"]) {
  on(name, (event) => { if (event.detail.ctx?.sourceElement?.id === "live") failed = true; });
}
function soon(wait = Math.max(isAboutUs ? pace.shown : pace.others, 4 * took)) { // a busy site is asked less
  const spread = wait > 500 ? place * wait : 0;
  const at = Math.max(lastAsked + wait, Date.now() + spread);
  if (timer && at >= due) return;
  clearTimeout(timer);
  [due, timer] = [at, setTimeout(ask, Math.max(0, at - Date.now()))];
}
export function askAll() { wantsAll = true; soon(500); } // for somebody who waits for it
export function askRun(id) { wanted.add(id); soon(500); }
// -------------------------------------------------------------------------------------- the stream
function say(state, word) {
  if (!byId("live")) return;
  byId("live").dataset.state = state;
  if (byId("live-word").textContent !== word) byId("live-word").textContent = word;
}
function heard(event) {
  const news = JSON.parse(event.data);
  pace = { shown: news.pace[0] * 1000, others: news.pace[1] * 1000 };
  for (const [id] of [...(news.runs || []), ...(news.commands || [])]) {
    wanted.add(String(id));
    isAboutUs ||= page.changesUrl.includes(`/${id}/`) || !!document.querySelector(`[data-row^="${id}:"]`);
  }
  wantsAll = wantsAll || "health" in news || "notes" in news;
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
  stream.addEventListener("signed-out", () => document.dispatchEvent(new Event("signed-out")));
  stream.addEventListener("degraded", () => { lost = true; say("asking", "Every 15 s"); });
  stream.onerror = () => {
    lost = true;
    say("asking", "Updates every 15 s");
    if (stream?.readyState === EventSource.CLOSED) mute();
  };
}
function mute() { stream?.close(); stream = null; }
function rest() { // every 15 s: a lost stream is replaced by asking; asking says "still watched"
  if (paused || document.hidden) return;
  const silent = stream?.readyState !== EventSource.OPEN; // a browser has few connections for all its tabs
  if (lost || silent || document.querySelector("[data-watch]")) askAll();
  if (stream && silent) say("asking", "Every 15 s");
  if (!stream) setTimeout(listen, Math.random() * 5000);
}
on("visibilitychange", () => {
  if (document.hidden) mute(); else { listen(); askAll(); tick(); }
});
on("signed-out", () => { signedOut = true; mute(); say("paused", "Signed out"); });
on("signed-in", () => { if (signedOut) { signedOut = false; listen(); askAll(); } });
on("htmx:after:swap", tick);
byId("pause")?.addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.setAttribute("aria-pressed", paused);
  event.currentTarget.lastElementChild.textContent = paused ? "Continue" : "Pause";
  event.currentTarget.title = paused ? "Continue updates" : "Pause updates";
  if (paused) { mute(); say("paused", "Paused"); } else { say("starting", "Connecting"); listen(); askAll(); }
});
if (page.changesUrl) { listen(); if (!page.liveUrl) say("asking", "Every 15 s"); setInterval(rest, 15000); }
setInterval(() => { if (byId("hour")) { wantsRest = true; soon(); } }, 10000); // minutes pass without news
setInterval(tick, 1000);
tick();
