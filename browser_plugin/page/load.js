// Loads the plugin's other files.

/**
 * Loads one of the plugin's files. A script, no module and no import(): browsers that have neither have WebAssembly.
 * @param {string} src
 * @param {(handed: any) => void} go takes what the file hands over
 * @param {(why: string) => void} fail
 */
export function load(src, go, fail) {
  const script = document.createElement("script");
  script.crossOrigin = "anonymous";
  script.src = src;
  script.onload = script.onerror = () => fail(`${src} could not be loaded`);
  /** @type {any} */ (script).host = (/** @type {any} */ handed) => {
    script.onload = null;
    go(handed);
  };
  document.head.appendChild(script);
}
