// Asks a frozen module what it has to answer, and writes down what it said.
//
//   node check.mjs ORDER.json
//
// ORDER.json: {"module": .wasm, "description": {entry, buffer, capacity}, "texts": [calls], "seen": how many of
//   them the profile saw and must be answered, "per_instance": of so many of the others a new instance answers each,
//   "repeat": number of calls after which memory must not have grown, "outside": [values no page would hand
//   over], "out": file}
// Writes JSON {"answers": [text, or null for a trap], "grown": bytes, "outside": [{"answer": text}, {"refused":
// why} or {"discarded": why}]}.

import fs from "node:fs";
import { frozenHost } from "../page/frozen.js";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const module = new WebAssembly.Module(fs.readFileSync(order.module));

/** @param {(why: string) => void} onTrap */
function started(onTrap) {
  /** @type {any} */ (globalThis).gc(); // else the memory of all instances is kept until the end
  const host = frozenHost();
  return host.attach(new WebAssembly.Instance(module, host.imports), order.description, onTrap);
}

/** @param {string} asked @param {string} why */
function fail(asked, why) {
  console.error(`freeze: ${why}, asked ${JSON.stringify(asked).slice(0, 80)}`);
  process.exit(1);
}

/** The same text in one piece: an answer is joined of its characters, and V8 keeps 30 bytes for each until then. */
const flat = (/** @type {string} */ text) => Buffer.from(text).toString();

/** The answers to texts in a row; null where the module trapped, after which a new instance goes on. */
function answered(/** @type {string[]} */ texts) {
  /** @type {string | null} */
  let trapped = null;
  let python = started((why) => (trapped = why));
  return texts.map((text, n) => {
    // Pages begin with any call.
    if (n > order.seen && (n - order.seen) % order.per_instance === 0) python = started((why) => (trapped = why));
    try {
      return flat(python.call(text));
    } catch {
      if (n < order.seen) fail(text, trapped ?? "an error without a trap");
      python = started((why) => (trapped = why));
      return null;
    }
  });
}
const answers = answered(order.texts);
let asked = "";
const python = started((why) => fail(asked, why));
const seen = order.texts.slice(0, order.seen);
for (const text of seen) python.call((asked = text));
const size = python.memory.buffer.byteLength;
for (let n = 0; n < order.repeat; n++) python.call((asked = seen[n % seen.length]));
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
      // Clean means: reported once, and nothing is answered afterwards.
      return reasons.length === 1 ? { discarded: reasons[0] } : { unclean: reasons };
    }
    // Or refused: nothing reported, and the next text is answered as ever.
    return next === answers[0] && !reasons.length ? { refused: String(error) } : { unclean: reasons };
  }
});
fs.writeFileSync(order.out, JSON.stringify({ answers, grown, outside }));
