/**
 * The reference builds on macOS, as far as they make sense there. What they have
 * at the root of an image is in the home, what is anybody's is the user's, and
 * what a step finds out of those is not compared.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Fs from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as SpecText from "../../src/domain/SpecText.ts"
import type { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import { GID, homeOf } from "../../src/interpreters/sandbox/UserSandbox.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { plan } from "../../src/plan/Planner.ts"
import { giveToUser, macEngine } from "../interpreters/macBuilds.ts"
import { describeWith } from "../requirements.ts"
import { forMac } from "../standins/mac.ts"
import { mountsBelow, pretend } from "../standins/standIns.ts"
import { type BuildCase, expectCase, readCases, type TreeEntry, writeBase, writeContext } from "./buildCases.ts"

/** What the user of these may not write to is not his home here. */
const OTHER_USERS = new Set(["build-006", "build-019"])

/** There is no such thing as Linux's `/proc`. */
const cases = readCases().filter(({ id, spec }) => !spec.includes("/proc/") && !OTHER_USERS.has(id))

describeWith(["root", "busybox"], "the reference builds, on the backend of macOS", () => {
  pretend("darwin")
  const mac = forMac(60_702)
  const { uid } = mac.options
  const home = homeOf(uid)
  const base = `${mac.path}/base`
  let runtime: ManagedRuntime.ManagedRuntime<BaseImages | Engine | Store, unknown>

  beforeAll(() => {
    mac.pool("tank")
    // Commands are the machine's: what the base has of them is never looked at.
    writeBase(`${base}/home`, [])
    Fs.mkdirSync(`${base}/brew`)
    giveToUser(mac, base)
    runtime = ManagedRuntime.make(macEngine(mac, "tank/store"))
  })
  afterAll(async () => {
    await runtime.dispose()
    expect(mountsBelow(mac.root)).toEqual([])
    expect(Fs.readdirSync(`${mac.options.stateDirectory}/${uid}`)).toEqual(["lock"])
  })

  const build = (one: BuildCase) =>
    Effect.gen(function* () {
      const text = one.spec
        .replaceAll("(shell /bin/sh -c)", "(shell SHELL)\n (workdir /)")
        .replaceAll(/(?<=[\s">])\/(?=[\w.]|[\s")])/g, `${home}/`)
        .replaceAll("(shell SHELL)", "(shell /bin/sh -c)")
        .replaceAll(`(env PATH ${home}/bin)`, "(env PATH /bin)")
        .replaceAll(/\(uid \d+\) \(gid \d+\)/g, `(uid ${uid}) (gid ${GID})`)
        .replaceAll("(from BASE)", `(from rootfs:${base})`)
      const { spec } = yield* SpecText.parse(text, { file: `${one.id}.spec` })
      const context = yield* SourceDirectory.make({ path: `${mac.path}/${one.id}` })
      const inputs = yield* observe(spec, context)
      const engine = yield* Engine
      const store = yield* Store
      const { id } = yield* engine.build({
        plan: yield* plan(spec, inputs),
        inputs,
        context,
        secrets: new Map(),
        jobs: 2,
        onEvent: () => Effect.void
      })
      const chunks: Array<Uint8Array> = []
      yield* store.tar(id, (chunk) => Effect.sync(() => void chunks.push(chunk)))
      return Buffer.concat(chunks)
    })

  /** What of a result is in its home, as the cases have it. */
  const atRoot = (tree: ReadonlyArray<TreeEntry>): ReadonlyArray<TreeEntry> =>
    tree.flatMap((entry) => {
      if (!entry.path.startsWith("/home/")) return []
      const own = { ...entry, path: entry.path.slice("/home".length) }
      return [entry.target?.startsWith(home) === true ? { ...own, target: entry.target.slice(home.length) } : own]
    })

  /** Everything is the user's, whoever's it is in the case. */
  const owned = (tree: ReadonlyArray<TreeEntry>): ReadonlyArray<TreeEntry> =>
    tree.map((entry) => {
      const { sha256: _, size: __, ...rest } = entry
      const own = entry.path === "/out" ? rest : entry
      return entry.uid === undefined ? own : { ...own, uid, gid: GID }
    })

  it.each(cases.map((one) => [one.id, one] as const))("%s", async (_id, one) => {
    writeContext(`${mac.path}/${one.id}`, one.context)
    const exit = await runtime.runPromiseExit(Effect.either(build(one)))
    await expectCase(one, exit, (tree, expected) => {
      const own = atRoot(tree).map((entry) =>
        entry.path === "/out" ? { ...entry, sha256: undefined, size: undefined } : entry
      )
      return [own as ReadonlyArray<TreeEntry>, owned(expected)]
    })
  })
})
