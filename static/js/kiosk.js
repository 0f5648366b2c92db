// The wall on a screen of its own. It asks again and again, shows what is new, turns through pages
// where not every tile fits, and goes dark when it no longer knows.

const ASKS_EVERY = 5000; // milliseconds
const WAITS = 8000; // for an answer
const LATE_AFTER = 15; // seconds without an answer
const BLIND_AFTER = 60;
const TURNS_EVERY = 10000; // a page with a lit tile stays twice as long
const STARTS_ANEW = 24 * 3600 * 1000;
const LIT = new Set(["needs_you", "failed", "warning", "overdue"]);

const body = document.body;
const by = (id) => document.getElementById(id);
const began = Date.now();
const ahead = body.dataset.now * 1000 - began; // of the server's clock
const now = () => Date.now() + ahead;
const inZone = (shape) => new Intl.DateTimeFormat("en-GB", { timeZone: body.dataset.zone, ...shape });
const clock = inZone({ hour: "2-digit", minute: "2-digit" });
const day = inZone({ weekday: "short", day: "numeric", month: "short", timeZoneName: "short" });
const build = by("screen").dataset.build;
let answeredAt = now();
let why = "";

// ---------------------------------------------------------------------------------- what is new

async function ask() {
  const address = new URL(location.href);
  address.searchParams.set("stamp", by("screen").dataset.stamp);
  try {
    const options = { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(WAITS) };
    const answer = await fetch(address, options);
    if (answer.status === 410) return location.reload(); // which says why
    if (!answer.ok) throw new Error(`Annunciator answers with error ${answer.status}.`);
    if (answer.status !== 204) show(await answer.text());
    answeredAt = now();
    why = "";
  } catch (error) {
    const isOurs = error instanceof Error && error.message.startsWith("Annunciator");
    why = isOurs ? error.message : "Annunciator has not answered since.";
  }
  if (Date.now() - began > STARTS_ANEW && !why) location.reload();
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("screen");
  if (!fresh) throw new Error("Annunciator answers with another page.");
  if (fresh.dataset.build !== build) return location.reload(); // a new version was installed
  const states = new Map([...document.querySelectorAll(".kiosk-tile")].map((each) => [each.id, each.dataset.state]));
  by("screen").replaceWith(fresh);
  const lit = [...fresh.querySelectorAll(".kiosk-tile")].filter(
    (each) => LIT.has(each.dataset.state) && states.get(each.id) !== each.dataset.state,
  );
  for (const each of lit) each.classList.add("is-new");
  if (lit.length) sound();
  lay();
}

// ------------------------------------------------------------------------------ whether it knows

function tell() {
  const silent = Math.max(0, Math.round((now() - answeredAt) / 1000));
  const unread = by("screen").dataset.blindSince;
  const isBlind = silent > BLIND_AFTER || unread !== undefined;
  if (by("clock").textContent !== clock.format(now())) by("clock").textContent = clock.format(now());
  by("day").textContent = day.format(now());
  by("live").textContent = silent < LATE_AFTER ? "Live" : `No answer for ${silent} s`;
  by("live").dataset.state = silent < LATE_AFTER ? "live" : "late";
  if (isBlind) {
    const since = silent > BLIND_AFTER ? answeredAt : unread * 1000;
    by("blind-since").textContent = since ? clock.format(since) : "it was set up";
    by("blind-why").textContent =
      silent > BLIND_AFTER ? why : "Annunciator answers, but it can read none of the accounts.";
  }
  if (by("blind").hidden === isBlind) by("blind").hidden = !isBlind;
  body.classList.toggle("is-blind", isBlind);
}

// ------------------------------------------------------------------------ pages, where it is full

let page = 0;
let stays = 0;

function lay() {
  const tiles = [...document.querySelectorAll(".kiosk-tile")];
  for (const each of tiles) each.hidden = false;
  const grid = by("tiles");
  const isFull = grid && getComputedStyle(grid).overflow === "hidden" && grid.scrollHeight > grid.clientHeight + 1;
  by("page").hidden = !isFull;
  if (!isFull) return;
  const style = getComputedStyle(grid);
  const columns = style.gridTemplateColumns.split(" ").length;
  const gap = parseFloat(style.rowGap);
  const least = Math.min(...tiles.map((each) => each.offsetHeight));
  const rows = Math.max(1, Math.floor((grid.clientHeight + gap) / (least + gap)));
  const fits = columns * rows;
  const pages = Math.ceil(tiles.length / fits);
  page %= pages;
  tiles.forEach((each, place) => (each.hidden = Math.floor(place / fits) !== page));
  by("page").textContent = `Page ${page + 1} of ${pages}`;
}

function turn() {
  if (by("page").hidden) return;
  const isLit = [...document.querySelectorAll(".kiosk-tile:not([hidden])")].some((each) => LIT.has(each.dataset.state));
  stays += 1;
  if (isLit && stays < 2) return;
  stays = 0;
  page += 1;
  lay();
}

// ----------------------------------------------------------------------------------------- sound

let audio = null;

function sound() {
  if (audio?.state !== "running") return;
  for (const [at, pitch] of [[0, 660], [0.18, 880]]) {
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const volume = new GainNode(audio, { gain: 0.15 });
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.15);
  }
}

/** A browser lets a page sound after a click, or at once where a kiosk was set up so. */
function offerSound() {
  const button = by("sound");
  const is = (wanted) => localStorage.getItem("kiosk-sound") === wanted;
  const turnOn = async () => {
    audio ??= new AudioContext();
    await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 500))]);
    const isOn = audio.state === "running";
    button.textContent = isOn ? "Sound is on" : "Turn sound on";
    button.setAttribute("aria-pressed", String(isOn));
  };
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-pressed") === "true") {
      localStorage.setItem("kiosk-sound", "off");
      await audio.suspend();
      button.textContent = "Turn sound on";
      button.setAttribute("aria-pressed", "false");
      return;
    }
    localStorage.setItem("kiosk-sound", "on");
    await turnOn();
    sound();
  });
  if (is("on")) turnOn();
}

/** One question at a time, whatever an answer takes. */
async function askAgain() {
  await ask();
  tell();
  setTimeout(askAgain, ASKS_EVERY);
}

offerSound();
lay();
tell();
setInterval(tell, 1000);
setInterval(turn, TURNS_EVERY);
setTimeout(askAgain, ASKS_EVERY);
addEventListener("resize", lay);
