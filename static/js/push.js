// Notifications of this browser: set up by a click, never by the page itself.
import { all, byId, page } from "./dom.js";
const form = byId("push-form");
const say = (words) => { byId("push-said").textContent = words; };
function octets(text) { // of base64url
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
}
async function own() { // what this browser is set up with
  const registration = await navigator.serviceWorker.getRegistration();
  return registration?.pushManager.getSubscription();
}
async function nameOf(endpoint) { // as the list has it
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("");
}
async function mark() {
  const subscription = await own();
  const name = subscription && await nameOf(subscription.endpoint);
  const row = all("[data-browser]").find((each) => each.dataset.browser === name);
  form.hidden = Boolean(row);
  if (!row) return;
  row.querySelector("[data-here]").hidden = false;
  row.querySelector("form[data-removal]").addEventListener("submit", () => { subscription.unsubscribe(); });
}
async function setUp() {
  if (await Notification.requestPermission() !== "granted") {
    say("This browser does not let the site show notifications. Allow them in its settings for this site, then try again.");
    return;
  }
  const registration = await navigator.serviceWorker.ready;
  await (await own())?.unsubscribe(); // of somebody else, or of another key
  const options = { userVisibleOnly: true, applicationServerKey: octets(form.dataset.key) };
  const given = (await registration.pushManager.subscribe(options)).toJSON();
  await caches.open(`notified-${page.user}`); // whose it is, for whoever signs in here next
  for (const [name, value] of Object.entries({ endpoint: given.endpoint, ...given.keys })) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.requestSubmit(byId("push-send"));
}
if (form) {
  if (!navigator.serviceWorker || !window.PushManager || !window.Notification) {
    say("This browser cannot show notifications of this site: it needs https, and on an iPhone or iPad the site on the home screen.");
  } else {
    byId("push-on").hidden = false;
    byId("push-on").addEventListener("click", () => {
      setUp().catch((error) => say(`This browser could not be set up: ${error.message}`));
    });
    mark();
  }
}
