// What the page sees of its session: window.analyticsSession, and those who want to hear of another session.

import { chosen, whole_ms } from "built";
import { warn } from "./settings.js";
import { clock } from "./state.js";
import { ID, askForReset, readStores } from "./stores.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./session-plugin.d.ts").AnalyticsSession} Api */
/** @typedef {import("./session-plugin.d.ts").Reason} Reason */

/** @param {State} state @param {Reason} reason */
export function tell(state, reason) {
  state.listeners.forEach((listener) => {
    try {
      listener(/** @type {any} */ (window).analyticsSession, reason);
    } catch (error) {
      warn(error);
    }
  });
}

/** @param {State} state */
export function watchOtherTabs(state) {
  addEventListener("storage", ({ key, newValue, oldValue }) => {
    if (key === ID && oldValue !== newValue) tell(state, "another tab");
  });
}

/** @param {State} state @returns {Api} */
export function createApi(state) {
  /** @param {(id: number, last: number) => number} what */
  const stored = (what) => {
    const { id, last } = chosen(readStores(state), clock());
    const [began, ended] = [whole_ms(id), whole_ms(last)];
    return began === null || ended === null ? null : what(began, ended);
  };
  return {
    get id() {
      return stored((id) => id);
    },
    get startedAt() {
      return this.id;
    },
    get lastActivity() {
      return stored((_, last) => last);
    },
    get expiresAt() {
      const { sessionLength, maximumLength } = state.settings;
      return stored((id, last) => Math.min(last + sessionLength, id + (maximumLength || Infinity)));
    },
    get python() {
      return state.python.state;
    },
    reset: () => askForReset(state),
    onChange(listener) {
      state.listeners.add(listener);
      return () => {
        state.listeners.delete(listener);
      };
    },
    explain() {
      const { last } = state;
      return last ? `${state.explain(last.facts, last.patch)}; answered by ${last.by}` : "no event yet";
    },
  };
}
