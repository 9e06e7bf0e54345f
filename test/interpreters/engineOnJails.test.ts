/** What only builds in jails, on ZFS, have, on the stand-ins for the programs of both. Their laws are in `engineLawsOnJails.test.ts`. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { afterEach, beforeAll } from "vitest"
import type { StepId } from "../../src/domain/Digest.ts"
import type { Op } from "../../src/domain/Spec.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as JailSandbox from "../../src/interpreters/sandbox/JailSandbox.ts"
import { Store } from "../../src/interpreters/Store.ts"
import * as ZfsStore from "../../src/interpreters/store/ZfsStore.ts"
import { contents } from "../laws/tar.ts"
import { describeWith } from "../requirements.ts"
import { fillFreeBsd } from "../standins/image.ts"
import { forTests, mountsBelow, pretend } from "../standins/standIns.ts"
import { build, LogView, type Request, run, spec } from "./builds.ts"

/** What a spec's commands are run with where it says nothing else. */
const addBash = (path: string): void =>
  Fs.writeFileSync(`${path}/bin/bash`, '#!/bin/sh\nexec sh "$@"\n', { mode: 0o755 })

describeWith(["root", "busybox"], "a build in jails, on zfs", () => {
  pretend("freebsd")
  const standIns = forTests(["zfs", "jail", "jexec", "umount"])
  const base = `rootfs:${standIns.path}/base`
  let pool = ""
  let count = 0

  beforeAll(() => {
    pool = standIns.pool("tank")
    fillFreeBsd(`${standIns.path}/base`)
    Fs.writeFileSync(`${standIns.path}/base/base-id`, "base-distro\n")
    addBash(`${standIns.path}/base`)
  })
  // Of a pool, nothing but that and its stores.
  afterEach(() => {
    expect(mountsBelow(pool).filter((path) => !/^\/s\d+$/.test(path.slice(pool.length)))).toEqual([])
    expect(mountsBelow(standIns.path).filter((path) => path.includes("/jails/"))).toEqual([])
    expect(Fs.existsSync(`${standIns.path}/run`) ? Fs.readdirSync(`${standIns.path}/run`) : []).toEqual([])
    expect(Fs.existsSync(`${standIns.path}/state/jails`) ? Fs.readdirSync(`${standIns.path}/state/jails`) : []).toEqual(
      []
    )
  })

  const newStore = (): string => `tank/s${++count}`

  /** Runs an effect with the services of a process. */
  const inProcess =
    (dataset: string) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>) => {
      const services = Layer.mergeAll(
        ZfsStore.layer({ dataset }),
        JailSandbox.layer({ stateDirectory: `${standIns.path}/run` }),
        LocalBaseImages.layer({ sourceDirectory: standIns.path })
      )
      return Effect.provide(effect, Layer.provideMerge(Engine.layer, services))
    }

  const buildIn = (dataset: string, request: Request) => inProcess(dataset)(build(request))
  const filesOf = (dataset: string, id: StepId) =>
    inProcess(dataset)(Effect.flatMap(Store, (store) => contents(store, id)))
  const runs = (): number => standIns.calls().filter(([program]) => program === "jexec").length

  it.live("runs commands as the spec has it: shell, directory, user, variables, network", () =>
    Effect.gen(function* () {
      const store = newStore()
      const log = new LogView()
      const show =
        "pwd; id -u; id -g; hostname; echo $A $HOME; test -e /dev/null && echo dev; ip link show lo | grep -c LOOPBACK,UP"
      const ops: ReadonlyArray<Op> = [
        { _tag: "Env", name: "A", value: 'it\'s "$x" `y` \\ é' },
        { _tag: "Workdir", path: "/w x/y" },
        { _tag: "User", user: { _tag: "Unix", uid: 1000, gid: 1000 } },
        run(show),
        run("hostname", { network: ["host"] })
      ]
      yield* buildIn(store, { spec: spec(base, ops), onEvent: log.onEvent })
      expect(log.text).toContain('/w x/y\n1000\n1000\nbuilder\nit\'s "$x" `y` \\ é /\ndev\n1\n---> saved\n')
      const [alone, shared] = standIns
        .calls()
        .filter(([program, , operation]) => program === "jail" && operation === "-c")
        .slice(-2)
      expect(alone).toEqual(expect.arrayContaining(["vnet", "exec.start=/sbin/ifconfig lo0 inet 127.0.0.1/8 up"]))
      expect(shared).toEqual(expect.arrayContaining(["ip4=inherit", "ip6=inherit"]))
    })
  )

  it.live("has caches that are kept, and secrets that are not", () =>
    Effect.gen(function* () {
      const store = newStore()
      const log = new LogView()
      const secrets = new Map([["token", new TextEncoder().encode("s3cret")]])
      const options = { caches: { c: "/var/cache" }, secrets: { token: "/run/secrets/token" } }
      const id = yield* buildIn(store, {
        spec: spec(base, [
          run("cat /run/secrets/token; echo; echo kept > /var/cache/file", options),
          run("cat /var/cache/file", options)
        ]),
        secrets,
        onEvent: log.onEvent
      })
      expect(log.text).toMatch(/\ns3cret\n(?:.*\n)*kept\n/)
      const paths = Object.keys(yield* filesOf(store, id))
      expect(paths.filter((path) => /secret|^\/run|^\/var/.test(path))).toEqual([])
      expect(JSON.stringify(standIns.calls())).not.toContain("s3cret")
    })
  )

  it.live("starts from a snapshot, which is cloned and not copied", () =>
    Effect.gen(function* () {
      const store = newStore()
      const zfs = (...words: ReadonlyArray<string>) =>
        expect(standIns.run("zfs", ...words)).toMatchObject({ status: 0 })
      zfs("create", "tank/base")
      fillFreeBsd(`${pool}/base`)
      addBash(`${pool}/base`)
      Fs.writeFileSync(`${pool}/base/version`, "1\n")
      zfs("snapshot", "tank/base@one")
      const from = spec("zfs:tank/base@one", [run("cat /version > /seen")])
      const id = yield* buildIn(store, { spec: from })
      expect((yield* filesOf(store, id))["/seen"]).toContain("1\n")
      const trees = standIns.run("zfs", "list", "-H", "-r", "-o", "origin", store).stdout
      expect(trees.split("\n")).toContain("tank/base@one")
      // By its guid: under another name it is the same.
      const before = runs()
      zfs("snapshot", "tank/base@two")
      expect(yield* buildIn(store, { spec: from })).toBe(id)
      expect(runs()).toBe(before)
      expect(yield* buildIn(store, { spec: { ...from, from: "zfs:tank/base@two" } })).not.toBe(id)
      const missing = yield* Effect.flip(buildIn(store, { spec: { ...from, from: "zfs:tank/base@none" } }))
      expect(JSON.stringify(missing)).toContain("dataset does not exist")
      const elsewhere = yield* Effect.flip(buildIn(newStore(), { spec: { ...from, from: "zfs:other/base@one" } }))
      expect(JSON.stringify(elsewhere)).toContain("dataset does not exist")
      // It goes before the snapshot that it needs.
      zfs("destroy", "-r", store)
      zfs("destroy", "-r", "tank/base")
    })
  )
})
