// Python in the page: started when there is time, asked about every event, never waited for and never trusted
// blindly. Each of its answers is compared with the compiled policy's; the first that differs is its last.

import { CORE, FROZEN, STOCK } from "built";
import { warn } from "./settings.js";

/** A call whose answer is known, made before Python is let near an event. */
const FIRST = "1\t2\t3\t4\t0\t0";

/**
 * @param {string} base where the plugin's files are, with the slash
 * @param {(request: string) => string} compiled the compiled policy
 */
export function pythonIn(base, compiled) {
  let state = "starting";
  let begun = false;
  /** @type {((request: string) => string) | null} */
  let call = null;
  /**
   * @param {string} kind what is counted at the forwarder
   * @param {unknown} why
   */
  function end(kind, why) {
    if (state.startsWith("un")) return;
    state = `unavailable: ${why}`;
    call = null;
    if (kind === "off") return;
    warn(`Python is ${state}; the compiled policy answers`);
    navigator.sendBeacon(base + "report", JSON.stringify({ kind, why: state.slice(0, 300) }));
  }

  /** @param {(text: string) => string} python */
  function ready(python) {
    call = python;
    state = "ready";
    answer(FIRST);
  }

  /** @param {string} request @returns {string} */
  function answer(request) {
    const expected = compiled(request);
    try {
      const said = call ? call(request) : expected;
      if (said === expected) return said;
      end("difference", `it answered ${said}, not ${expected}, to ${request}`);
    } catch (error) {
      end("trap", error);
    }
    return expected;
  }

  return {
    get state() {
      return state;
    },
    answer,
    /**
     * Starts Python, once.
     * @param {string} when
     * @param {string} runtime
     */
    start(when, runtime) {
      if (begun) return;
      begun = true;
      if (when === "off") return end("off", "startPython is off");
      const stock = runtime === "pyodide";
      // Both come at once: the module is large, what hosts it small.
      const core = stock ? undefined : fetch(base + CORE, { credentials: "omit" });
      core?.catch(() => {}); // told below
      const starting = import(base + (stock ? STOCK : FROZEN)).then((host) => host.start(base, core, end));
      starting.then(ready).catch((error) => end(error.name === "CompileError" ? "refused" : "load", error));
    },
  };
}
