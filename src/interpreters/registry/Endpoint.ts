/** Where an image is to be had: a registry's host, and the repository there. */

export interface Endpoint {
  /** `registry.example.org`, `localhost:5000`. */
  readonly host: string
  readonly repository: string
  /** Whether it may be talked to without TLS, or with a certificate that nobody vouches for. */
  readonly insecure: boolean
}

/** Docker's own registry answers at another name than the one that its images have. */
const ALIASES: ReadonlyMap<string, string> = new Map([["docker.io", "registry-1.docker.io"]])

export const make = (host: string, repository: string, insecure: boolean): Endpoint => ({
  host: ALIASES.get(host) ?? host,
  repository,
  insecure: insecure || isLoopback(host)
})

/** As Docker has it, this machine is trusted to be itself. */
const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host)

/** For messages. */
export const nameOf = ({ host, repository }: Endpoint): string => `${host}/${repository}`
