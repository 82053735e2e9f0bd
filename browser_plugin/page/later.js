// What the first event does not need comes with this file: Python, sentences for people, the page's last events,
// those of earlier pages, other tabs. A script of its own (loaded.js); in a module it is there from the start.

import { CORE, DESCRIPTION, STOCK, explain } from "built";
import { compared } from "./compared.js";
import { enrichmentPlugin, startEnriching } from "./enrichment.js";
import { forget, lastChance, sendKept, tellIfLate } from "./leaving.js";
import { IDLE } from "./limits.js";
import { watchOtherTabs } from "./listeners.js";
import { load } from "./load.js";
import { leave } from "./sending.js";
import { endPython, report } from "./reports.js";
import { warn } from "./settings.js";
import { startInTasks } from "./starting.js";

/** @typedef {import("./state.js").State} State */

/**
 * @callback Ask
 * @param {string} text
 * @param {string} expected
 * @returns {string | null} Python's answer, which mostly is what is expected; null for a text that it cannot answer
 */

/** Facts whose answer is known, asked before Python is let near an event. */
const FIRST = { now: -1 };

/**
 * @param {State} state
 * @param {typeof import("./python.js").answer} answer the page's way to ask the rules
 */
export function begin(state, answer) {
  const { python, settings } = state;
  state.explain = explain;
  state.lastChance = lastChance;
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave(state), true);
  watchOtherTabs(state);
  if (ENRICH) beginEnriching(state);
  state.attached.forEach(([instance, since]) => attachLate(instance, since));
  state.onAttach = (instance, since) => {
    attachLate(instance, since);
    if (state.enricher) instance.register(state.enricher);
  };
  state.wake = () => {
    state.wake = () => {};
    startPython(state, (ask) => {
      if (python.state !== "starting") return;
      python.ask = compared(state, ask);
      python.state = "ready";
      answer(state, FIRST);
    });
  };
  // The first event may have come before this file, and may be waiting for its turn still.
  if (settings.startPython === "now" || state.last || state.waiting.length) state.wake();
  else whenIdle(() => state.wake());
}

/** @param {() => void} start */
function whenIdle(start) {
  const idle = /** @type {typeof requestIdleCallback | undefined} */ (window.requestIdleCallback); // Safari has none
  if (idle) idle(start, { timeout: IDLE });
  else setTimeout(start);
}

/** @param {State} state */
function beginEnriching(state) {
  const start = () => startEnriching(state);
  // What is required is waited for; else the page's own work comes first.
  if (REQUIRED || state.settings.startPython === "now") start();
  else whenIdle(start);
  if (REQUIRED) return;
  state.enricher = enrichmentPlugin(state);
  state.attached.forEach(([instance]) => instance.register(state.enricher));
}

/**
 * What there is to do for an instance once the rest of the plugin is here.
 * @param {any} instance of Analytics.js to which the session is attached
 * @param {number} since when the plugin came, by performance.now()
 */
function attachLate(instance, since) {
  tellIfLate(instance, since);
  sendKept();
  ["success", "failure"].forEach((end) => instance.queue.on("delivery_" + end, forget));
}

/**
 * @param {State} state
 * @param {(ask: Ask) => void} ready
 */
function startPython(state, ready) {
  const { base, settings } = state;
  const fail = (/** @type {any} */ error) => endPython(state, error.name === "CompileError" ? "refused" : "load", error);
  if (settings.startPython === "off") return endPython(state, "off", "startPython is off");
  if (!base) {
    endPython(state, "off", "set base, the address of the plugin's files, which a bundle does not know");
    return warn(`Python is ${state.python.state}; the compiled policy answers`);
  }
  if (!(/** @type {any} */ (window).WebAssembly)) return endPython(state, "refused", "this browser has no WebAssembly");
  if (settings.runtime === "pyodide") load(base + STOCK, (start) => start(base).then(ready, fail), fail);
  else frozen(state).then(ready, fail);
}

/**
 * The frozen runtime; one fresh instance is tried after a trap.
 * @param {State} state
 * @returns {Promise<Ask>}
 */
async function frozen(state) {
  let trapped = false;
  let anew = false;
  const onTrap = () => (trapped = true);
  let python = await startInTasks(state.core || state.base + CORE, DESCRIPTION, onTrap);
  return (text, expected) => {
    try {
      return python.call(text, expected);
    } catch (error) {
      if (!trapped) return null; // the text's own fault
      if (anew) throw error;
      // What trapped may have been the state of the old one's memory.
      anew = true;
      trapped = false;
      report(state, "trap", `Python trapped (${error}) and is started anew`);
      python = python.again(onTrap);
      return null;
    }
  };
}
