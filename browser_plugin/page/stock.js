// The stock runtime: Pyodide as published, and the plugin's wheel installed by micropip as on any page.
// For development, and for pages that have Pyodide already: theirs is used where it is window.pyodide.

/**
 * @param {string} base where the plugin's files are, with the slash
 * @returns {Promise<(text: string) => string>} the plugin's entry function
 */
export async function start(base) {
  const own = base + "pyodide/";
  const theirs = /** @type {any} */ (window).pyodide;
  const pyodide = theirs ?? (await load(own));
  const wheels = await (await fetch(own + "wheels.json")).json();
  await pyodide.loadPackage(own + wheels.micropip);
  // The compiled wheel is for one version of Python, ours.
  await pyodide.pyimport("micropip").install(own + (theirs ? wheels.source : wheels.plugin));
  return pyodide.pyimport("browser_plugin.entry").handle;
}

/** @param {string} indexURL */
async function load(indexURL) {
  const { loadPyodide } = await import(indexURL + "pyodide.mjs");
  return loadPyodide({ indexURL });
}
