// Signing out and in again. A person who signs in again in one tab is signed in in all; their forms
// need the new token.
import { all, byId, on, page } from "./dom.js";
export const tabs = new BroadcastChannel("signed-in");
const banner = byId("signed-out");
on("signed-out", () => { banner.hidden = false; });
if (page.user) tabs.postMessage({ user: page.user, token: document.querySelector("[name=csrfmiddlewaretoken]")?.value });
tabs.addEventListener("message", ({ data }) => {
  if (data.token && page.user === data.user) {
    for (const each of all("[name=csrfmiddlewaretoken]")) each.value = data.token;
    if (banner.hidden) return;
    banner.hidden = true;
    document.dispatchEvent(new Event("signed-in"));
  } else if (data.token && !page.user) {
    document.querySelector("[name=parcel]")?.form.submit(); // what was interrupted here becomes a draft
  }
});
