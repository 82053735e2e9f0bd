// What both runtimes' files have in common: they hand their start to the page's script that waits for it, and
// compare every answer of Python with the compiled rules' one. The first that differs is the last.

/**
 * @callback Start
 * @param {string} base where the plugin's files are
 * @param {Promise<Response>} core the frozen module, on its way
 * @param {(why: unknown) => void} warn told of a trap that costs nothing yet
 * @returns {Promise<(text: string) => string | null>} Python's entry; null for a text that it cannot answer
 */

/** Python's answer to what it cannot answer (entry.py). */
const FAULT = "!";

/** @param {Start} start */
export function host(start) {
  const script = /** @type {any} */ (document.currentScript);
  script.host(
    /** @param {string} base @param {Promise<Response>} core @param {(kind: string, why: unknown) => void} report @param {(kind: string, why: unknown) => void} end */
    async (base, core, report, end) => compared(await start(base, core, (why) => report("trap", why)), report, end),
  );
}

/**
 * @param {(text: string) => string | null} call
 * @param {(kind: string, why: unknown) => void} report
 * @param {(kind: string, why: unknown) => void} end
 * @returns {(text: string, expected: any) => any}
 */
function compared(call, report, end) {
  let told = false;
  return (text, expected) => {
    try {
      const said = call(text);
      if (said === null || said === FAULT) {
        if (!told) report("fault", `Python has no answer to an event; the compiled policy answers it`);
        told = true;
        return undefined;
      }
      const patch = JSON.parse(said);
      // As JSON that JavaScript has written: numbers and the order of names are written alike.
      if (JSON.stringify(patch) === JSON.stringify(expected)) return patch;
      end("difference", `it answered ${said.slice(0, 100)}, not ${JSON.stringify(expected).slice(0, 100)}`);
    } catch (error) {
      end(error instanceof SyntaxError ? "difference" : "trap", error);
    }
    return undefined;
  };
}
