// Python in the page: asked about every event, never waited for and never trusted blindly: what it answers is
// compared with what the compiled rules answer (compared.js). It comes with the file that comes later.

import { CORE, LATER, enrich } from "built";
import { load } from "./load.js";
import { report } from "./reports.js";

/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Python
 * @property {string} state `starting`, `ready`, or `unavailable: ` and why
 * @property {((text: string, expected: any) => any) | null} ask gives the patch, undefined where Python has no answer
 */

/**
 * @typedef {object} Answer
 * @property {any} facts
 * @property {any} patch
 * @property {string} by who gave it
 */

/**
 * Asks the rules. A fault in one event costs that event Python's answer, never its session.
 * @param {State} state
 * @param {any} facts but for the settings
 * @returns {Answer}
 */
export function answer({ python, settings, head }, facts) {
  let text = "";
  try {
    // Both are asked about the same: what JSON does not hold, the rules do not see.
    const rest = JSON.stringify(facts);
    facts = JSON.parse(rest);
    text = head + rest.slice(1);
  } catch (error) {
    // Values that are no JSON: the compiled rules take them as they are.
  }
  facts.settings = settings;
  const expected = enrich(facts);
  const said = python.ask && text ? python.ask(text, expected) : undefined;
  return said === undefined ? { facts, patch: expected, by: "the compiled policy" } : { facts, patch: said, by: "Python" };
}

/** @param {State} state has the rest of the plugin come, once: what the first event does not need, and Python */
export function startLater(state) {
  const { base, begin, python, settings } = state;
  if (state.begun) return;
  state.begun = true;
  const go = (/** @type {typeof import("./later.js").begin} */ begin) => begin(state, answer);
  const fail = (/** @type {string} */ why) => report(state, "load", `Python is ${(python.state = `unavailable: ${why}`)}`);
  if (begin) return go(begin);
  if (!base) return fail("set base");
  // Both come at once, behind what the page itself loads: on a slow line Python is up a third sooner.
  if (/** @type {any} */ (window).fetch && settings.runtime === "frozen" && settings.startPython !== "off") {
    (state.core = fetch(base + CORE, { priority: "low", credentials: "omit" })).catch(() => {}); // said later
  }
  load(base + LATER, go, fail);
}
