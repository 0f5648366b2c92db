// Keeps the list, the inbox and the overview as one signed-in person last saw them, and shows them,
// marked as old and with nothing to press, while the site cannot be reached. Everything else goes to
// the network as if there were no worker. In front of this stand the constants of
// executions/web/installed_app.py: VERSION, ASSETS, KEPT, OFFLINE, SIGN_IN, SIGN_OUT, LEFT_ALONE,
// ICON and DAY (milliseconds).
const SITE = `site-${VERSION}`; // what every page is drawn with
const OWN = "kept-"; // and the number of the person: the pages that they saw
const NOTIFIED = "notified-"; // and the number of the person whom this browser notifies; it holds nothing
let forgotten = 0; // how often; a page that was on its way then is not kept
self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const site = await caches.open(SITE);
    await site.addAll(ASSETS.map((url) => new Request(url, { credentials: "omit" })));
    await self.skipWaiting();
  })());
});
self.addEventListener("activate", (event) => { // kept pages may need files that are gone
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name !== SITE && !name.startsWith(NOTIFIED)) await caches.delete(name);
    }
    await self.registration.navigationPreload?.enable();
    await self.clients.claim();
  })());
});
self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.mode === "navigate") {
    if (request.method === "POST" && url.pathname === SIGN_OUT) event.waitUntil(forget());
    if (request.method !== "GET" || !url.pathname.endsWith("/")) return; // a post, or a download
    if (!LEFT_ALONE.some((start) => url.pathname.startsWith(start))) event.respondWith(answer(event, url));
  } else if (request.method === "GET" && ["style", "image"].includes(request.destination)) {
    event.respondWith(fetch(request).catch(async () => await ofSite(request) ?? Response.error()));
  }
});
async function answer(event, url) {
  let found;
  try {
    found = await event.preloadResponse || await fetch(event.request);
  } catch {
    return offline(url);
  }
  if (found.ok && KEPT.includes(url.pathname)) event.waitUntil(keep(url, found.clone()));
  if (found.ok && url.pathname === SIGN_IN) event.waitUntil(forgetPages());
  return found;
}
function ofSite(request) { return caches.match(request, { cacheName: SITE, ignoreVary: true }); }
// ------------------------------------------------------------------------------- notifications
self.addEventListener("push", (event) => {
  const { title, body, path, tag } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon: ICON, badge: ICON, data: { path } }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const url = new URL(event.notification.data.path, location.origin);
    if (url.origin !== location.origin) return;
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = open.find((each) => each.url === url.href);
    await (there ? there.focus() : self.clients.openWindow(url.href));
  })());
});
// ----------------------------------------------------------------------------------- what is kept
async function keep(url, found) {
  const before = forgotten, html = await found.text();
  const person = html.match(/<body[^>]*\sdata-user="(\d+)"/)?.[1];
  if (!person || !html.includes(` data-app="${VERSION}"`)) return;
  if ((await keptNames()).some((name) => name !== OWN + person)) await forget();
  else if (before !== forgotten) return;
  const headers = new Headers(found.headers); // the content policy too
  for (const name of ["content-encoding", "content-length", "vary"]) headers.delete(name);
  headers.set("x-kept-at", Date.now());
  headers.set("x-kept-from", url.pathname + url.search);
  const pages = await caches.open(OWN + person);
  await pages.put(url.pathname, new Response(asOld(html), { headers }));
}
async function keptNames() { return (await caches.keys()).filter((name) => name.startsWith(OWN)); }
async function forgetPages() {
  forgotten += 1;
  for (const name of await keptNames()) await caches.delete(name);
}
async function forget() { // the person has left this browser, or another one came
  await forgetPages();
  for (const name of await caches.keys()) if (name.startsWith(NOTIFIED)) await caches.delete(name);
  const subscription = await self.registration.pushManager?.getSubscription();
  await subscription?.unsubscribe();
  for (const shown of await self.registration.getNotifications()) shown.close();
}
function asOld(html) { // no script, nothing that acts, no secret of a form; times that stay true
  return html
    .replace(/<script\b[^>]*><\/script>/g, "")
    .replace(/<input type="hidden" name="csrfmiddlewaretoken"[^>]*>/g, "")
    .replace(/<(button|input|select|textarea)\b/g, "<$1 disabled")
    .replace(/(<time\b([^>]*?)\btitle="([^"]+)"[^>]*>)(?:<span data-since[^>]*>[^<]*<\/span>|[^<]*)<\/time>/g, asClock)
    .replace(' id="offline" hidden', ' id="offline"')
    .replace('data-state="starting"', 'data-state="paused"')
    .replace(/(<span id="live-word"[^>]*>)[^<]*/, "$1Offline")
    .replace(/<title>\s*/, "<title>Offline: ");
}
function asClock(whole, start, attributes, at) {
  if (attributes.includes("data-exact")) return whole;
  const word = attributes.match(/data-word="(\w+)"/)?.[1];
  return `${start}${word ? `${word} ` : ""}${at}</time>`;
}
// -------------------------------------------------------------------------- without the network
async function offline(url) {
  const found = KEPT.includes(url.pathname) && await kept(url.pathname);
  if (!found) return await ofSite(OFFLINE) ?? Response.error();
  const from = found.headers.get("x-kept-from"); // the address says what is shown
  return from === url.pathname + url.search ? found : Response.redirect(new URL(from, location), 302);
}
async function kept(path) {
  const names = await keptNames();
  const found = names.length === 1 && await caches.match(path, { cacheName: names[0] });
  if (!found) return null;
  if (Date.now() - found.headers.get("x-kept-at") < DAY) return found;
  await forgetPages(); // no session lasts longer
  return null;
}
