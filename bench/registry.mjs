import * as Fs from "node:fs"
import { serve } from "./server.mjs"

/** Debian's registry, on a free port of this machine. */
export const serveRegistry = async (directory) => {
  const file = `${directory}/registry.yml`
  const data = `storage: { filesystem: { rootdirectory: ${directory}/registry } }`
  Fs.writeFileSync(file, `version: 0.1\n${data}\nhttp: { addr: "127.0.0.1:0" }\n`)
  const { found, stop } = await serve({
    program: "docker-registry",
    words: ["serve", file],
    log: `${directory}/registry.log`,
    ready: /listening on (127\.0\.0\.1:\d+)/
  })
  return { host: found[1], stop }
}
