// Sends events with @segment/analytics-node: node send.mjs <host> <write key> <how many>
import { createRequire } from "node:module"

const require = createRequire(new URL("../../browser_plugin/package.json", import.meta.url))
const { Analytics } = require("@segment/analytics-node")

const [host, writeKey, count] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: 7, maxRetries: 10 })
analytics.on("error", (error) => console.error(error))
for (let number = 0; number < Number(count); number++) {
  analytics.track({ userId: "node-user", event: "Seen from node", messageId: `node-${number}`, properties: { number } })
}
analytics.identify({ userId: "node-user", traits: { plan: "pro" } })
analytics.page({ anonymousId: "node-visitor", name: "Home" })
analytics.screen({ anonymousId: "node-visitor", name: "Start" })
analytics.group({ userId: "node-user", groupId: "g", traits: { name: "Company" } })
analytics.alias({ userId: "node-user", previousId: "node-visitor" })
await analytics.closeAndFlush({ timeout: 20_000 })
