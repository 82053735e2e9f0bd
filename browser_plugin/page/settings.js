// Reads settings by settings.py's table, which is built in, as read_settings there does.

import { TABLE } from "built";

/** @typedef {Required<import("./session-plugin.d.ts").SessionSettings>} Settings */

/** @type {Record<string, (value: any, choices: string[]) => unknown>} what each kind makes of a value; undefined where it is unusable */
const KINDS = {
  ms: (value) => (Math.abs(Number(value)) < 1e15 ? Number(value) : undefined),
  flag: Boolean,
  text: (value) => (typeof value === "string" && value) || undefined,
  choice: (value, choices) => (choices.includes(value) ? value : undefined),
  types: (value, choices) => {
    const words = typeof value === "string" ? value.split(/[\s,]+/).filter(Boolean) : value;
    return Array.isArray(words) && words.length && words.every((word) => choices.includes(word)) ? words : undefined;
  },
};

/**
 * Returns every setting, usable; each unusable value is told once on the console and its default taken.
 * @param {Record<string, any>} [raw] under any of their names
 * @returns {Settings}
 */
export function readSettings(raw = {}) {
  /** @type {Record<string, any>} */
  const settings = {};
  const unknown = new Set(Object.keys(raw));
  for (const [page, kind, usual, names, choices] of TABLE) {
    settings[page] = usual;
    for (const name of [...names, page]) {
      if (!unknown.delete(name) || raw[name] === undefined) continue;
      const value = KINDS[kind](raw[name], choices);
      if (value === undefined) warn(`${page} cannot be ${JSON.stringify(raw[name])}; ${JSON.stringify(usual)} is used`);
      else settings[page] = value;
    }
  }
  if (unknown.size) warn(`no such settings: ${[...unknown].join(", ")}`);
  return /** @type {Settings} */ (settings);
}

/** @param {unknown} what */
export function warn(what) {
  console.warn(`analytics session: ${what}`);
}
