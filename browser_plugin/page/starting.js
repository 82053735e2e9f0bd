// Starts a frozen module in several tasks, between which a page sees to its visitor: in one task the evaluation of the
// plugin's own file, the module's start and Python's first answer block a slow device for longer than a person notices.

import { startFrozen } from "./frozen.js";

/** @type {typeof startFrozen} the same, in a task of its own, and its first answer in another one */
export async function startInTasks(from, description, onTrap) {
  await nextTask();
  const python = await startFrozen(from, description, onTrap);
  await nextTask();
  return python;
}

/**
 * A message and no timer: browsers put timers off while a page loads, or is not looked at.
 * @returns {Promise<void>} done in a task of its own
 */
function nextTask() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
