// Events that stay on the device when a page is left, for the next page: in localStorage, where that may be.

import { MOST_KEPT } from "./limits.js";
import { segmentOf } from "./sending.js";
import { persists } from "./stores.js";

/** Keys in localStorage of events that the browser would not take, with the message id behind it. */
export const KEPT = "analytics_session_unsent.";
/** The same of events that the owner's Python has not seen, where it is required. */
export const HELD = "analytics_session_held.";

/** @param {string} kind @returns {string[]} throws where there is no storage */
export const keptKeys = (kind) => Object.keys(localStorage).filter((key) => key.indexOf(kind) === 0);

/**
 * Throws where there is no storage, or it is full.
 * @param {string} kind
 * @param {any} event
 * @param {any[]} what begins with where to send it; without that it is not kept
 * @param {any} instance of Analytics.js
 * @returns {boolean} whether it is kept
 */
export function keep(kind, { messageId }, what, instance) {
  const may = what[0] && persists(instance) && keptKeys(kind).length < MOST_KEPT;
  if (may) localStorage.setItem(kind + messageId, JSON.stringify(what));
  return may;
}

/** @param {import("./holding.js").Waiting} waiting an event that the owner's Python has not seen @returns {boolean} */
export const keepHeld = ({ context: { event }, instance }) => keep(HELD, event, [segmentOf(instance), event], instance);
