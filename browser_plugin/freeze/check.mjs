// Asks a frozen module what it has to answer, and writes down what it said.
//
//   node check.mjs ORDER.json
//
// ORDER.json: {"module": .wasm, "description": {entry, buffer, capacity}, "texts": [calls], "repeat": number
//   of calls after which memory must not have grown, "outside": [values no page would hand over], "out": file}
// Writes JSON {"answers": [...], "grown": bytes, "outside": [{"answer": text}, {"refused": why} or {"discarded":
// why}]}.

import fs from "node:fs";
import { frozenHost } from "../page/frozen.js";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const module = new WebAssembly.Module(fs.readFileSync(order.module));

/** @param {(why: string) => void} onTrap */
function started(onTrap) {
  const host = frozenHost();
  return host.attach(new WebAssembly.Instance(module, host.imports), order.description, onTrap);
}

let asked = "";
const python = started((why) => {
  console.error(`freeze: ${why}, asked ${JSON.stringify(asked).slice(0, 80)}`);
  process.exit(1);
});
const answers = order.texts.map((/** @type {string} */ text) => python.call((asked = text)));
const size = python.memory.buffer.byteLength;
for (let n = 0; n < order.repeat; n++) python.call(order.texts[n % order.texts.length]);
const grown = python.memory.buffer.byteLength - size;

const outside = [...order.outside, undefined].map((value) => {
  /** @type {string[]} */
  const reasons = [];
  const fresh = started((why) => reasons.push(why));
  try {
    return { answer: fresh.call(value) };
  } catch (error) {
    let next;
    try {
      next = fresh.call(order.texts[0]);
    } catch {
      // Clean means: told once, and nothing is answered afterwards.
      return reasons.length === 1 ? { discarded: reasons[0] } : { unclean: reasons };
    }
    // Or refused: nothing told, and the next text is answered as ever.
    return next === answers[0] && !reasons.length ? { refused: String(error) } : { unclean: reasons };
  }
});
fs.writeFileSync(order.out, JSON.stringify({ answers, grown, outside }));
