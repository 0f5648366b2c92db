// What Django's own pages lack: times as everywhere, and names for the fields its choosers search in,
// which get that of their field.
import "./times.js";
function nameChoosers() {
  for (const field of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    const label = field.closest(".form-row, .fieldBox")?.querySelector("label");
    if (label) field.setAttribute("aria-label", label.textContent.replace(/:\s*$/, ""));
  }
}
new MutationObserver(nameChoosers).observe(document.documentElement, { childList: true, subtree: true });
