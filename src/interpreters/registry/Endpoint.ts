/** Where an image is to be had: a registry's host, and the repository there. */

import { problem } from "../base/ImageProblem.ts"

export interface Endpoint {
  /** `registry.example.org`, `localhost:5000`. */
  readonly host: string
  readonly repository: string
  /** Whether it may be talked to without TLS, or with a certificate that nobody vouches for. */
  readonly insecure: boolean
}

/** Docker's own registry answers at another name than the one that its images have. */
const ALIASES: ReadonlyMap<string, string> = new Map([["docker.io", "registry-1.docker.io"]])

/** Throws an `ImageProblem` where that is no host. */
export const make = (host: string, repository: string, insecure: boolean): Endpoint => {
  if (normalised(host) === undefined) throw problem(`${JSON.stringify(host)} is no host of a registry`)
  return { host: ALIASES.get(host) ?? host, repository, insecure: insecure || isLoopback(host) }
}

/** As a URL has it; `undefined` where none could. */
export const normalised = (host: string): string | undefined => {
  const url = `https://${host}/`
  return /[/?#@\\]/.test(host) || !URL.canParse(url) ? undefined : new URL(url).host
}

/** As Docker has it, this machine is trusted to be itself. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host)

/** For messages. */
export const nameOf = ({ host, repository }: Endpoint): string => `${host}/${repository}`

/** A place that a registry names, without what may be secret: a query may be a signature, and a name have a password. */
export const shown = (place: string): string =>
  JSON.stringify(place.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"))
