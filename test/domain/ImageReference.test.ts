import { assert, describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { fullName, type ImageReference, normalise, parse } from "../../src/domain/ImageReference.ts"

const parsed = (text: string): ImageReference => Either.getOrThrowWith(parse(text), (error) => new Error(error.message))

const refused = (text: string): string =>
  Either.match(parse(text), {
    onLeft: (error) => [error.message, ...Option.toArray(error.hint)].join(" | "),
    onRight: (found) => `accepted as ${JSON.stringify(found)}`
  })

describe("a base image's name", () => {
  it("is a path for a layout or an archive, perhaps with the image's name", () => {
    assert.deepStrictEqual(parsed("oci:images/base"), { _tag: "Oci", path: "images/base", choice: { _tag: "Only" } })
    assert.deepStrictEqual(parsed("oci:/srv/base:busybox:1.36"), {
      _tag: "Oci",
      path: "/srv/base",
      choice: { _tag: "Named", name: "busybox:1.36" }
    })
    assert.deepStrictEqual(parsed("oci-archive:base.tar:latest"), {
      _tag: "OciArchive",
      path: "base.tar",
      choice: { _tag: "Named", name: "latest" }
    })
    assert.deepStrictEqual(parsed("oci-archive:base.tar:@2"), {
      _tag: "OciArchive",
      path: "base.tar",
      choice: { _tag: "Index", index: 2 }
    })
  })

  it("names an image of a docker-archive as a registry would", () => {
    const choice = (text: string) => parsed(`docker-archive:base.tar${text}`)
    const named = (name: string): ImageReference => ({
      _tag: "DockerArchive",
      path: "base.tar",
      choice: { _tag: "Named", name }
    })
    assert.deepStrictEqual(choice(""), { _tag: "DockerArchive", path: "base.tar", choice: { _tag: "Only" } })
    assert.deepStrictEqual(choice(":busybox"), named("docker.io/library/busybox:latest"))
    assert.deepStrictEqual(choice(":me/tool:2"), named("docker.io/me/tool:2"))
    assert.deepStrictEqual(choice(":localhost:5000/tool"), named("localhost:5000/tool:latest"))
    assert.deepStrictEqual(choice(":@0"), {
      _tag: "DockerArchive",
      path: "base.tar",
      choice: { _tag: "Index", index: 0 }
    })
  })

  it("names an image of a Docker engine as a registry would, or by its id", () => {
    const names = [
      "busybox",
      "busybox:1",
      "me/tool:2",
      "localhost:5000/tool",
      "sha256sum:1",
      `busybox@sha256:${"0".repeat(64)}`,
      `sha256:${"a".repeat(64)}`
    ]
    assert.deepStrictEqual(
      names.map((name) => parsed(`docker-daemon:${name}`)),
      [
        "docker.io/library/busybox:latest",
        "docker.io/library/busybox:1",
        "docker.io/me/tool:2",
        "localhost:5000/tool:latest",
        "docker.io/library/sha256sum:1",
        `docker.io/library/busybox@sha256:${"0".repeat(64)}`,
        `sha256:${"a".repeat(64)}`
      ].map((name): ImageReference => ({ _tag: "DockerDaemon", name }))
    )
  })

  it("keeps every character of a root file system's path", () => {
    assert.deepStrictEqual(parsed("rootfs:/a b/c:d,e\\"), { _tag: "Rootfs", path: "/a b/c:d,e\\" })
    assert.deepStrictEqual(parsed("scratch"), { _tag: "Scratch" })
  })

  it("is a snapshot of ZFS", () => {
    for (const snapshot of ["tank/base@1", "a@b", "tank/freebsd/14.1-RELEASE@p3_x:y"]) {
      assert.deepStrictEqual(parsed(`zfs:${snapshot}`), { _tag: "Zfs", snapshot })
    }
  })

  it("is a registry's where it has no transport", () => {
    const names = [
      "busybox",
      "debian:12",
      "localhost/x",
      "localhost:5000/x/y:z",
      "docker://me/tool",
      "ghcr.io/a/b:1",
      "index.docker.io/busybox",
      "docker:24",
      "Registry/x",
      `debian@sha256:${"0".repeat(64)}`
    ]
    const full = names.map((name) => {
      const reference = parsed(name)
      return reference._tag === "Registry" ? fullName(reference.image) : reference._tag
    })
    assert.deepStrictEqual(full, [
      "docker.io/library/busybox:latest",
      "docker.io/library/debian:12",
      "localhost/x:latest",
      "localhost:5000/x/y:z",
      "docker.io/me/tool:latest",
      "ghcr.io/a/b:1",
      "docker.io/library/busybox:latest",
      "docker.io/library/docker:24",
      "Registry/x:latest",
      `docker.io/library/debian@sha256:${"0".repeat(64)}`
    ])
  })

  it("is refused with the reason where it is none", () => {
    const wrong = [
      "",
      "a\0b",
      "oci:",
      "oci::x",
      "oci:a:",
      "oci:a:@x",
      "rootfs:",
      "zfs:",
      "zfs:tank/base",
      "zfs:tank/../base@1",
      "zfs:/tank@1",
      "zfs:-r@1",
      "zfs:tank@",
      "zfs:tank@1@2",
      "zfs:tank/a b@1",
      "docker-archive:a:Upper",
      `docker-archive:a:b@sha256:${"0".repeat(64)}`,
      "containers-storage:busybox",
      "docker-daemon:",
      "docker-daemon:Upper",
      "docker-daemon:sha256",
      "docker-daemon:sha256:12ab",
      `docker-daemon:sha512:${"0".repeat(128)}`,
      "0".repeat(64).padStart(78, "docker-daemon:"),
      `docker-daemon:a:1@sha256:${"0".repeat(64)}`,
      "docker://",
      "BusyBox",
      "busybox:",
      "busybox:-1",
      "busy box",
      "a//b",
      "-.io/x",
      "busybox@sha256:12",
      "0".repeat(64),
      "a".repeat(256)
    ]
    expect(wrong.map((text) => `${JSON.stringify(text.slice(0, 40))}: ${refused(text)}`)).toMatchSnapshot()
  })

  it("is read from any text without an exception", () => {
    const pieces = FastCheck.constantFrom(
      "oci:",
      "docker://",
      "docker-daemon:",
      "rootfs:",
      ":",
      "@",
      "/",
      "a",
      "A",
      ".",
      "-",
      "sha256:",
      "\0",
      "é"
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          FastCheck.string(),
          FastCheck.array(pieces).map((some) => some.join(""))
        ),
        (text) => {
          parse(text)
          normalise(text)
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("means the same in full as it does in short", () => {
    const part = FastCheck.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/)
    const tag = FastCheck.option(FastCheck.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}$/), { nil: undefined })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(part, { minLength: 1, maxLength: 3 }), tag, (parts, tag) => {
        const full = normalise(`${parts.join("/")}${tag === undefined ? "" : `:${tag}`}`)
        FastCheck.pre(Option.isSome(full))
        assert.deepStrictEqual(Option.flatMap(full, normalise), full)
      })
    )
  })
})
