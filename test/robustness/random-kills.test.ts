/**
 * Builds that are killed at random moments, on every kind of store. Whatever
 * happens, building again gives the same result, byte for byte, every result
 * that was there still is, and nothing is left.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { datasetAt, disk, type DiskKind } from "../interpreters/store/disk.ts"
import { describeWith, type Requirement } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { leftBy, temporaryIn } from "./leftovers.ts"
import { Program } from "./program.ts"

const program = new Program("kills")
const at = (name: string): string => program.path(name)

/** Two files and directories only differ by when they were made: the last step makes that the same. */
const spec = () => `
((build tool
  ((from rootfs:${at("base")}) (shell /bin/sh -c)
   (run (cache (c (target /c))) (shell "echo x >> /c/f; mkdir /out; echo tool > /out/tool"))))
 (build data ((from scratch) (copy (src many) (dst /many))))
 (from rootfs:${at("base.tar.gz")}) (shell /bin/sh -c)
 (copy (src medium many) (dst /data/))
 (copy (from (build tool)) (src /out) (dst /out))
 (copy (from (build data)) (src /many) (dst /again))
 (run (cache (c (target /c))) (shell "echo y >> /c/f; rm -r /again; echo done > /done"))
 (run (shell "find / -xdev -exec touch -h -d @0 {} + 2>/dev/null; true")))`

interface Kind {
  readonly name: string
  readonly needs: ReadonlyArray<Requirement>
  readonly disk?: DiskKind
  /** What names a store that is in a directory, if not the directory. */
  readonly place?: (path: string) => string
  readonly words?: ReadonlyArray<string>
}

const kinds: ReadonlyArray<Kind> = [
  { name: "overlayfs", needs: ["overlay"] },
  { name: "btrfs", needs: ["btrfs"], disk: "btrfs" },
  { name: "xfs", needs: ["xfs"], disk: "xfs" },
  { name: "zfs", needs: ["zfs"], disk: "zfs", place: datasetAt },
  { name: "rsync", needs: [], words: ["--rsync-mode=hardlink"] }
]

/** A small generator of numbers from 0 to 1: mulberry32, by Tommy Ettinger, in the public domain. */
const randoms = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const SEED = 20261122
/** On each kind of store. */
const KILLS = 10
/** On one store, one after the other. */
const IN_A_ROW = 5

for (const kind of kinds) {
  describeWith(["root", "runc", "busybox", "tar", ...kind.needs], `on ${kind.name}, a build`, () => {
    const place = kind.disk === undefined ? { path: at(kind.name) } : disk(kind.disk)
    const named = (store: string) => `--store=${kind.name}:${kind.place?.(store) ?? store}`
    const words = (store: string) => [
      named(store),
      ...(kind.words ?? []),
      "-f",
      at("spec"),
      at("source")
    ]
    const start = (store: string) => program.start(["build", ...words(store)])

    /** Builds to the end; gives the digest of all that is in the result. */
    const build = async (store: string): Promise<string> => {
      const id = await program.builds(words(store), { store })
      const file = at("exported.tar")
      const exported = await program.run(["export", named(store), "--format=tar", "-o", file, id])
      expect(exported).toEqual({ status: 0, signal: null, stdout: "", stderr: "" })
      return createHash("sha256").update(Fs.readFileSync(file)).digest("hex")
    }

    const results = (store: string): Readonly<Record<string, string>> =>
      Fs.existsSync(`${store}/results`)
        ? Object.fromEntries(
            Fs.readdirSync(`${store}/results`).map((id) => [
              id,
              Fs.readFileSync(`${store}/results/${id}/meta.json`, "utf8")
            ])
          )
        : {}

    let expected = ""
    /** Milliseconds that a build takes which is left alone. */
    let duration = 0

    beforeAll(async () => {
      Fs.mkdirSync(place.path, { recursive: true })
      if (!Fs.existsSync(at("base"))) {
        makeBase(at("base"))
        execFileSync("tar", ["-czf", at("base.tar.gz"), "-C", at("base"), "."])
        program.write("source/medium", Buffer.alloc(4 << 20, "medium"))
        for (let n = 0; n < 300; n++) program.write(`source/many/${n % 10}/${n}`, `${n}\n`.repeat(n))
        program.write("spec", spec())
      }
      const began = Date.now()
      await start(`${place.path}/timed`).ended
      duration = Date.now() - began
      expected = await build(`${place.path}/timed`)
    })

    const killAfter = async (store: string, fraction: number): Promise<number> => {
      const running = start(store)
      await new Promise((resolve) => setTimeout(resolve, fraction * duration))
      running.kill("SIGKILL")
      await running.ended
      return running.pid
    }

    const check = async (store: string, dead: ReadonlyArray<number>): Promise<void> => {
      const before = results(store)
      expect(await build(store)).toBe(expected)
      expect(results(store)).toMatchObject(before)
      expect([...temporaryIn(store), ...dead.flatMap((pid) => leftBy(pid, store))]).toEqual([])
      expect(Fs.readdirSync(`${store}/making`)).toEqual([])
    }

    const random = randoms(SEED)
    const fractions = Array.from({ length: KILLS }, () => random())

    it.each(fractions.map((fraction) => [fraction.toFixed(3), fraction] as const))(
      `that is killed after %s of its time is built again to the same result (seed ${SEED})`,
      async (text, fraction) => {
        const store = `${place.path}/random-${text}`
        await check(store, [await killAfter(store, fraction)])
      }
    )

    it("that is killed again and again gets on, and comes to the same result", async () => {
      const store = `${place.path}/again`
      const dead: Array<number> = []
      for (let n = 0; n < IN_A_ROW; n++) dead.push(await killAfter(store, 0.3 + random() / 2))
      await check(store, dead)
    })
  })
}
