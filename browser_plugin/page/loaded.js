// The file that comes later, as a script: hands what it has to the plugin that waits for it.

import { begin } from "./later.js";

/** @type {any} */ (document.currentScript).host(begin);
