// Tabs that begin a session take turns: the first begins it, the others find it.

import { PATIENCE, SETTLED } from "./limits.js";
import { ID } from "./stores.js";

/** @typedef {import("./state.js").State} State */

/** @param {State} state @returns {Promise<void>} done when it is this tab's turn */
export function turn(state) {
  return new Promise((resolve) => {
    state.waiting.push(resolve);
    const go = () => release(state);
    const take = () => {
      if (!state.waiting.length) return;
      go();
      return new Promise((done) => setTimeout(done, SETTLED));
    };
    navigator.locks.request(ID, take).catch(go);
    setTimeout(() => state.waiting.indexOf(resolve) >= 0 && go(), PATIENCE);
  });
}

/** @param {State} state lets every event go on that waits */
export function release(state) {
  state.waiting.splice(0).forEach((resolve) => resolve());
}
