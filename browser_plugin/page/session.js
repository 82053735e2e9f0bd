// One event through the page's session: gathers the facts, asks the rules (rules.py), carries out their patch.

import { NAME, OTHER_NAME, is_object, stamp_of } from "built";
import { tell } from "./listeners.js";
import { answer } from "./python.js";
import { warn } from "./settings.js";
import { clock, recordOf } from "./state.js";
import { askForReset, openStores, readStores, writeStores } from "./stores.js";
import { turn } from "./turns.js";

/** @typedef {import("./state.js").State} State */

/** @param {any} value @returns {any} a copy of an object, null for whatever else there is */
const copyOf = (value) => (is_object(value) ? Object.assign({}, value) : null);

/** @param {any} integrations @returns {any} what the rules look at of them; null for what are none */
function relevant(integrations) {
  const given = copyOf(integrations);
  return given && { All: given.All, [NAME]: given[NAME], [OTHER_NAME]: given[OTHER_NAME] };
}

/** @param {any} event @returns {any} what its integrations have under the destination's name; null for nothing */
function optionsOf({ integrations }) {
  const options = (copyOf(integrations) || {})[NAME];
  return options === undefined ? null : copyOf(options) || options;
}

/** @param {any} event @param {any} options what to put under the destination's name; null for nothing */
function putOptions(event, options) {
  const given = copyOf(event.integrations) || {};
  if (options === null) delete given[NAME];
  else given[NAME] = options;
  event.integrations = given;
}

/**
 * Attaches the session to an instance of Analytics.js, once.
 * @param {State} state
 * @param {any} instance
 * @param {number} since when the plugin came, by performance.now()
 */
export function attach(state, instance, since) {
  const record = recordOf(state, instance);
  if (instance !== state.analytics) {
    state.analytics = instance;
    openStores(state);
  }
  if (record.done) return;
  record.done = true;
  const user = instance.user && instance.user();
  if (state.user === null && user && user.id) state.user = user.id() || null;
  if (!instance.on || !instance.queue) return;
  state.attached.push([instance, since]);
  state.onAttach(instance, since);
  instance.on("reset", () => state.settings.newOnReset && askForReset(state));
  // Within the call that makes the event, so before whatever the page does next.
  instance.on("dispatch_start", (/** @type {any} */ context) => {
    recordOf(state, context).resets = state.resets;
    Object.assign(context.event, state.emitting);
  });
  instance.queue.on("message_enriched", (/** @type {any} */ context, /** @type {any} */ plugin) => {
    const record = recordOf(state, context);
    if (record.left) putBack(state, context.event, record.left);
    else if (plugin.type === "before") record.before = { stores: readStores(state), options: optionsOf(context.event) };
  });
  const ended = (/** @type {any} */ { id }) => state.passing.delete(id);
  instance.queue.on("delivery_success", ended);
  instance.queue.on("delivery_failure", ended);
}

/**
 * Another session plugin has come after this one and put its own id: it is taken back.
 * @param {State} state
 * @param {any} event
 * @param {any} left
 */
function putBack(state, event, { options, writes }) {
  const found = optionsOf(event);
  if (stamp_of(found) === null || JSON.stringify(found) === JSON.stringify(options)) return;
  putOptions(event, copyOf(options) || options);
  if (writes) writeStores(state, writes);
}

/**
 * Takes one event through the session: at once, or in turn with other tabs where it begins a session.
 * @param {State} state
 * @param {any} context
 * @param {any} instance of Analytics.js
 * @returns {any} the context, or a promise of it
 */
export function stamp(state, context, instance) {
  const record = recordOf(state, context);
  if (record.done) return context; // by another of the page's plugins
  record.done = true;
  /** @type {(answered?: import("./python.js").Answer) => any} */
  const finish = (answered) => {
    try {
      carryOut(state, context, instance, answered || ask(state, context, instance));
    } catch (error) {
      warn(`an event has no session: ${error}`);
    }
    state.passing.set(context.id, [context, instance]);
    if (state.leaving) state.lastChance(state, context, instance);
    return context;
  };
  let first;
  try {
    first = ask(state, context, instance);
    const { patch } = first;
    if (patch) state.wake();
    const { started } = (patch && patch.decision) || {};
    if (started && navigator.locks && !state.leaving) return turn(state).then(() => finish());
  } catch (error) {
    // It is asked once more, which says so.
  }
  return finish(first);
}

/**
 * Asks the rules about an event of now; changes nothing.
 * @param {State} state
 * @param {any} context
 * @param {any} instance
 * @returns {import("./python.js").Answer}
 */
function ask(state, context, instance) {
  attach(state, instance, 0);
  const { event } = context;
  const record = recordOf(state, context);
  const { type, name, userId, anonymousId } = event;
  return answer(state, {
    event: { type, event: event.event, name, userId, anonymousId, integrations: relevant(event.integrations) },
    time: +new Date(event.timestamp),
    born: state.born,
    now: clock(),
    stores: readStores(state),
    earlier: /** @type {number} */ (record.resets) < state.resets,
    before: record.before || null,
    loaded: relevant(instance.integrations),
    visitor: state.visitor,
    user: state.user,
  });
}

/**
 * @param {State} state
 * @param {any} context
 * @param {any} instance
 * @param {import("./python.js").Answer} answer
 */
function carryOut(state, context, instance, answer) {
  const { event } = context;
  const { patch } = answer;
  const record = recordOf(state, context);
  if (patch) {
    const { decision, writes, visitor } = patch;
    if (writes) writeStores(state, writes, answer.facts.stores);
    if (patch.changes) putOptions(event, patch.options);
    if (patch.why.length) state.last = answer;
    if (visitor) state.user = (state.visitor = visitor).user;
    if (decision && decision.started) tell(state, decision.reason);
    patch.emitted.forEach((/** @type {any} */ one) => emit(state, instance, one));
  }
  record.left = { options: optionsOf(event), writes: patch && patch.writes };
}

/** @param {State} state @param {any} instance @param {any} event a session event, as the rules gave it */
function emit(state, instance, { name, properties, timestamp, messageId, integrations, who }) {
  state.emitting = who;
  try {
    instance.track(name, properties, { timestamp: new Date(timestamp), messageId, integrations }).catch(warn);
  } finally {
    state.emitting = null;
  }
}
