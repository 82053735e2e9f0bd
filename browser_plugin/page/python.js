// Python in the page: started when there is time, asked about every event, never waited for and never trusted
// blindly. Each of its answers is compared with the compiled policy's; the first that differs is its last.

import { CORE, FROZEN, STOCK, handle } from "built";
import { beacon, warn } from "./settings.js";

/** A call whose answer is known, made before Python is let near an event. */
const FIRST = "1\t2\t3\t4\t0\t0";

/** `starting`, `ready`, or `unavailable: ` and why. */
export let state = "starting";
let begun = false;
let files = "";
/** @type {((request: string) => string) | null} */
let call = null;

/**
 * @param {string} kind what is counted at the forwarder
 * @param {unknown} why
 */
function end(kind, why) {
  if (state[0] === "u") return;
  state = `unavailable: ${why}`;
  call = null;
  if (kind === "off") return;
  warn(`Python is ${state}; the compiled policy answers`);
  beacon(files + "report", JSON.stringify({ kind, why: state.slice(0, 300) }));
}

/** @param {(text: string) => string} python */
function ready(python) {
  call = python;
  state = "ready";
  answer(FIRST);
}

/** @param {string} request @returns {string} */
export function answer(request) {
  const expected = handle(request);
  try {
    const said = call ? call(request) : expected;
    if (said === expected) return said;
    end("difference", `it answered ${said}, not ${expected}, to ${request}`);
  } catch (error) {
    end("trap", error);
  }
  return expected;
}

/**
 * Starts Python, once.
 * @param {string} base where the plugin's files are, with the slash
 * @param {string} when
 * @param {string} runtime
 */
export function startPython(base, when, runtime) {
  if (begun) return;
  begun = true;
  files = base;
  if (when === "off") return end("off", "startPython is off");
  const stock = runtime === "pyodide";
  // Both come at once: the module is large, what hosts it small.
  const core = stock ? undefined : fetch(base + CORE, { credentials: "omit" });
  core?.catch(() => {}); // told below
  const starting = import(base + (stock ? STOCK : FROZEN)).then((host) => host.start(base, core, end));
  starting.then(ready).catch((error) => end(error.name === "CompileError" ? "refused" : "load", error));
}
