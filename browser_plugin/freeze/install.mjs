// Compiles a wheel and installs it, inside the interpreter that will run it.
//
//   node install.mjs ORDER.json
//
// ORDER.json: {"pyodide": folder, "tools": [wheels that are needed for it], "wheel": file,
//   "inside": Python source that defines installed(path), "out": folder for the compiled wheel}
// Nothing may be fetched: what the wheel needs has to be in it or in Pyodide's own library.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const EPOCH_S = 1_700_000_000;
Date.now = () => EPOCH_S * 1000; // goes into compiled files

const { loadPyodide } = await import(pathToFileURL(path.join(order.pyodide, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: order.pyodide, env: { HOME: "/", SOURCE_DATE_EPOCH: `${EPOCH_S}` } });
/** @type {any} */ (globalThis).fetch = () => Promise.reject(new Error("nothing is fetched at build time"));

/** @param {string} file @param {string} folder @returns {string} its path inside */
function put(file, folder) {
  python.FS.mkdirTree(folder);
  const inside = `${folder}/${path.basename(file)}`;
  python.FS.writeFile(inside, fs.readFileSync(file));
  return inside;
}

try {
  const tools = order.tools.map((/** @type {string} */ file) => put(file, "/tools"));
  python.runPython(`import sys; sys.path += ${JSON.stringify(tools)}`);
  python.runPython(order.inside);
  const compiled = await python.globals.get("installed")(put(order.wheel, "/wheel"));
  fs.writeFileSync(path.join(order.out, path.basename(compiled)), python.FS.readFile(compiled));
  process.exit(0);
} catch (error) {
  const lines = String(error).trim().split("\n");
  console.error(`freeze: ${lines[lines.length - 1]}`);
  process.exit(1);
}
