// Sends events with @segment/analytics-node: node send.mjs <host> <write key> <how many>
import { createRequire } from "node:module"

const require = createRequire(new URL("../../browser_plugin/package.json", import.meta.url))
const { Analytics } = require("@segment/analytics-node")

const [host, writeKey, count] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: 7, maxRetries: 10 })
analytics.on("error", (error) => console.error(error))
for (let number = 0; number < Number(count); number++) {
  analytics.track({ userId: "u", event: "Seen", messageId: `node-${number}`, properties: { number } })
}
analytics.identify({ userId: "u", traits: { plan: "pro" } })
analytics.page({ anonymousId: "a", name: "Home" })
analytics.screen({ anonymousId: "a", name: "Start" })
analytics.group({ userId: "u", groupId: "g", traits: { name: "Company" } })
analytics.alias({ userId: "u", previousId: "a" })
await analytics.closeAndFlush({ timeout: 20_000 })
