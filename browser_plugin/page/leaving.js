// The last chance of a page's events. Analytics.js sends in a later task, and a page that is left has none; requests
// that are under way are cut off. An event that goes out twice has one message id and is counted once.

import { ENRICHMENT, least, refuses } from "built";
import { LATE, MOST_KEPT } from "./limits.js";
import { beacon, warn } from "./settings.js";
import { recordOf } from "./state.js";
import { persists } from "./stores.js";
import { release } from "./turns.js";

/** @typedef {import("./state.js").State} State */

/** Keys in localStorage of events that the browser would not take, with the message id behind it. */
const KEPT = "analytics_session_unsent.";
/** The same of events that the owner's Python has not seen, where it is required. */
const HELD = "analytics_session_held.";

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
function lastChance(state, context, instance) {
  const { event, id } = context;
  if (REQUIRED && !mayLeave(state, context, instance)) return;
  const to = segmentOf(instance);
  if (!to || refuses(event.integrations || null, "Segment.io")) return;
  const url = `${to.protocol}://${to.apiHost}/${event.type[0]}`;
  const body = bodyOf(event, to.writeKey);
  if (beacon(url, body)) state.passing.delete(id);
  else if (persists(instance)) keep(event.messageId, [url, body]);
}

/** @param {any} event @param {string} writeKey @returns {string} */
const bodyOf = (event, writeKey) => JSON.stringify(Object.assign({}, event, { writeKey, sentAt: new Date() }));

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
  const { protocol, apiHost, writeKey } = segmentOf(instance) || {};
  const { event } = context;
  const url = `${protocol}://${apiHost}/${event.type[0]}`;
  if (apiHost && persists(instance)) keep(event.messageId, [url, JSON.stringify(event), writeKey], HELD);
  return false;
}

/**
 * Sends what earlier pages left to this one's Python.
 * @param {(text: string) => any} ask the owner's Python
 */
export function sendHeld(ask) {
  keptKeys(HELD).forEach(async (key) => {
    const [url, text, writeKey] = JSON.parse(/** @type {string} */ (localStorage.getItem(key)));
    const said = await ask(text);
    const answered = said && !said.fault;
    const left = answered ? said.event : least(JSON.parse(text), ENRICHMENT.minimal);
    if (left) post(url, bodyOf(left, writeKey), key);
    else localStorage.removeItem(key);
  });
}

/** @param {string} [kind] @returns {string[]} */
function keptKeys(kind = KEPT) {
  try {
    return Object.keys(localStorage).filter((key) => key.indexOf(kind) === 0);
  } catch (error) {
    return []; // no storage, nothing kept
  }
}

/** @param {string} id @param {string[]} request @param {string} [kind] */
function keep(id, request, kind = KEPT) {
  try {
    if (keptKeys(kind).length >= MOST_KEPT) throw `${MOST_KEPT} are kept already`;
    localStorage.setItem(kind + id, JSON.stringify(request));
  } catch (error) {
    warn(`an event of a page that was left is lost: ${error}`);
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
  keptKeys().forEach((key) => {
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
