// The ways to answer in a page that are compared, each from nothing to a function from text to text.

const json = async (/** @type {string} */ url) => (await fetch(url)).json();
const hosted = (/** @type {any} */ pyodide) => {
  const { handle } = pyodide.pyimport("browser_plugin.entry");
  return (/** @type {string} */ text) => handle(text);
};

/** Pyodide as published, and the plugin installed as micropip installs it. */
export async function stock() {
  const { loadPyodide } = await import("/pyodide/pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
  const { micropip, wheel } = await json("/wheels.json");
  await pyodide.loadPackage(new URL(micropip, location.href).href);
  await pyodide.pyimport("micropip").install(new URL(wheel, location.href).href);
  return hosted(pyodide);
}

/** Pyodide's own memory snapshot with the plugin imported. */
export async function snapshot() {
  const { loadPyodide } = await import("/pyodide/pyodide.mjs");
  const _loadSnapshot = fetch("/snapshot.bin").then((response) => response.arrayBuffer());
  return hosted(await loadPyodide({ indexURL: "/pyodide/", _loadSnapshot }));
}

/** The page's own script has the description and the host in it, as the plugin's script has. */
const frozen = () => {
  const { startFrozen, description } = /** @type {any} */ (window);
  return startFrozen(description.wasm, description, console.error).then((/** @type {any} */ python) => python.call);
};
export const whole = frozen;
export const lean = frozen;
export const tight = frozen;

/** Another Python, made for small machines, with the plugin's sources. */
export async function micropython() {
  const { loadMicroPython } = await import("/micropython/micropython.mjs");
  const [python, sources] = await Promise.all([
    loadMicroPython({ url: "/micropython/micropython.wasm" }),
    json("/sources.json"),
  ]);
  python.FS.mkdir("/browser_plugin");
  for (const [name, source] of Object.entries(sources)) python.FS.writeFile(name, source);
  python.runPython("import sys\nsys.path.append('/')\nfrom browser_plugin.entry import handle");
  const handle = python.globals.get("handle");
  return handle;
}

/** No Python: the policy compiled to JavaScript. */
export async function javascript() {
  const { handle } = await import("/policy.js");
  return handle;
}
