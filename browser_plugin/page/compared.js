// Every answer of Python is compared with the compiled rules' one. The first that differs is the last.

import { endPython, report } from "./reports.js";

/** Python's answer to what it cannot answer (entry.py). */
const FAULT = "!";

/**
 * @param {import("./state.js").State} state
 * @param {import("./later.js").Ask} call
 * @returns {(text: string, expected: any) => any} gives the patch, undefined where Python has no answer
 */
export function compared(state, call) {
  let reported = false;
  return (text, expected) => {
    try {
      const right = JSON.stringify(expected);
      const said = call(text, right);
      if (said === null || said === FAULT) {
        if (!reported) report(state, "fault", `Python has no answer to an event; the compiled policy answers it`);
        reported = true;
        return undefined;
      }
      if (said === right) return expected; // nothing to read: it says the same
      const patch = JSON.parse(said);
      // As JSON that JavaScript has written: numbers and the order of names are written alike.
      if (JSON.stringify(patch) === right) return patch;
      endPython(state, "difference", `it answered ${said.slice(0, 100)}, not ${right.slice(0, 100)}`);
    } catch (error) {
      endPython(state, error instanceof SyntaxError ? "difference" : "trap", error);
    }
    return undefined;
  };
}
