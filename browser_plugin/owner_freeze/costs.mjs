// Measures what each module of an owner's code costs, one after the other in rounds, so that all meet the same noise.
//
//   node costs.mjs ORDER.json
//
// ORDER.json: {"modules": {level: .wasm}, "description": {entry, buffer, capacity}, "texts": [events], "out": file}
// Writes JSON {level: {"start_ms", "event_us"}}, medians.

import fs from "node:fs";
import { frozenHost } from "../page/frozen.js";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const ROUNDS = 5;

/** @param {number[]} all */
const median = (all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];

/** @param {any} module */
function started(module) {
  const host = frozenHost();
  return host.attach(new WebAssembly.Instance(module, host.imports), order.description, () => {});
}

/** @type {Record<string, { start: number[], event: number[] }>} */
const seen = {};
for (let round = 0; round < ROUNDS; round++)
  for (const [level, path] of Object.entries(order.modules)) {
    const { start, event } = (seen[level] = seen[level] ?? { start: [], event: [] });
    const bytes = fs.readFileSync(path);
    const began = performance.now();
    const module = new WebAssembly.Module(bytes);
    let python = started(module);
    const answered = order.texts.filter((/** @type {string} */ text) => {
      try {
        python.call(text);
        if (!start[round]) start[round] = performance.now() - began;
        return true;
      } catch {
        python = started(module); // it counts among the traps
        return false;
      }
    });
    const from = performance.now();
    for (const text of answered) python.call(text);
    event.push(((performance.now() - from) / answered.length) * 1000);
  }
const costs = Object.entries(seen).map(([level, { start, event }]) => [level, { start_ms: median(start), event_us: median(event) }]);
fs.writeFileSync(order.out, JSON.stringify(Object.fromEntries(costs)));
