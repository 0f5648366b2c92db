// The site as an app on this device: its worker, and that it keeps nothing of anybody else.
import { page } from "./dom.js";
const isOut = location.pathname.startsWith("/sign-in/");
async function forgetOthers() { // `kept-` pages of a person; `notified-` that they are notified here
  const others = (await caches.keys()).filter((name) => /^(kept|notified)-\d+$/.test(name) && !name.endsWith(`-${page.user}`));
  const left = isOut ? others.filter((name) => name.startsWith("kept-")) : others; // a session that ran out ends no notifications
  for (const name of left) await caches.delete(name);
  if (!left.some((name) => name.startsWith("notified-"))) return;
  const registration = await navigator.serviceWorker.getRegistration();
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
}
if (window.caches && (page.user || isOut)) forgetOthers();
if (page.app) navigator.serviceWorker?.register("/service-worker.js", { updateViaCache: "none" }).catch(() => {}); // works without
