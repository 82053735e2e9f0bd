// Where the owner's Python is required, no event passes that it has not seen: they wait here until it is up. What has
// waited too long, or is too much, becomes a minimal event, or none.

import { HOLDING, least } from "built";
import { keepHeld } from "./keeping.js";
import { MOST_HELD, MOST_HELD_CHARACTERS } from "./limits.js";
import { sendAtOnce } from "./sending.js";
import { recordOf } from "./state.js";

/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Waiting
 * @property {any} context
 * @property {any} instance of Analytics.js
 */

/**
 * @typedef {Waiting & More} Held
 * @typedef {object} More
 * @property {number} size characters
 * @property {(done: any) => void} resolve
 */

/**
 * Whatever fails here ends the event: Analytics.js would send one whose plugin fails.
 * @param {State} state @param {any} context @param {any} instance
 * @returns {Promise<any>} the context once it may pass
 */
export const hold = (state, context, instance) =>
  Promise.resolve()
    .then(() => passed(state, context, instance))
    .catch(() => cancel(context));

/** @param {State} state @param {any} context @param {any} instance @returns {any} the context, or a promise of it */
function passed(state, context, instance) {
  if (recordOf(state, context).enriched) return context; // a later try of Analytics.js
  if (state.enrich) return state.enrich(context);
  const size = JSON.stringify(context.event).length;
  const held = state.held || (state.held = []);
  const sum = held.reduce((all, one) => all + one.size, size);
  if (held.length >= MOST_HELD || sum > MOST_HELD_CHARACTERS) return reduce(state, context);
  onDevice({ context, instance });
  return new Promise((resolve) => {
    const entry = { context, instance, size, resolve };
    held.push(entry);
    setTimeout(() => letGo(state, entry, reduce), HOLDING.wait);
  });
}

/**
 * What is held stays on the device from the start: a page that is killed has no last moment, and Firefox cuts off what a
 * page does in it when the visitor types another address.
 * @param {Waiting} waiting
 */
function onDevice(waiting) {
  try {
    keepHeld(waiting);
  } catch (error) {
    // Where nothing may be kept it is held here alone.
  }
}

/**
 * Sees to an event when its page is left before the file that comes later is here; then that file does.
 * @param {State} state @param {any} context @param {any} instance of Analytics.js
 */
export function leaveHeld(state, context, instance) {
  if (recordOf(state, context).enriched) sendAtOnce(state, context, instance);
  else onDevice({ context, instance });
}

/** @param {State} state @param {Held} entry @param {(state: State, context: any) => any} how */
export function letGo(state, entry, how) {
  const held = state.held || [];
  const at = held.indexOf(entry);
  if (at < 0) return;
  held.splice(at, 1);
  entry.resolve(Promise.resolve().then(() => how(state, entry.context)));
}

/**
 * Leaves of an event what the owner has listed, or ends it.
 * @param {State} state @param {any} context @returns {any}
 */
export function reduce(state, context) {
  const { event } = context;
  const left = least(event, HOLDING.minimal);
  recordOf(state, context).enriched = true;
  if (!left) return cancel(context);
  Object.keys(event).forEach((name) => delete event[name]);
  Object.assign(event, left);
  return context;
}

/** @param {any} context ends its way through Analytics.js @returns {never} */
export function cancel(context) {
  try {
    context.cancel();
  } catch (error) {
    throw Object.assign(/** @type {any} */ (error), { type: "middleware_cancellation", retry: false });
  }
  throw 0; // one that does not throw ends nothing
}
