// The last chance of a page's events. Analytics.js sends in a later task, and a page that is left has none; requests
// that are under way are cut off. An event that goes out twice has one message id and is counted once.

import { refuses } from "built";
import { beacon } from "./settings.js";
import { release } from "./turns.js";

/** @typedef {import("./state.js").State} State */

/** @param {any} analytics @returns {any} where Segment.io's events go: protocol, apiHost, writeKey */
export const segmentOf = ({ queue }) =>
  ((queue && queue.plugins.find((/** @type {any} */ one) => one.name === "Segment.io")) || {}).metadata;

/** @param {any} to where Segment.io's events go @param {any} event @returns {string} */
export const urlOf = ({ protocol, apiHost }, { type }) => `${protocol}://${apiHost}/${type[0]}`;

/** @param {any} event @param {any} to where Segment.io's events go @returns {any} */
export const bodyOf = (event, { writeKey }) => Object.assign({}, event, { writeKey, sentAt: new Date() });

/** @param {State} state whose page is being left: every event goes out that has not arrived */
export function leave(state) {
  state.leaving = true;
  setTimeout(() => (state.leaving = false)); // only a page that comes back gets there
  release(state);
  state.passing.forEach((one) => state.lastChance(state, ...one));
}

/**
 * Sends an event of a page that is going away.
 * @param {State} state
 * @param {any} context
 * @param {any} instance of Analytics.js
 * @returns {[url: string, body: any] | undefined} what the browser would not take
 */
export function sendAtOnce(state, { event, id }, instance) {
  const to = segmentOf(instance);
  if (!to || refuses(event.integrations || null, "Segment.io")) return;
  const url = urlOf(to, event);
  const body = bodyOf(event, to);
  if (!beacon(url, body)) return [url, body];
  state.passing.delete(id);
}
