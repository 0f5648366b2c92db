// Every script of the site, one module per purpose; collectstatic makes one file of them.
import "./live.js";
import "./sign_in.js";
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
