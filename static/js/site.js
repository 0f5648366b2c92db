// Every script of the site, one module per purpose; collectstatic makes one file of them. The peek
// hears of a form before the page does, which takes each one for a way to another page.
import "./live.js";
import "./sign_in.js";
import "./installed_app.js";
import "./push.js";
import "./runs/peek.js";
import "./page.js";
import "./answers.js";
import "./inbox.js";
import "./runs/page.js";
import "./runs/selection.js";
import "./runs/filters.js";
import "./runs/arrivals.js";
import "./times.js";
import "./shortcuts.js";
import "./palette.js";
