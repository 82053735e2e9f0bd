// The owner's own Python: a module of its own, which comes when the browser is idle, and an Analytics.js plugin after
// the session's. What it does not reach in the page the forwarder does.

import { ENRICHMENT, HOLDING } from "built";
import { cancel, letGo, reduce } from "./holding.js";
import { sendHeld } from "./leaving.js";
import { report } from "./reports.js";
import { startInTasks } from "./starting.js";
import { recordOf } from "./state.js";

/** @typedef {import("./state.js").State} State */

/** @typedef {{ event?: any, dropped?: boolean, fault?: unknown }} Said what enrichment.py answers */

/** Milliseconds that the owner's function may take; after some calls that took longer it is asked no more. */
const SLOW = 250;
const MOST_SLOW = 3;
/** Milliseconds after which a module that could not be had is asked for once more. */
const AGAIN = 1000;

/**
 * Starts Python for the owner's code; once it is known whether it is up `state.enrich` takes each event.
 * @param {State} state
 */
export async function startEnriching(state) {
  const { wasm, whole, description, version } = ENRICHMENT;
  const shown = { version, python: "starting", enriched: 0, dropped: 0, failed: 0, passed: 0 };
  /** @type {any} */ (window).analyticsSession.enrichment = shown;
  let trapped = false;
  let slow = 0;
  /** @type {import("./frozen.js").FrozenPython | null} */
  let python = null;
  /** @type {Promise<void> | null} while the whole module comes, for which events wait */
  let coming = null;

  /** @param {string} name @param {boolean} [again] */
  const open = async (name, again) => {
    trapped = false;
    try {
      python = await startInTasks(state.base + name, description, () => (trapped = true));
      shown.python = "ready";
    } catch (error) {
      if (again) return giveUp(error);
      // It fails as well where the page is being left: then nothing may be decided any more.
      await new Promise((later) => setTimeout(later, AGAIN));
      await open(name, true);
    }
  };

  /** @param {unknown} why */
  const giveUp = (why) => {
    python = null;
    shown.python = `unavailable: ${why}`;
    report(state, "enrich", `the owner's Python is ${shown.python}`);
  };

  /** @param {string} text an event @returns {Said | Promise<Said | null> | null} null where Python is not up */
  const ask = (text) => {
    if (coming) return coming.then(() => (coming ? null : ask(text)));
    if (!python) return null;
    const began = performance.now();
    try {
      return JSON.parse(python.call(text));
    } catch (error) {
      if (!trapped) return { fault: error }; // too long
      python = null;
      if (shown.python !== "ready") {
        giveUp(error);
        return null;
      }
      // What trapped lacks code, or its memory was in a state of its own: the whole module, anew.
      report(state, "trap", `the owner's Python trapped (${error}); the whole module is brought`);
      const opened = open(whole).then(() => {
        coming = null;
        if (python) shown.python = "ready, whole";
      });
      coming = Promise.race([opened, new Promise((late) => setTimeout(late, HOLDING.wait))]);
      return ask(text);
    } finally {
      if (python && performance.now() - began > SLOW && ++slow >= MOST_SLOW) giveUp(`over ${SLOW} ms for an event`);
    }
  };

  /** @param {any} context @param {string} text the event as it was asked about @param {Said | null} said @returns {any} */
  const carryOut = (context, text, said) => {
    if (!said || said.fault) {
      if (!said) shown.passed++;
      else if (!shown.failed++) report(state, "enrich", `the owner's Python fails on an event: ${said.fault}`);
      return REQUIRED ? reduce(state, context) : context;
    }
    recordOf(state, context).enriched = true;
    if (said.dropped) {
      shown.dropped++;
      cancel(context);
    }
    shown.enriched++;
    if (said.event) put(context.event, JSON.parse(text), said.event);
    return context;
  };

  const { WebAssembly } = /** @type {any} */ (window);
  if (state.settings.startPython === "off" || !state.base || !WebAssembly) giveUp("it cannot start here");
  else await open(wasm);
  state.enrich = (context) => {
    let text;
    try {
      text = JSON.stringify(context.event);
    } catch (error) {
      return carryOut(context, "", { fault: error });
    }
    const said = ask(text);
    return said instanceof Promise ? said.then((done) => carryOut(context, text, done)) : carryOut(context, text, said);
  };
  if (!REQUIRED) return;
  (state.held || []).slice().forEach((entry) => letGo(state, entry, (state, context) => state.enrich && state.enrich(context)));
  sendHeld(state, ask);
}

/**
 * Puts what has changed into an event; values that JSON does not hold, as its date, stay what they are.
 * @param {any} event @param {any} before as JSON holds it @param {any} after
 */
function put(event, before, after) {
  Object.keys(Object.assign({}, before, after)).forEach((name) => {
    if (!(name in after)) delete event[name];
    else if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) event[name] = after[name];
  });
}

/** @param {State} state @returns {any} the plugin, for each instance of Analytics.js */
export function enrichmentPlugin(state) {
  const take = (/** @type {any} */ context) =>
    state.enrich && !recordOf(state, context).enriched ? state.enrich(context) : context;
  return {
    name: "Session Enrichment",
    type: "enrichment",
    version: ENRICHMENT.version,
    isLoaded: () => true,
    load: () => Promise.resolve(),
    track: take,
    page: take,
    identify: take,
    group: take,
    alias: take,
    screen: take,
  };
}
