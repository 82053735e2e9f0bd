// Asks the frozen module, the compiled rules and, if wanted, stock Pyodide about events, and compares.
//
//   node agreement.mjs ORDER.json
//
// ORDER.json: {"host": page/frozen.js, "rules": compiled rules, "page": folder with core.json, "calls": file with
//   [text, this Python's answer], "fault": the answer to what cannot be answered, "stock": {"module": Pyodide's,
//   "wheel": the plugin's} or null}
// Prints JSON {"calls", "compared": how many the compiled rules were asked about, "trapped", "stock": how many
//   stock Pyodide was asked about, "different": up to three [who, text, said, this Python's answer]}.

import fs from "node:fs";
import { isDeepStrictEqual } from "node:util";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const { frozenHost } = await import(order.host);
const { enrich } = await import(order.rules);
const description = JSON.parse(fs.readFileSync(`${order.page}/core.json`, "utf8"));
const module = new WebAssembly.Module(fs.readFileSync(`${order.page}/${description.wasm}`));
const told = { calls: 0, compared: 0, trapped: 0, stock: 0, different: [] };

function fresh() {
  const host = frozenHost();
  return host.attach(new WebAssembly.Instance(module, host.imports), description, () => told.trapped++);
}
let python = fresh();
function frozen(text) {
  try {
    return python.call(text);
  } catch {
    python = fresh();
    return null;
  }
}

async function started({ module, wheel }) {
  const { loadPyodide } = await import(module);
  const pyodide = await loadPyodide();
  pyodide.unpackArchive(new Uint8Array(fs.readFileSync(wheel)), "wheel");
  return pyodide.pyimport("browser_plugin.entry").handle;
}
const stock = order.stock && (await started(order.stock));

const differs = (...what) => told.different.length < 3 && told.different.push(what);
const parsed = (text) => JSON.parse(text, (_, value) => (value === 0 ? 0 : value)); // -0 is written as 0
for (const [text, answer] of JSON.parse(fs.readFileSync(order.calls, "utf8"))) {
  told.calls++;
  const said = frozen(text);
  if (said !== null && said !== answer) differs("frozen module", text, said, answer);
  if (stock) {
    told.stock++;
    const other = stock(text);
    if (other !== answer) differs("stock Pyodide", text, other, answer);
  }
  if (answer === order.fault) continue;
  told.compared++;
  const rules = JSON.stringify(enrich(JSON.parse(text)));
  if (!isDeepStrictEqual(parsed(rules), parsed(answer))) differs("compiled rules", text, rules, answer);
}
console.log(JSON.stringify(told));
