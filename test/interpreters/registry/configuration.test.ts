/** What is read from files, headers and the environment before a registry is asked. */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { readFileSync } from "node:fs"
import { userInfo } from "node:os"
import { parse as parseToml } from "smol-toml"
import { describe, expect, it } from "vitest"
import * as ImageReference from "../../../src/domain/ImageReference.ts"
import * as Challenge from "../../../src/interpreters/registry/Challenge.ts"
import { proxyFor } from "../../../src/interpreters/registry/Proxy.ts"
import * as RegistriesConf from "../../../src/interpreters/registry/RegistriesConf.ts"
import * as UserDirectories from "../../../src/interpreters/registry/UserDirectories.ts"

describe("a user's configuration", () => {
  it.each([
    [{ HOME: "/home/a", XDG_CONFIG_HOME: "/etc/a" }, "/etc/a"],
    [{ HOME: "/home/a", XDG_CONFIG_HOME: "" }, "/home/a/.config"],
    [{ HOME: "/home/a", XDG_CONFIG_HOME: "relative" }, "/home/a/.config"],
    [{ HOME: "" }, `${userInfo().homedir}/.config`],
    [{}, `${userInfo().homedir}/.config`]
  ])("with %o is in %s", (environment, expected) => expect(UserDirectories.configuration(environment)).toBe(expected))
})

describe("a challenge", () => {
  const parsed = (header: string) =>
    Challenge.parse(header).map(({ parameters, scheme }) => [scheme, Object.fromEntries(parameters)])

  it.each([
    ['Basic realm="here"', [["basic", { realm: "here" }]]],
    [
      'Bearer realm="https://auth.example/token",service="a \\"b\\"",scope="repository:a/b:pull,push"',
      [["bearer", { realm: "https://auth.example/token", service: 'a "b"', scope: "repository:a/b:pull,push" }]]
    ],
    [
      "Negotiate, Bearer Realm=x , service = y,, Basic realm=z",
      [
        ["negotiate", {}],
        ["bearer", { realm: "x", service: "y" }],
        ["basic", { realm: "z" }]
      ]
    ],
    ["", []],
    ['Bearer realm="open', [["bearer", {}]]]
  ])("in %s is read", (header, expected) => expect(parsed(header)).toEqual(expected))

  it("is read from any text", () =>
    FastCheck.assert(FastCheck.property(FastCheck.string(), (text) => Array.isArray(parsed(text)))))
})

describe("registries.conf", () => {
  const asked = (toml: string, reference: string) => {
    const parsed = Either.getOrThrow(ImageReference.parse(reference))
    if (parsed._tag !== "Registry") throw new Error(`${reference} is in no registry`)
    return RegistriesConf.endpoints(RegistriesConf.parse(parseToml, toml, "registries.conf"), parsed.image).map(
      ({ host, insecure, repository }) => `${insecure ? "insecure " : ""}${host}/${repository}`
    )
  }
  const digest = `sha256:${"0".repeat(64)}`

  it("need not say anything", () => {
    expect(asked("", "debian")).toEqual(["registry-1.docker.io/library/debian"])
    expect(asked('unqualified-search-registries = ["quay.io"]\nshort-name-mode = "enforcing"', "a/b")).toEqual([
      "registry-1.docker.io/a/b"
    ])
    expect(asked("", "localhost:5000/a")).toEqual(["insecure localhost:5000/a"])
    expect(asked("", "127.0.0.1.example.org/a")).toEqual(["127.0.0.1.example.org/a"])
  })

  it("is what the documentation shows", () => {
    const [, toml = ""] = /```toml\n([\s\S]*?)```/.exec(readFileSync("docs/images.md", "utf8")) ?? []
    expect(asked(toml, "debian:12")).toEqual([
      "mirror.example.org/hub/library/debian",
      "registry-1.docker.io/library/debian"
    ])
  })

  it("takes the longest prefix that ends where a part of the name does", () => {
    const toml = ["a.example", "a.example/team", "a.example/te"]
      .map((prefix, index) => `[[registry]]\nprefix = "${prefix}"\nlocation = "${index}.example/x"\n`)
      .join("")
    expect(asked(toml, "a.example/team/tool")).toEqual(["1.example/x/tool"])
    expect(asked(toml, "a.example/teams/tool")).toEqual(["0.example/x/teams/tool"])
    expect(asked(toml, "b.example/team/tool")).toEqual(["b.example/team/tool"])
  })

  it("may speak of all registries of a domain", () => {
    const toml =
      '[[registry]]\nprefix = "*.example.org"\ninsecure = true\n[[registry.mirror]]\nlocation = "m.example/all"\n'
    expect(asked(toml, "a.b.example.org/tool")).toEqual(["m.example/all/tool", "insecure a.b.example.org/tool"])
    expect(asked(toml, "example.org/tool")).toEqual(["example.org/tool"])
    expect(asked(toml, "anexample.org/tool")).toEqual(["anexample.org/tool"])
  })

  it("says which mirrors are for digests, and which for tags", () => {
    const mirror = (name: string, when: string) =>
      `[[registry.mirror]]\nlocation = "${name}.example"\npull-from-mirror = "${when}"\n`
    const toml = `[[registry]]\nlocation = "r.example"\n${mirror("d", "digest-only")}${mirror("t", "tag-only")}${mirror("a", "all")}`
    expect(asked(toml, "r.example/x:1")).toEqual(["t.example/x", "a.example/x", "r.example/x"])
    expect(asked(toml, `r.example/x@${digest}`)).toEqual(["d.example/x", "a.example/x", "r.example/x"])
    const pinned = `[[registry]]\nlocation = "r.example"\nmirror-by-digest-only = true\n${mirror("a", "all")}`
    expect(asked(pinned, "r.example/x:1")).toEqual(["r.example/x"])
    expect(asked(pinned, `r.example/x@${digest}`)).toEqual(["a.example/x", "r.example/x"])
  })

  it("blocks registries", () => {
    const toml = '[[registry]]\nprefix = "r.example/bad"\nblocked = true\n'
    expect(() => asked(toml, "r.example/bad/x")).toThrow(/is in a registry that registries.conf blocks/)
    expect(asked(toml, "r.example/badly")).toEqual(["r.example/badly"])
  })

  it.each(["[[registry", "registry = 1", "[[registry]]\nlocation = 1", "[[registry]]\nblocked = 'yes'"])(
    "that is wrong is refused: %s",
    (toml) => expect(() => asked(toml, "a.example/b")).toThrow(/^registries.conf /)
  )
})

describe("a proxy", () => {
  const proxy = "http://proxy:3128"
  const through = (url: string, environment: Readonly<Record<string, string>>) => proxyFor(new URL(url), environment)

  it("is taken for the scheme it is for, in small or capital letters", () => {
    expect(through("https://a.example/", { https_proxy: proxy })).toBe(proxy)
    expect(through("https://a.example/", { HTTPS_PROXY: proxy })).toBe(proxy)
    expect(through("http://a.example/", { https_proxy: proxy })).toBeUndefined()
    expect(through("http://a.example/", { http_proxy: "" })).toBeUndefined()
  })

  it.each([
    ["a.example", true],
    [".example", true],
    ["*.example", true],
    ["example", true],
    ["b.example, a.example:443", false],
    ["a.example:5000", true],
    ["*", true],
    ["xample", false],
    ["", false]
  ])("is not taken where no_proxy says so: %s", (no_proxy, isExcepted) => {
    const found = through("https://a.example:5000/", { https_proxy: proxy, no_proxy })
    expect(found).toBe(isExcepted ? undefined : proxy)
  })
})
