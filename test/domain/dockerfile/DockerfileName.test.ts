import { describe, expect, it } from "@effect/vitest"
import { isDockerfile } from "../../../src/domain/dockerfile/DockerfileName.ts"

describe("a file is a Dockerfile", () => {
  it.each(["Dockerfile", "x/Dockerfile", "Dockerfile.dev", "app.Dockerfile", "app.dockerfile", "Containerfile"])(
    "by its name: %s",
    (name) => expect(isDockerfile(name, "((from x))")).toBe(true)
  )

  it.each([
    "FROM a",
    "from a",
    "# comment\n\n\tARG A=1\nFROM a",
    "# syntax=docker/dockerfile:1\n((",
    "#escape = `\n",
    "\ufeffFROM a"
  ])("by what it begins with: %j", (text) => {
    expect(isDockerfile("-", text)).toBe(true)
    expect(isDockerfile("build.txt", text)).toBe(true)
    expect(isDockerfile("build.spec", text)).toBe(false)
  })

  it.each(["", "((from a))", "; FROM a\n((from a))", "FROMAGE", "RUN x", `${"#\n".repeat(10_000)}FROM a`])(
    "not with %j",
    (text) => expect(isDockerfile("-", text)).toBe(false)
  )

  it.each(["Dockerfiles", "my-Dockerfile-spec", "dockerfile.spec"])("not by the name %s", (name) =>
    expect(isDockerfile(name, "((from a))")).toBe(false)
  )
})
