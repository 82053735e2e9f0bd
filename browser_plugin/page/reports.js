// What is told of Python: on the console, and to the forwarder, which counts it.

import { beacon, warn } from "./settings.js";

/** @typedef {import("./state.js").State} State */

/** @param {State} state @param {string} kind what is counted at the forwarder @param {unknown} why */
export function report({ base }, kind, why) {
  warn(why);
  if (base) beacon(base + "report", { kind, why: ("" + why).slice(0, 300) });
}

/**
 * Python is not to be had, or no longer.
 * @param {State} state
 * @param {string} kind `off` is no fault
 * @param {unknown} why
 */
export function endPython(state, kind, why) {
  const { python } = state;
  if (python.state[0] === "u") return;
  python.state = `unavailable: ${why}`;
  python.ask = null;
  if (kind !== "off") report(state, kind, `Python is ${python.state}; the compiled policy answers`);
}
