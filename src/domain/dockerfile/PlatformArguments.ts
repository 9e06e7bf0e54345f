/** The build arguments that BuildKit sets by itself. */

/** `platform` is `os/architecture[/variant]`; it is built on what it is built for. */
export const platformArguments = (platform: string): ReadonlyMap<string, string> => {
  const [os = "", architecture = "", variant = ""] = platform.split("/")
  const of = (prefix: string): ReadonlyArray<readonly [string, string]> => [
    [`${prefix}PLATFORM`, platform],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant]
  ]
  return new Map([...of("BUILD"), ...of("TARGET")])
}

/** Those of proxies: anything may use them without an ARG. */
const PROXIES: ReadonlySet<string> = new Set(["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"])

export const isProxy = (name: string): boolean => PROXIES.has(name.toUpperCase())

/** What Docker takes for PATH where nobody sets it. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
