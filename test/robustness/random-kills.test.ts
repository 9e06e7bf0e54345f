/**
 * Processes that are killed at random moments, on every kind of store: builds,
 * and what makes room beside them. Whatever happens, building again gives the
 * same result, byte for byte, the store is whole, and nothing is left.
 *
 * `OBUILDER_KILLS` says how many are killed on each kind, `OBUILDER_SEED` when.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { leftBy, temporaryIn } from "./leftovers.ts"
import { Program } from "./program.ts"
import { placeFor, storeKinds } from "./stores.ts"

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

/** A small generator of numbers from 0 to 1: mulberry32, by Tommy Ettinger, in the public domain. */
const randoms = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const SEED = Number(process.env["OBUILDER_SEED"] ?? 20261122)
/** On each kind of store. */
const KILLS = Number(process.env["OBUILDER_KILLS"] ?? 10)
/** Killed in one test, on one store, one after the other. */
const IN_A_ROW = 10
/** Milliseconds for one of them, with what is checked after it. */
const LONGEST_MS = 20_000

for (const kind of storeKinds) {
  describeWith(["root", "runc", "busybox", "tar", ...kind.needs], `on ${kind.name}`, () => {
    const place = placeFor(kind, at(kind.name.replaceAll(" ", "-")))
    const storeOf = (name: string): string => `${place.path}/${name}`
    const build = (store: string) => ["build", ...kind.words(store), "-f", at("spec"), at("source")]
    const words = (store: string, command: ReadonlyArray<string>) =>
      [...command, ...kind.words(store)].filter(
        // Only a build is told how an rsync store keeps results.
        (word) => !word.startsWith("--rsync-mode")
      )

    const succeeds = async (args: ReadonlyArray<string>): Promise<string> => {
      const { status, stderr, stdout } = await program.run(args)
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" })
      return stdout
    }

    /** The digest of all that is in a result. */
    const contents = async (store: string, built: string): Promise<string> => {
      const [, id = ""] = /^Got: "([0-9a-f]{64})"$/m.exec(built) ?? []
      const file = at("exported.tar")
      await succeeds([...words(store, ["export", "--format=tar"]), "-o", file, id])
      return createHash("sha256").update(Fs.readFileSync(file)).digest("hex")
    }

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
      const store = storeOf("timed")
      const began = Date.now()
      const built = await succeeds(build(store))
      duration = Date.now() - began
      expected = await contents(store, built)
    })

    const random = randoms(SEED)

    /** What is killed: mostly a build. */
    const victim = (store: string): ReadonlyArray<string> => {
      const choice = random()
      if (choice < 0.7) return build(store)
      return words(store, choice < 0.85 ? ["prune", "--max-items=4"] : ["clean"])
    }

    const rows = Array.from({ length: Math.ceil(KILLS / IN_A_ROW) }, (_, row) => row)

    it.each(rows)(
      `whatever is killed, the store stays whole, and builds come to the same (${IN_A_ROW} kills, the %dth time, seed ${SEED})`,
      async (row) => {
        const store = storeOf(`random-${row}`)
        for (let kill = 0; kill < IN_A_ROW; kill++) {
          // Nothing, less or more is there to begin with.
          const choice = Fs.existsSync(store) ? random() : 1
          if (choice < 0.4) await succeeds(words(store, ["clean", "-q"]))
          else if (choice < 0.8)
            await succeeds(words(store, ["prune", "-q", `--max-items=${1 + Math.floor(random() * 6)}`]))
          const args = victim(store)
          const running = program.start(args)
          await new Promise((resolve) => setTimeout(resolve, random() * duration))
          running.kill("SIGKILL")
          await running.ended
          const said = `${args[0] ?? ""} was killed, the ${kill}th of this store`
          const built = await succeeds(build(store))
          expect([...temporaryIn(store), ...leftBy(running.pid, store)], said).toEqual([])
          expect(Fs.readdirSync(`${store}/making`), said).toEqual([])
          expect(await succeeds(words(store, ["fsck"])), said).toContain("all is well")
          if (kill % 3 === 0) expect(await contents(store, built), said).toBe(expected)
        }
        await succeeds(words(store, ["clean"]))
        for (const name of ["results", "squashed", "planned", "hashes", "making", "tmp", "trees"]) {
          const directory = `${store}/${name}`
          expect(Fs.existsSync(directory) ? Fs.readdirSync(directory) : []).toEqual([])
        }
      },
      IN_A_ROW * LONGEST_MS
    )
  })
}
