// One session for the page, however often the plugin's files were loaded; the first that is loaded makes it.

import { pluginOf } from "./plugin.js";
import { openSession } from "./session.js";

const HERE = Symbol.for("amplitude session");

/**
 * @param {string} base where the plugin's files are, with the slash
 * @returns {ReturnType<typeof openSession>}
 */
export function sessionOf(base) {
  const page = /** @type {any} */ (window);
  if (!page[HERE]) {
    page[HERE] = openSession(base);
    page.analyticsSession = page[HERE].api;
  }
  return page[HERE];
}

/**
 * @param {string} base
 * @param {any} settings
 * @param {number} rank see `configure`
 */
export function pluginFor(base, settings, rank) {
  const session = sessionOf(base);
  session.configure(settings, rank);
  return pluginOf(session);
}
