/** Which proxy a request goes through, by the usual variables: `https_proxy`, `http_proxy`, `no_proxy`, or in capitals. */

import { isLoopback } from "./Endpoint.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** `undefined` where there is none. */
export const proxyFor = ({ hostname, port, protocol }: URL, environment: Environment): string | undefined => {
  const variable = (name: string): string | undefined => {
    const value = environment[name] ?? environment[name.toUpperCase()]
    return value === "" ? undefined : value
  }
  // Another machine's loopback is not this one's.
  if (isLoopback(hostname)) return undefined
  const proxy = variable(protocol === "https:" ? "https_proxy" : "http_proxy")
  if (proxy === undefined) return undefined
  const exceptions = (variable("no_proxy") ?? "").toLowerCase().split(/[\s,]+/)
  return exceptions.some((entry) => covers(entry, hostname.toLowerCase(), port)) ? undefined : proxy
}

/** `*`, `example.org` (and all below it), `.example.org`, `*.example.org`, each with `:PORT` or without. */
const covers = (entry: string, host: string, port: string): boolean => {
  if (entry === "") return false
  if (entry === "*") return true
  const [, name = "", only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const plain = name.replace(/^\*?\./, "")
  return host === plain || host.endsWith(`.${plain}`)
}
