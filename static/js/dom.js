// Small words of every module, what the page says of itself and of its reader's times, and a line
// that tells of something.
export const byId = (id) => document.getElementById(id);
export const page = Object.assign(document.body.dataset, byId("time-tip")?.dataset);
export const skew = page.now ? Date.now() - Number(page.now) : 0; // milliseconds of this clock ahead of the server's
export const all = (selector) => [...document.querySelectorAll(selector)];
export const on = (name, heard) => document.addEventListener(name, heard);
export function toast(text) {
  const line = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  byId("toasts").append(line);
  setTimeout(() => line.remove(), 8000);
}
