// What browser_plugin/dist.py writes from the Python sources when it builds the page's files.

import type { FrozenDescription } from "./frozen.js";

/** The session policy, compiled from session.py and entry.py: one line of text in, one out. */
export function handle(request: string): string;

/** settings.py's table: name on pages, kind, default, other names, choices. */
export const TABLE: [page: string, kind: "ms" | "flag" | "text" | "choice" | "types", usual: unknown, names: string[], choices: string[]][];

/** Where in the frozen module the entry function and the room for its texts are. */
export const DESCRIPTION: FrozenDescription;

/** File names beside the script: the frozen module, what hosts it, the stock runtime's loader. */
export const CORE: string;
export const FROZEN: string;
export const STOCK: string;

/** The project's version. */
export const VERSION: string;
