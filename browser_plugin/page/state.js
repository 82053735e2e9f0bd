// Everything that the page's one session knows, in one object that is passed along. Nothing in it grows for as long
// as the page lives: contexts are held weakly, and what waits is taken out again.

import { leaveHeld } from "./holding.js";
import { sendAtOnce } from "./sending.js";

/**
 * @typedef {object} Record what is known about one event, for as long as Analytics.js has it
 * @property {number} [resets] how many new sessions had been asked for when it was made
 * @property {{ stores: string[][], options: any }} [before] how things were before any enrichment
 * @property {{ options: any, writes: any }} [left] how the session left the event and the stores
 * @property {boolean} [done] whether the session has seen it
 * @property {boolean} [enriched] whether the owner's Python has, or nothing is left of it for that
 */

/**
 * @typedef {object} State
 * @property {string} base where the plugin's files are, with the slash; empty where that is not known
 * @property {import("./settings.js").Settings} settings
 * @property {string} head how facts with these settings begin, as JSON (entry.py reads it once)
 * @property {number} rank of whoever gave the settings
 * @property {number} born when the page began
 * @property {any} [analytics] the instance of Analytics.js whose events came last
 * @property {WeakMap<any, Record>} records by context
 * @property {number} resets how many new sessions were asked for on this page
 * @property {any} visitor the rules' `visitor` of the event before
 * @property {any} user the user id so far
 * @property {any} [emitting] whose the session event is that is being tracked
 * @property {boolean} [begun] whether the rest of the plugin is here, or on its way
 * @property {typeof import("./later.js").begin | undefined} begin the rest of the plugin, where it came with this file
 * @property {[instance: any, since: number][]} attached instances of Analytics.js, and when the plugin came to each
 * @property {(instance: any, since: number) => void} onAttach tells the rest of the plugin of one more, once it is here
 * @property {import("./python.js").Answer} [last] what was answered to the last event in a session
 * @property {(facts: any, patch: any) => string} explain why; in a whole sentence once the rest of the plugin is here
 * @property {(state: State, context: any, instance: any) => unknown} lastChance sends or keeps an event that has not arrived when its page is left
 * @property {boolean} [leaving] whether it is being left now, and no later task may come
 * @property {Promise<Response>} [core] the frozen module, on its way already
 * @property {() => void} wake starts Python, once the rest of the plugin is here
 * @property {Map<string, [context: any, instance: any]>} passing events that have not arrived, by context id
 * @property {import("./holding.js").Held[]} [held] events that wait for the owner's Python, where it is required
 * @property {any} [enricher] the plugin of Analytics.js for that, where it is not required
 * @property {(context: any) => any} [enrich] takes an event through the owner's Python, or says what becomes of it without
 * @property {(() => void)[]} waiting events that wait for this tab's turn
 * @property {Set<(session: any, reason: any) => void>} listeners
 * @property {import("./stores.js").Store[]} stores
 * @property {Map<string, any>} memory the last of them: holds what the page's own ones cannot
 * @property {any} [shared] analytics.storage's own stores, where they are used
 * @property {import("./python.js").Python} python
 */

/** @param {string} base @param {typeof import("./later.js").begin} [begin] @returns {State} its settings are still to come */
export const createState = (base, begin) => /** @type {any} */ ({
  base,
  begin,
  attached: [],
  onAttach() {},
  lastChance: REQUIRED ? leaveHeld : sendAtOnce,
  explain: (/** @type {any} */ _, /** @type {any} */ { why }) => why.join(", "),
  rank: -1,
  born: clock(),
  records: new WeakMap(),
  resets: 0,
  visitor: null,
  user: null,
  wake() {},
  passing: new Map(),
  waiting: [],
  listeners: new Set(),
  memory: new Map(),
  python: { state: "starting", ask: null },
});

/** Whole milliseconds, also where a page has put another clock in place: one that gives fractions, texts or nothing. */
export function clock() {
  const now = Math.floor(Date.now());
  return now >= 0 && now < 1e15 ? now : +new Date();
}

/** @param {State} state @param {any} context @returns {Record} */
export function recordOf(state, context) {
  let record = state.records.get(context);
  if (!record) state.records.set(context, (record = {}));
  return record;
}
