// What becomes of the events of a page that is left, once the rest of the plugin is here: what the browser does not
// take, and what the owner's Python has not seen, stays on the device for the next page.

import { HOLDING, least } from "built";
import { HELD, KEPT, keep, keepHeld, keptKeys } from "./keeping.js";
import { LATE, MOST_KEPT } from "./limits.js";
import { bodyOf, segmentOf, sendAtOnce, urlOf } from "./sending.js";
import { warn } from "./settings.js";
import { recordOf } from "./state.js";

/** @typedef {import("./state.js").State} State */

/**
 * Sends an event of a page that is going away, or keeps it for the next one.
 * @param {State} state
 * @param {any} context
 * @param {any} instance of Analytics.js
 */
export function lastChance(state, context, instance) {
  if (REQUIRED && !mayLeave(state, context, instance)) return;
  const left = sendAtOnce(state, context, instance);
  if (left) keepOrWarn(() => keep(KEPT, context.event, [left[0], JSON.stringify(left[1])], instance));
}

/** @param {() => boolean} keep an event */
function keepOrWarn(keep) {
  try {
    if (!keep()) warn(`an event of a page that was left is lost: nothing may be stored, or ${MOST_KEPT} events are already`);
  } catch (error) {
    warn(`an event of a page that was left is lost: ${error}`);
  }
}

/**
 * Where the owner's Python is required: has it see the event now. Where it is not up the event stays on the device,
 * for the next page's.
 * @param {State} state @param {any} context @param {any} instance @returns {boolean} whether the event may leave the page
 */
function mayLeave(state, context, instance) {
  const record = recordOf(state, context);
  try {
    if (!record.enriched && state.enrich) state.enrich(context);
  } catch (error) {
    return false; // it was dropped
  }
  if (record.enriched) return true;
  keepOrWarn(() => keepHeld({ context, instance }));
  return false;
}

/**
 * Sends what earlier pages left to this one's Python.
 * @param {State} state its own events have a way of their own
 * @param {(text: string) => any} ask the owner's Python
 */
export function sendHeld(state, ask) {
  const own = Array.from(state.passing.values(), ([context]) => HELD + context.event.messageId);
  keysIfAny(HELD).forEach(async (key) => {
    if (own.indexOf(key) >= 0) return;
    const [to, event] = JSON.parse(/** @type {string} */ (localStorage.getItem(key)));
    const said = await ask(JSON.stringify(event));
    const answered = said && !said.fault;
    const left = answered ? said.event : least(event, HOLDING.minimal);
    if (left) post(urlOf(to, event), JSON.stringify(bodyOf(left, to)), key);
    else localStorage.removeItem(key);
  });
}

/** @param {string} kind @returns {string[]} keys of what is kept; none where there is no storage */
function keysIfAny(kind) {
  try {
    return keptKeys(kind);
  } catch (error) {
    return [];
  }
}

/** @param {any} context of an event that has arrived, or never will: it is kept no longer */
export function forget({ event }) {
  try {
    localStorage.removeItem(KEPT + event.messageId);
    if (REQUIRED) localStorage.removeItem(HELD + event.messageId);
  } catch (error) {
    // Nothing is kept there.
  }
}

/** Sends what an earlier page kept. */
export function sendKept() {
  keysIfAny(KEPT).forEach((key) => {
    const [url, body] = JSON.parse(/** @type {string} */ (localStorage.getItem(key)));
    post(url, body, key);
  });
}

/** @param {string} url @param {string} body @param {string} key under which it is kept until it has arrived */
function post(url, body, key) {
  fetch(url, { method: "POST", credentials: "omit", body }).then(({ status }) => {
    if (status < 500 && status !== 429) localStorage.removeItem(key);
  }, Boolean); // else the next page tries
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
