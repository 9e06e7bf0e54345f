/** The documents of an image, from what is known of a result. */
import { describe, expect, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { sha256, stepId } from "../../../src/domain/Digest.ts"
import * as BaseConfiguration from "../../../src/interpreters/image/BaseConfiguration.ts"
import * as Documents from "../../../src/interpreters/image/ImageDocuments.ts"
import { type Changes, plain } from "../../../src/interpreters/image/ImageOptions.ts"

const none: Changes = plain.changes

const layer = (name: string) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: `sha256:${sha256(name)}`,
  size: 10,
  diffId: `sha256:${sha256(`${name} tar`)}`
})

const facts = (configuration: unknown, more: Partial<Documents.Facts> = {}): Documents.Facts => ({
  id: stepId(sha256("result")),
  base: {
    name: Option.some("docker.io/library/debian:12"),
    digest: Option.some(sha256("base")),
    platform: "linux/arm64/v8",
    environment: [
      { name: "PATH", value: "/bin" },
      { name: "HOME", value: "/root" }
    ],
    configuration: typeof configuration === "string" ? configuration : JSON.stringify(configuration),
    isKept: true
  },
  settings: { environment: [], user: null, workdir: null },
  planned: Option.none(),
  created: 1_700_000_000,
  changes: none,
  ...more
})

const entries: ReadonlyArray<Documents.Entry> = [
  { layer: Option.some(layer("base")), step: Option.none() },
  { layer: Option.some(layer("one")), step: Option.some({ heading: "one", created: 1_600_000_000 }) },
  { layer: Option.none(), step: Option.some({ heading: "two", created: 1_600_000_001 }) }
]

const json = ({ bytes }: Documents.Document) => JSON.parse(Buffer.from(bytes).toString("utf8"))
const configOf = (given: Documents.Facts) => json(Documents.make(given, entries).config)

const usual = {
  config: {
    User: "www",
    WorkingDir: "/srv",
    Entrypoint: ["/start"],
    Cmd: ["serve"],
    ExposedPorts: { "80/tcp": {} },
    Labels: { maker: "somebody" },
    OnBuild: ["RUN false"],
    Hostname: "abc"
  },
  history: [
    { created: "2023-01-01T00:00:00Z", created_by: "ADD" },
    { created_by: "CMD", empty_layer: true }
  ]
}

