// The last chance of a page's events. Analytics.js sends in a later task, and a page that is left has none; requests
// that are under way are cut off. An event that goes out twice has one message id and is counted once.

import { LATE, MOST_KEPT } from "./limits.js";
import { beacon, warn } from "./settings.js";
import { persists } from "./stores.js";
import { release } from "./turns.js";

/** @typedef {import("./state.js").State} State */

/** Keys in localStorage of events that the browser would not take, with the message id behind it. */
const KEPT = "analytics_session_unsent.";

/** @param {State} state */
export function watchLeaving(state) {
  const leave = () => {
    state.lastChance = lastChance;
    setTimeout(() => (state.lastChance = null)); // only a page that comes back gets there
    release(state);
    state.passing.forEach(({ context, instance }) => lastChance(state, context, instance));
  };
  // Captured: before the page's own listeners, whose events are sent at once.
  addEventListener("pagehide", leave, true);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave(), true);
}

/** @param {any} analytics @returns {any} where Segment.io's events go: protocol, apiHost, writeKey */
const segmentOf = ({ queue }) => ((queue && queue.plugins.find((/** @type {any} */ one) => one.name === "Segment.io")) || {}).metadata;

/**
 * Sends an event of a page that is going away, or keeps it for the next one.
 * @param {State} state
 * @param {any} context
 * @param {any} instance of Analytics.js
 */
function lastChance(state, { event, id }, instance) {
  const to = segmentOf(instance);
  if (!to || (event.integrations || {})["Segment.io"] === false) return;
  const body = JSON.stringify(Object.assign({}, event, { writeKey: to.writeKey, sentAt: new Date() }));
  const url = `${to.protocol}://${to.apiHost}/${event.type[0]}`;
  if (beacon(url, body)) state.passing.delete(id);
  else if (persists(instance)) keep(event.messageId, [url, body]);
}

/** @returns {string[]} */
const keptKeys = () => Object.keys(localStorage).filter((key) => key.indexOf(KEPT) === 0);

/** @param {string} id @param {string[]} request */
function keep(id, request) {
  try {
    if (keptKeys().length >= MOST_KEPT) throw `${MOST_KEPT} are kept already`;
    localStorage.setItem(KEPT + id, JSON.stringify(request));
  } catch (error) {
    warn(`an event of a page that was left is lost: ${error}`);
  }
}

/** @param {any} context of an event that has arrived, or never will: it is kept no longer */
export function forget({ event }) {
  try {
    localStorage.removeItem(KEPT + event.messageId);
  } catch (error) {
    // Nothing is kept there.
  }
}

/** Sends what an earlier page kept. */
export function sendKept() {
  try {
    keptKeys().forEach((key) => {
      const [url, body] = JSON.parse(/** @type {string} */ (localStorage.getItem(key)));
      fetch(url, { method: "POST", credentials: "omit", body }).then(({ status }) => {
        if (status < 500 && status !== 429) localStorage.removeItem(key);
      }, Boolean); // else the next page tries
    });
  } catch (error) {
    // No storage, nothing kept.
  }
}

/**
 * Says so where events had gone out before the plugin came: a tag manager is late.
 * @param {any} instance of Analytics.js
 * @param {number} since when the plugin came, by performance.now()
 */
export function tellIfLate(instance, since) {
  setTimeout(() => {
    const { protocol, apiHost } = segmentOf(instance) || {};
    const gone = performance.getEntriesByType("resource").filter(({ name, startTime }) => {
      const [begin, end] = name.split(`${protocol}://${apiHost}/`);
      return startTime < since && !begin && end && end.length === 1;
    });
    if (gone.length) warn(`${gone.length} events had gone out before the plugin came: they have no session id; load it sooner`);
  }, LATE);
}
