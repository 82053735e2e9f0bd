// node snapshot.mjs PYODIDE_FOLDER WHEEL OUT: writes Pyodide's own memory snapshot with the plugin imported.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, wheel, out] = process.argv.slice(2).map((name) => path.resolve(name));
const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")).href);
const pyodide = await loadPyodide({ indexURL: folder, _makeSnapshot: true });
pyodide.unpackArchive(new Uint8Array(fs.readFileSync(wheel)), "wheel");
pyodide.runPython("import browser_plugin.entry");
fs.writeFileSync(out, pyodide.makeMemorySnapshot());
process.exit(0);
