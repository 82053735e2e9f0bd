// Python in the page: started when there is time, asked about every event, never waited for and never trusted
// blindly: what it answers is compared with what the compiled rules answer (host.js).

import { CORE, FROZEN, STOCK, enrich } from "built";
import { beacon, warn } from "./settings.js";

/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Python
 * @property {string} state `starting`, `ready`, or `unavailable: ` and why
 * @property {boolean} begun
 * @property {((text: string, expected: any) => any) | null} ask gives the patch, undefined where Python has no answer
 */

/** Facts whose answer is known, asked before Python is let near an event. */
const FIRST = { now: -1 };

/**
 * Asks the rules. A fault in one event costs that event Python's answer, never its session.
 * @param {State} state
 * @param {any} facts
 * @returns {[patch: any, answered: string]}
 */
export function answer({ python }, facts) {
  let text = "";
  let asked = facts;
  try {
    // Both are asked about the same: what JSON does not hold, the rules do not see.
    asked = JSON.parse((text = JSON.stringify(facts)));
  } catch (error) {
    // Values that are no JSON: the compiled rules take them as they are.
  }
  const expected = enrich(asked);
  const said = python.ask && text ? python.ask(text, expected) : undefined;
  return said === undefined ? [expected, "the compiled policy"] : [said, "Python"];
}

/** @param {State} state starts Python, once */
export function startPython(state) {
  const { python, base, settings } = state;
  if (python.begun) return;
  python.begun = true;
  if (settings.startPython === "off") return end("off", "startPython is off");
  if (!base) return end("off", "set base, the address of the plugin's files, which a bundle does not know", true);
  if (!(/** @type {any} */ (window).WebAssembly)) return end("refused", "this browser has no WebAssembly");
  const stock = settings.runtime === "pyodide";
  // Both come at once: the module is large, what hosts it small.
  const core = stock ? null : fetch(base + CORE, { credentials: "omit" });
  if (core) core.catch(() => {}); // told below

  // A script, no module and no import(): browsers that have neither have WebAssembly.
  const script = document.createElement("script");
  script.crossOrigin = "anonymous";
  script.src = base + (stock ? STOCK : FROZEN);
  /** @type {any} */ (script).host = (/** @type {any} */ start) => {
    script.onload = null;
    start(base, core, report, end).then(
      (/** @type {any} */ ask) => {
        if (python.state !== "starting") return;
        python.ask = ask;
        python.state = "ready";
        answer(state, FIRST);
      },
      (/** @type {any} */ error) => end(error.name === "CompileError" ? "refused" : "load", error),
    );
  };
  script.onload = script.onerror = () => end("load", `${script.src} could not be loaded`);
  document.head.appendChild(script);

  /** @param {string} kind what is counted at the forwarder @param {unknown} why */
  function report(kind, why) {
    warn(why);
    beacon(base + "report", JSON.stringify({ kind, why: ("" + why).slice(0, 300) }));
  }

  /** @param {string} kind @param {unknown} why @param {boolean} [aloud] whether to say so though it is no fault */
  function end(kind, why, aloud) {
    if (python.state[0] === "u") return;
    python.state = `unavailable: ${why}`;
    python.ask = null;
    const said = `Python is ${python.state}; the compiled policy answers`;
    if (kind !== "off") report(kind, said);
    else if (aloud) warn(said);
  }
}
