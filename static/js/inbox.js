// The inbox: a question opens on the desk while the lines stay where they are; keys go through them.
// No markup is made here.
import { all, byId, on, page } from "./dom.js";
import { bringBackAll, saveNow } from "./answers.js";
const lines = () => all("#inbox-lines .inbox-link");
const current = () => lines().find((each) => each.hasAttribute("aria-current"));
const hasDesk = () => Boolean(byId("desk")?.checkVisibility());
const isPlain = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
let shown = location.pathname + location.search, asked = 0, coming = "", wantsField = false; // coming: a question on its way to the desk
const isOnDesk = (link) => Boolean(byId("desk").querySelector(`form.answer[id="answer-${/\d+/.exec(link.getAttribute("href"))}"]`));
function firstField() {
  return byId("desk").querySelector("form.answer :is(input:not([type=hidden], [type=search]), select, textarea), .answer-bar button");
}
async function openQuestion(href) {
  const mine = ++asked;
  coming = href;
  wantsField = false;
  saveNow(); // what is typed goes before the form does
  const answer = htmx.ajax("GET", href, { source: "#inbox", target: "#desk", swap: "outerHTML" });
  for (const each of lines()) {
    if (each.getAttribute("href") === href) each.setAttribute("aria-current", "true"); else each.removeAttribute("aria-current");
  }
  try { await answer; } finally { if (mine === asked) coming = ""; }
  if (mine !== asked) return; // another one was asked for meanwhile
  history.pushState(null, "", href);
  shown = href;
  byId("desk")?.querySelector(".desk-body")?.scrollTo(0, 0);
  bringBackAll();
  if (wantsField) firstField()?.focus();
}
export function stepQuestion(by) { // false where there is no desk to step on
  if (!hasDesk() || !lines().length) return false;
  const all = lines(), here = all.indexOf(current()), next = here < 0 ? all[by > 0 ? 0 : all.length - 1] : all[here + by];
  if (!next) return true;
  next.focus({ preventScroll: true, focusVisible: true });
  next.closest(".inbox-row").scrollIntoView({ block: "nearest" });
  openQuestion(next.getAttribute("href"));
  return true;
}
on("click", (event) => {
  const link = event.target.closest?.("#inbox-lines .inbox-link");
  const step = event.target.closest?.("#next-question, .skip-question[href]") ? 1 : event.target.closest?.("#previous-question") ? -1 : 0;
  if (!(link || step) || !isPlain(event) || !hasDesk() || !byId("inbox-lines")?.checkVisibility()) return;
  if (step && !current()) return;
  event.preventDefault();
  if (step) stepQuestion(step);
  else if (link.getAttribute("href") === coming) wantsField = true; // what is on the desk yet is another's
  else if (isOnDesk(link)) firstField()?.focus();
  else openQuestion(link.getAttribute("href"));
});
window.addEventListener("popstate", () => {
  if (byId("desk") && location.pathname + location.search !== shown) location.reload();
});
on("change", (event) => { if (event.target.matches("#inbox-filters select")) event.target.form.requestSubmit(); });
const REST = 2500; // milliseconds in which the question that comes next is not answered by the same keys
let sentAt = 0;
on("keydown", (event) => { // also while somebody types: it sends what is typed
  if (page.keys !== "on" || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
  const open = document.querySelector("dialog[open]"), row = event.target.closest?.(".inbox-link");
  if ((row && row !== current()) || Date.now() - sentAt < REST) return; // not what one looks at, or twice
  const question = event.target.closest?.(".desk, .question") || byId("desk");
  const button = !open && question?.querySelector("button[data-answers]");
  if (button) { event.preventDefault(); sentAt = Date.now(); button.click(); }
});
export function claim() { document.querySelector("#desk button[data-claim], .question button[data-claim], #peek button[data-claim]")?.click(); }
// ---------------------------------------------------------------- several of one form, for one answer
const chosen = new Map(); // the form of each, by the id of the question
const picks = () => all("#inbox-lines .inbox-pick input");
let rangeFrom = null;
function showChosen() { // boxes only show what is chosen; what was answered meanwhile is chosen no more
  const bar = byId("decide"), boxes = picks();
  if (!bar) return;
  for (const id of chosen.keys()) if (!boxes.some((box) => box.value === id)) chosen.delete(id);
  const [form] = chosen.values();
  for (const box of boxes) {
    box.checked = chosen.has(box.value);
    box.disabled = Boolean(form) && box.dataset.form !== form;
    box.title = box.disabled ? "It asks with another form than the selected ones" : "";
    box.closest(".inbox-row").classList.toggle("is-picked", box.checked);
  }
  const more = boxes.filter((box) => !box.checked && !box.disabled).length;
  bar.hidden = !form;
  byId("decide-some").textContent = form ? `${chosen.size} selected` : "";
  byId("decide-alike").hidden = !form || !more;
  byId("decide-alike").textContent = `and ${more} with the same form`;
}
function choose(boxes, isOn) {
  for (const box of boxes) { if (box.disabled) continue; if (isOn) chosen.set(box.value, box.dataset.form); else chosen.delete(box.value); }
  showChosen();
}
on("click", (event) => {
  const box = event.target.closest?.(".inbox-pick input"), boxes = picks();
  if (box) {
    const from = event.shiftKey ? boxes.indexOf(rangeFrom) : -1, to = boxes.indexOf(box);
    const form = chosen.size ? [...chosen.values()][0] : box.dataset.form;
    choose(from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1).filter((each) => each.dataset.form === form), box.checked);
    rangeFrom = box;
  } else if (event.target.closest?.("#decide-alike")) {
    choose(boxes, true);
  } else if (event.target.closest?.("#decide-none")) {
    const first = boxes.find((each) => each.checked);
    chosen.clear(); showChosen();
    first?.focus();
  }
});
on("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !chosen.size || document.querySelector("dialog[open]")) return;
  chosen.clear(); showChosen();
});
on("htmx:after:swap", showChosen);
window.addEventListener("pageshow", () => { // a browser may bring boxes back as they were
  for (const box of picks()) if (box.checked) chosen.set(box.value, box.dataset.form);
  showChosen();
});
// ------------------------------------------------------------------ the number in the tab's title
function count() {
  const number = byId("inbox-badge")?.dataset.count, title = document.title.replace(/^\(\d[\d,]*\+?\) /, "");
  document.title = number ? `(${number}) ${title}` : title;
}
on("htmx:after:swap", count);
