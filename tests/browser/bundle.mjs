// Bundles one module: node bundle.mjs MODULES BUNDLER FORM SOURCE OUT; MODULES: the folder of npm packages,
// BUNDLER: esbuild, webpack or vite, FORM: iife or esm.
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";

const [modules, bundler, form, source, out] = process.argv.slice(2);
const require = createRequire(`${modules}/.`);

const BUNDLERS = {
  async esbuild() {
    const { build } = require("esbuild");
    await build({ entryPoints: [source], bundle: true, minify: true, format: form, outfile: out });
  },

  async webpack() {
    const webpack = require("webpack");
    const module = form === "esm";
    const made = await new Promise((resolve, reject) => {
      webpack(
        {
          mode: "production",
          context: dirname(source),
          entry: source,
          experiments: { outputModule: module },
          output: { path: dirname(out), filename: basename(out), module, iife: !module, publicPath: "/" },
        },
        (error, stats) => (error ? reject(error) : resolve(stats)),
      );
    });
    if (made.hasErrors() || made.hasWarnings()) throw new Error(made.toString());
  },

  async vite() {
    const { build } = await import(`${modules}/vite/dist/node/index.js`);
    await build({
      root: dirname(source),
      configFile: false,
      logLevel: "error", // it warns that an iife has no import.meta: `base` stands in for it
      build: {
        outDir: dirname(out),
        emptyOutDir: false,
        rollupOptions: { input: source, output: { format: form, entryFileNames: basename(out) } },
      },
    });
  },
};

await BUNDLERS[bundler]();
