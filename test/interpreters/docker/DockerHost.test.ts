/** What `DOCKER_HOST` may say. */
import { describe, expect, it } from "@effect/vitest"
import { ImageProblem } from "../../../src/interpreters/base/ImageProblem.ts"
import { locate } from "../../../src/interpreters/docker/DockerHost.ts"

const located = (environment: Readonly<Record<string, string>>): string => {
  try {
    const { origin, socketPath } = locate(environment)
    return socketPath ?? origin.href
  } catch (error) {
    if (error instanceof ImageProblem) return error.message
    throw error
  }
}

describe("DOCKER_HOST", () => {
  it.each([
    [{}, "/var/run/docker.sock"],
    [{ DOCKER_HOST: "" }, "/var/run/docker.sock"],
    [{ DOCKER_HOST: "unix:///run/user/1000/docker.sock" }, "/run/user/1000/docker.sock"],
    [{ DOCKER_HOST: "unix:///a b%20c", DOCKER_TLS_VERIFY: "1" }, "/a b%20c"],
    [{ DOCKER_HOST: "tcp://builder:1234" }, "http://builder:1234/"],
    [{ DOCKER_HOST: "tcp://[::1]:1234/" }, "http://[::1]:1234/"],
    [{ DOCKER_HOST: "tcp://builder" }, "http://builder:2375/"],
    [{ DOCKER_HOST: "tcp://builder:80" }, "http://builder/"],
    [{ DOCKER_HOST: "tcp://builder", DOCKER_TLS_VERIFY: "" }, "http://builder:2375/"]
  ])("%j leads to %s", (environment, expected) => {
    expect(located(environment)).toBe(expected)
  })

  it.each([
    [{ DOCKER_HOST: "ssh://me@builder" }, "by ssh://, which is not supported"],
    [{ DOCKER_HOST: "https://builder" }, "by https://, which is not supported"],
    [{ DOCKER_HOST: "tcp://builder:2376", DOCKER_TLS_VERIFY: "1" }, "TLS with a Docker engine is not supported"],
    [{ DOCKER_TLS_VERIFY: "1" }, "TLS with a Docker engine is not supported"],
    [{ DOCKER_HOST: "unix://docker.sock" }, "names no Docker engine"],
    [{ DOCKER_HOST: "tcp://builder/path" }, "names no Docker engine"],
    [{ DOCKER_HOST: "tcp://me:secret@builder" }, "names no Docker engine"],
    [{ DOCKER_HOST: "tcp://" }, "names no Docker engine"],
    [{ DOCKER_HOST: "builder\u001B[31m" }, "names no Docker engine"]
  ])("%j is refused: %s", (environment, expected) => {
    expect(located(environment)).toContain(expected)
  })
})
