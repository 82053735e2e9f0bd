/** Settings of the session plugin. Segment's own names are taken as well. */
export interface SessionSettings {
  /** Milliseconds without an event that end a session; 1,800,000 (30 minutes) by default. */
  sessionLength?: number;
  /** Whether Session Started and Session Ended are sent; false by default. */
  sessionEvents?: boolean;
  /** The event sent when a session begins. */
  startedName?: string;
  /** The event sent, with the ended session's id and last activity, when the next one begins. */
  endedName?: string;
  /** The event types that carry the session id; all but screen by default. */
  eventTypes?: ("track" | "page" | "identify" | "group" | "alias" | "screen")[];
  /** Milliseconds after which a session ends in any case; 0, the default, for never. */
  maximumLength?: number;
  /** Whether analytics.reset() begins a new session with the next event. */
  newOnReset?: boolean;
  /** Whether another user id begins a new session. */
  newOnUserChange?: boolean;
  /** Where the session is kept; `auto`, the default, is wherever Analytics.js keeps its own things. */
  storage?: "auto" | "localStorage" | "cookie" | "memory";
  /** When Python starts: when the browser is idle or at the first event, at once, or never. */
  startPython?: "idle" | "now" | "off";
  /** The frozen module (300 kB), or Pyodide as published (5.5 MB). */
  runtime?: "frozen" | "pyodide";
}

/** What `window.analyticsSession` is. Times in milliseconds since the epoch. */
export interface AnalyticsSession {
  /** The session's id, which is the time it began; null before the first event. */
  readonly id: number | null;
  /** When the session began. */
  readonly startedAt: number | null;
  /** When the last event happened. */
  readonly lastActivity: number | null;
  /** When the session ends if no event happens. */
  readonly expiresAt: number | null;
  /** `starting`, `ready`, or `unavailable: ` and the reason; sessions are right in all three. */
  readonly python: string;
  /** Begins a new session with the next event. */
  reset(): void;
  /** Calls `listener` when another session begins; returns what ends that. */
  onChange(listener: (session: AnalyticsSession, reason: string) => void): () => void;
  /** Says in a sentence why the last event got the session id it got. */
  explain(): string;
}

/** An Analytics.js enrichment plugin, to be given to `analytics.register`. */
export interface SessionPlugin {
  name: string;
  type: "enrichment";
  version: string;
  isLoaded(): boolean;
  load(context: unknown, analytics: any): Promise<void>;
  unload(): Promise<void>;
  track(context: any): any;
  page(context: any): any;
  identify(context: any): any;
  group(context: any): any;
  alias(context: any): any;
  screen(context: any): any;
}

/** Makes the plugin; all plugins of a page share one session. */
export function sessionPlugin(settings?: SessionSettings): SessionPlugin;

export default sessionPlugin;

declare global {
  interface Window {
    analyticsSession: AnalyticsSession;
    amplitudeSessionPlugin: typeof sessionPlugin;
    sessionPlugin?: typeof sessionPlugin;
  }
}
