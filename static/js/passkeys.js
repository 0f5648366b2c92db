// The buttons of passkeys. The ceremony itself is allauth's (mfa/js/webauthn.js).
const { forms } = window.allauth.webauthn;
const WORDS = {
  NotAllowedError: "That was called off, or took too long. Try again.",
  InvalidStateError: "This passkey is known here already.",
  SecurityError: "Passkeys work only under the site's own name, over https.",
};
for (const button of document.querySelectorAll("[data-passkey]")) {
  const form = button.form;
  for (const field of form.querySelectorAll("[name=credential]")) field.id ||= `credential-${button.id}`;
  const ids = {
    [{ add: "add", sign_in: "login", prove: "authenticate" }[button.dataset.passkey]]: button.id,
    credential: form.querySelector("[name=credential]").id,
    passwordless: form.querySelector("[name=passwordless]")?.id,
    ...(document.getElementById("js_data") && button.dataset.passkey !== "sign_in" ? { data: "js_data" } : {}),
  };
  if (!window.PublicKeyCredential) continue; // the words beside the button say so
  form.hidden = button.hidden = false;
  document.getElementById(button.dataset.without)?.setAttribute("hidden", "");
  ({ add: forms.addForm, sign_in: forms.loginForm, prove: forms.authenticateForm })[button.dataset.passkey]({ ids });
}
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("passkey-problem");
  if (!place) return;
  const error = event.detail.exception;
  place.querySelector("span").textContent = WORDS[error?.name] ?? `The passkey could not be used: ${error?.message ?? error}`;
  place.hidden = false;
});