describe("an image's configuration", () => {
  it("is what a Dockerfile says, on top of the base's", () => {
    const image = {
      user: "app:staff",
      entrypoint: ["/run"],
      labels: [{ name: "maker", value: "another" }],
      ports: ["81/tcp"],
      volumes: ["/data"],
      stopSignal: "SIGQUIT",
      healthcheck: { Test: ["NONE"] }
    }
    const user = { _tag: "Named", name: "app" } as const
    const settings = { environment: [], user, workdir: null, image }
    const { Cmd, Entrypoint, ExposedPorts, Healthcheck, Labels, StopSignal, User, Volumes } = configOf(
      facts(usual, { settings })
    ).config
    expect({ Cmd, Entrypoint, ExposedPorts, Healthcheck, Labels, StopSignal, User, Volumes }).toEqual({
      Cmd: undefined,
      Entrypoint: ["/run"],
      ExposedPorts: { "80/tcp": {}, "81/tcp": {} },
      Healthcheck: { Test: ["NONE"] },
      Labels: { maker: "another", "obuilder.result": sha256("result") },
      StopSignal: "SIGQUIT",
      User: "app:staff",
      Volumes: { "/data": {} }
    })
    const command = { ...image, command: ["again"] }
    const said = configOf(
      facts(usual, {
        settings: { ...settings, image: command },
        changes: { ...none, user: Option.some("2"), command: Option.some(["x"]) }
      })
    ).config
    expect([said.Cmd, said.User]).toEqual([["x"], "2"])
  })

  it("is the base's where neither spec nor options say anything, but for what only building it meant", () => {
    const { architecture, config, created, history, os, rootfs, variant } = configOf(facts(usual))
    expect({ architecture, created, os, variant }).toEqual({
      architecture: "arm64",
      created: "2023-11-14T22:13:20Z",
      os: "linux",
      variant: "v8"
    })
    expect(config).toEqual({
      Env: ["PATH=/bin", "HOME=/root"],
      User: "www",
      WorkingDir: "/srv",
      Entrypoint: ["/start"],
      Cmd: ["serve"],
      ExposedPorts: { "80/tcp": {} },
      Labels: { maker: "somebody", "obuilder.result": sha256("result") }
    })
    expect(rootfs).toEqual({ type: "layers", diff_ids: [layer("base").diffId, layer("one").diffId] })
    expect(history).toEqual([
      ...usual.history,
      { created: "2020-09-13T12:26:40Z", created_by: "one", comment: "obuilder" },
      { created: "2020-09-13T12:26:41Z", created_by: "two", comment: "obuilder", empty_layer: true }
    ])
  })

  it("is the spec's before the base's, and the options' before both", () => {
    const settings = {
      environment: [{ name: "HOME", value: "/spec" }],
      user: { _tag: "Unix", uid: 0, gid: 0 },
      workdir: "/spec"
    } as const
    expect(configOf(facts(usual, { settings })).config).toMatchObject({
      Env: ["PATH=/bin", "HOME=/spec"],
      User: "0:0",
      WorkingDir: "/spec"
    })
    const changes: Changes = {
      ...none,
      environment: [{ name: "HOME", value: "/option" }],
      user: Option.some("me"),
      workdir: Option.some("/option"),
      entrypoint: Option.some(["/other"]),
      ports: ["53/udp"],
      labels: [{ name: "maker", value: "me" }]
    }
    const { config } = configOf(facts(usual, { settings, changes }))
    expect(config).toMatchObject({
      Env: ["PATH=/bin", "HOME=/option"],
      User: "me",
      WorkingDir: "/option",
      Entrypoint: ["/other"],
      ExposedPorts: { "53/udp": {}, "80/tcp": {} },
      Labels: { maker: "me" }
    })
    // They were the arguments of another entry point.
    expect(config).not.toHaveProperty("Cmd")
  })

  it("has a line of history for each layer where the base's own does not fit its layers", () => {
    const { history } = configOf(facts({ ...usual, history: [...usual.history, { created_by: "one too many" }] }))
    expect(history.filter((one: { empty_layer?: boolean }) => one.empty_layer !== true)).toHaveLength(2)
  })

  it.each([
    ["lone surrogates", String.raw`{"config":{"Labels":{"a":"\ud800"}},"history":[{"created_by":"\udfff"}]}`],
    ["numbers without end", `{"config":{"Healthcheck":{"Interval":1e999}},"history":[{"created":1e999}]}`],
    [
      "values of other types",
      `{"config":{"User":{},"Cmd":5,"ExposedPorts":[],"Labels":{"a":1},"Volumes":"x"},"history":5}`
    ],
    ["no objects", `[1]`],
    ["no JSON", `{`],
    [
      "names that mean something to JavaScript",
      `{"config":{"Labels":{"__proto__":"x"},"ExposedPorts":{"__proto__":{}}}}`
    ]
  ])("is made of a base's with %s", (_, text) => {
    const config = configOf(facts(text))
    expect(config.config.Env).toEqual(["PATH=/bin", "HOME=/root"])
    for (const [name, value] of Object.entries(config.config)) {
      if (["Cmd", "Entrypoint"].includes(name)) expect(Array.isArray(value)).toBe(true)
      if (name === "User") expect(typeof value).toBe("string")
    }
    expect(BaseConfiguration.read(text).history.every((one) => typeof one === "object")).toBe(true)
  })
})

describe("an image's manifest", () => {
  it("names configuration and layers, the base, the result and the plan", () => {
    const made = Documents.make(facts(usual, { planned: Option.some(stepId(sha256("plan"))) }), entries)
    expect(json(made.manifest)).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: `sha256:${sha256(made.config.bytes)}`,
        size: made.config.bytes.length
      },
      layers: ["base", "one"].map(layer).map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
      annotations: {
        "obuilder.plan": sha256("plan"),
        "obuilder.result": sha256("result"),
        "org.opencontainers.image.base.digest": `sha256:${sha256("base")}`,
        "org.opencontainers.image.base.name": "docker.io/library/debian:12",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z"
      }
    })
  })
})
