/** Where the Docker engine listens, as `$DOCKER_HOST` says it. */
import { type ImageProblem, problem } from "../base/ImageProblem.ts"

export interface DockerHost {
  /** For messages: `unix:///var/run/docker.sock`. */
  readonly name: string
  readonly origin: URL
  /** What to connect with instead of the origin's host. */
  readonly socketPath: string | undefined
}

const DEFAULT = "unix:///var/run/docker.sock"
const DEFAULT_PORT = "2375"

/** Throws an `ImageProblem` for what cannot be spoken with here. */
export const locate = (environment: Readonly<Record<string, string | undefined>>): DockerHost => {
  const given = environment["DOCKER_HOST"]
  const name = given === undefined || given === "" ? DEFAULT : given
  const tls = environment["DOCKER_TLS_VERIFY"]
  const usesTls = tls !== undefined && tls !== ""
  // Docker's own client takes a port of this machine where it is told to use TLS and nothing else.
  if (usesTls && !given?.startsWith("unix://")) {
    throw unsupported("DOCKER_TLS_VERIFY is set, and TLS with a Docker engine is not supported")
  }
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/s.exec(name) ?? []
  if (scheme === "unix" && rest.startsWith("/")) {
    return { name, origin: new URL("http://localhost"), socketPath: rest }
  }
  if (scheme === "tcp" && URL.canParse(`http://${rest}`)) {
    const url = new URL(`http://${rest}`)
    if (`${url.pathname}${url.search}${url.hash}${url.username}${url.password}` === "/") {
      // A URL leaves out the port of HTTP, which is not the port of Docker.
      const hasPort = url.port !== "" || /:0*80\/?$/.test(rest)
      if (!hasPort) url.port = DEFAULT_PORT
      return { name, origin: url, socketPath: undefined }
    }
  }
  throw unsupported(
    ["fd", "http", "https", "npipe", "ssh"].includes(scheme)
      ? `DOCKER_HOST names a Docker engine by ${scheme}://, which is not supported`
      : // Not in words: it may have a password.
        "what DOCKER_HOST says names no Docker engine"
  )
}

const unsupported = (message: string): ImageProblem =>
  problem(message, "set DOCKER_HOST to unix://PATH or tcp://HOST:PORT, without TLS; a tunnel (ssh -L) may lead there")
