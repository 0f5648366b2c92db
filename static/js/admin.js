// The search fields of Django's own choosers have no name; they get that of their field.
"use strict";
function nameChoosers() {
  for (const field of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    const label = field.closest(".form-row, .fieldBox")?.querySelector("label");
    if (label) field.setAttribute("aria-label", label.textContent.replace(/:\s*$/, ""));
  }
}
new MutationObserver(nameChoosers).observe(document.documentElement, { childList: true, subtree: true });
