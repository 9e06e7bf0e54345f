/** Laws of builds one after the other. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { StepId } from "../../src/domain/Digest.ts"
import { MissingSecret, StepFailed } from "../../src/interpreters/Engine.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { CopyError } from "../../src/interpreters/Store.ts"
import { copy, failedWith, LogView, run } from "../interpreters/builds.ts"
import type { Judged, Law, SecretPlace } from "./engineSubject.ts"
import { makeGate } from "./gate.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const engineBuildLaws = (law: Law): void => {
  resultLaws(law)
  failureLaws(law)
  secretLaws(law)
  cacheLaws(law)
}

const resultLaws = (law: Law): void => {
  law(
    "a build logs its operations and the output of its commands; again, it executes nothing and replays them",
    (judged) =>
      Effect.gen(function* () {
        const log = new LogView()
        const request = {
          spec: judged.spec([run("echo Append; echo runner >> base-id"), run("cat base-id")]),
          onEvent: log.onEvent
        }
        const id = yield* judged.once(request)
        expect(yield* judged.text(id, "base-id")).toBe("base-distro\nrunner\n")
        const { home } = judged.subject
        expect(log.text).toBe(
          `${judged.beginning("saved")}${home}: (run (shell "echo Append; echo runner >> base-id"))\nAppend\n---> saved\n` +
            `${home}: (run (shell "cat base-id"))\nbase-distro\nrunner\n---> saved\n`
        )
        const before = log.text
        log.text = ""
        expect(yield* judged.apart(request)).toBe(id)
        expect(log.text).toBe(before.replaceAll("---> saved", "---> using from cache"))
        expect(judged.commands).toHaveLength(2)
        expect(judged.unpacked).toBe(1)
      })
  )

  law("a build reuses what it has in common with another", (judged) =>
    Effect.gen(function* () {
      yield* judged.apart({ spec: judged.spec([run("echo A"), run("echo B")]) })
      yield* judged.once({ spec: judged.spec([run("echo A"), run("echo C")]) })
      expect(judged.scripts).toEqual(["echo A", "echo B", "echo C"])
      expect(judged.unpacked).toBe(1)
    })
  )

  law("a command has what the spec set, over the base's environment", (judged) =>
    Effect.gen(function* () {
      judged.environment = [
        { name: "A", value: "base" },
        { name: "B", value: "base" }
      ]
      const { gid, uid } = judged.subject.user ?? { uid: 1000, gid: 1000 }
      const value = 'it\'s "$x" `y` \\ é'
      const text = yield* judged.shown({
        spec: judged.spec([
          { _tag: "Env", name: "B", value },
          { _tag: "Workdir", path: judged.at("w x/y") },
          { _tag: "User", user: { _tag: "Unix", uid, gid } },
          run('echo "$A $B"; pwd; id -u; id -g'),
          run("echo shared", { network: ["host"] })
        ])
      })
      expect(text).toBe(
        `---> saved\nbase ${value}\n${judged.at("w x/y")}\n${uid}\n${gid}\n---> saved\nshared\n---> saved\n`
      )
      expect(judged.commands).toMatchObject([
        { network: "none", hostname: "builder" },
        { network: "host", hostname: "builder" }
      ])
    })
  )

  law("a copy of contents puts what directories hold, and files, below its destination", (judged) =>
    Effect.gen(function* () {
      const id = yield* judged.once({
        context: TreeSource.fromTree(
          FileTree.make({ "src/sub/a": "a", "src/b": "b", c: "c", empty: { directory: true } })
        ),
        spec: judged.spec(
          [
            copy(["src", "c"], `${judged.at("app")}/`, { contents: true }),
            copy([judged.at("out"), judged.at("file")], `${judged.at("app/taken")}/`, {
              contents: true,
              from: "tools"
            }),
            copy(["empty"], `${judged.at("made")}/`, { contents: true }),
            copy(["src"], judged.at("named"), { contents: true })
          ],
          { tools: judged.spec([run("mkdir out; echo x > out/tool; echo y > file")]) }
        )
      })
      expect(yield* judged.added(id)).toEqual(
        [
          "app",
          "app/b",
          "app/c",
          "app/sub",
          "app/sub/a",
          "app/taken",
          "app/taken/file",
          "app/taken/tool",
          "made",
          "named",
          "named/b",
          "named/sub",
          "named/sub/a"
        ].map((path) => judged.kept(path))
      )
    })
  )

  law("a copy from a nested build is another one for a mode there only if it preserves modes", (judged) =>
    Effect.gen(function* () {
      const build = (mode: string, preserve: Pick<Parameters<typeof copy>[2] & {}, "preserve">) =>
        judged.once({
          spec: judged.spec(
            [copy([judged.at("f")], judged.at("g"), { from: "tools", ...preserve }), run("echo next")],
            {
              tools: judged.spec([run(`echo x > f; chmod ${mode} f`)])
            }
          )
        })
      const kept = yield* build("640", { preserve: ["modes"] })
      const other = yield* build("600", { preserve: ["modes"] })
      const plain = yield* build("640", {})
      expect([yield* build("600", {}), yield* build("640", { preserve: ["modes"] })]).toEqual([plain, kept])
      const modeOf = (id: StepId) => Effect.map(judged.contents(id), (all) => all[judged.kept("g")]?.slice(0, 9))
      expect([yield* modeOf(kept), yield* modeOf(other), yield* modeOf(plain)]).toEqual([
        "file 0640",
        "file 0600",
        "file 0644"
      ])
      expect(judged.scripts.filter((script) => script === "echo next")).toHaveLength(3)
    })
  )

  law("a build copies from the source directory and from nested builds", (judged) =>
    Effect.gen(function* () {
      const id = yield* judged.once({
        context: TreeSource.fromTree(FileTree.make({ "src/main.ts": "main", "src/.git/x": "" })),
        spec: judged.spec(
          [
            copy([judged.at("out")], judged.at(""), { from: "tools" }),
            copy(["src"], `${judged.at("app")}/`, { exclude: [".git"] }),
            run("echo more >> app/src/main.ts; cat app/src/main.ts")
          ],
          { tools: judged.spec([run("mkdir out; echo x > out/tool; chmod 755 out/tool; ln -s tool out/link")]) }
        )
      })
      expect(yield* judged.added(id)).toEqual(
        ["app", "app/src", "app/src/main.ts", "out", "out/link", "out/tool"].map((path) => judged.kept(path))
      )
      const all = yield* judged.contents(id)
      expect(all[judged.kept("app/src/main.ts")]).toMatch(/^file 0644 \d+:\d+ mainmore\n$/)
      expect(all[judged.kept("out/tool")]).toMatch(/^file 0755 \d+:\d+ x\n$/)
      expect(all[judged.kept("out/link")]).toMatch(/^link \d+:\d+ tool$/)
    })
  )
}

const failureLaws = (law: Law): void => {
  law("a build keeps what a failed step needed, but not the step", (judged) =>
    Effect.gen(function* () {
      const failing = { spec: judged.spec([run("echo 1 > a"), run("echo lost > b; exit 3"), run("echo never")]) }
      for (let n = 1; n <= 2; n++) {
        expect(failedWith(yield* Effect.flip(n === 1 ? judged.apart(failing) : judged.once(failing)))).toEqual({
          _tag: "Exit",
          status: 3
        })
      }
      expect(judged.scripts).toEqual(["echo 1 > a", "echo lost > b; exit 3", "echo lost > b; exit 3"])
      expect(yield* judged.results).toHaveLength(2)
      const id = yield* judged.once({ spec: judged.spec([run("echo 1 > a"), run("echo 2 > c")]) })
      expect(yield* judged.added(id)).toEqual([judged.kept("a"), judged.kept("c")])
      expect(judged.commands).toHaveLength(4)
    })
  )

  law("a build fails at the copy whose source changed after planning, and keeps nothing of it", (judged) =>
    Effect.gen(function* () {
      let text = "before"
      const error = yield* Effect.flip(
        judged.once({
          context: TreeSource.make(() => FileTree.make({ f: text })),
          spec: judged.spec([run("echo first"), copy(["f"], judged.at("f"))]),
          onEvent: (event) => Effect.sync(() => (event._tag === "Output" ? void (text = "after!") : undefined))
        })
      )
      expect(error instanceof StepFailed && error.reason).toBeInstanceOf(CopyError)
      expect(yield* judged.results).toHaveLength(2)
    })
  )
}

const PLACES: readonly [SecretPlace, SecretPlace] = [
  { target: "/testsecret", word: "/testsecret" },
  { target: "/run/secrets/test2", word: "/run/secrets/test2" }
]

const secretLaws = (law: Law): void => {
  const requestOf = (judged: Judged) => {
    const [first, second] = judged.subject.secrets ?? PLACES
    return {
      spec: judged.spec([
        run(`cat ${first.word} > out; echo + >> out; cat ${second.word}`, {
          secrets: { test: first.target, test2: second.target }
        }),
        run(`cat out; for place in ${first.word} ${second.word}; do [ ! -e $place ] || echo $place; done`)
      ])
    }
  }

  law("secrets are files for one step, and not part of its result", (judged) =>
    Effect.gen(function* () {
      const log = new LogView({ headings: false })
      const id = yield* judged.once({
        ...requestOf(judged),
        secrets: new Map([
          ["test", bytes("top secret value")],
          ["test2", bytes("other\n")]
        ]),
        onEvent: log.onEvent
      })
      expect(log.text).toBe("---> saved\nother\n---> saved\ntop secret value+\n---> saved\n")
      expect(yield* judged.added(id)).toEqual([judged.kept("out")])
    })
  )

  law("secrets have values that do not matter to what is cached", (judged) =>
    Effect.gen(function* () {
      const request = requestOf(judged)
      const of = (value: string) => new Map(["test", "test2"].map((name) => [name, bytes(value)]))
      const first = yield* judged.once({ ...request, secrets: of("1") })
      expect(yield* judged.once({ ...request, secrets: of("2") })).toBe(first)
      expect(judged.commands).toHaveLength(2)
    })
  )

  law("secrets that are missing fail the build before anything runs", (judged) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(judged.once({ ...requestOf(judged), secrets: new Map([["test", bytes("")]]) }))
      expect(error).toBeInstanceOf(MissingSecret)
      expect(error instanceof MissingSecret && error.id).toBe("test2")
      expect(judged.commands).toEqual([])
      expect(judged.unpacked).toBe(0)
    })
  )
}

const cacheLaws = (law: Law): void => {
  law("caches are seen by later steps and builds, and are not part of a result", (judged) =>
    Effect.gen(function* () {
      const caches = { c: judged.at("cache") }
      const first = yield* judged.once({ spec: judged.spec([run("echo 1 > cache/f", { caches })]) })
      expect(yield* judged.added(first)).toEqual([])
      const text = yield* judged.shown({
        spec: judged.spec([
          run("cat cache/f; echo 2 >> cache/f", { caches }),
          run("cat elsewhere/f", { caches: { c: judged.at("elsewhere") } })
        ])
      })
      expect(text).toBe("---> using from cache\n1\n---> saved\n1\n2\n---> saved\n")
    })
  )

  law("caches keep what a failed step left", (judged) =>
    Effect.gen(function* () {
      const caches = { c: judged.at("cache") }
      yield* Effect.flip(judged.apart({ spec: judged.spec([run("echo 1 > cache/f; exit 1", { caches })]) }))
      const text = yield* judged.shown({ spec: judged.spec([run("cat cache/f", { caches })]) })
      expect(text).toBe("---> using from cache\n1\n---> saved\n")
    })
  )

  law(
    "caches that many steps use at once do not make them wait for each other, where steps can run at the same time",
    (judged) =>
      Effect.gen(function* () {
        const gates = [makeGate(), makeGate()]
        const [one, two] = gates.map(({ command }, n) =>
          judged.spec([run(`echo ${n} > c/f; ${command}`, { caches: { c: judged.at("c") } })])
        )
        if (one === undefined || two === undefined) return
        const fiber = yield* Effect.forkScoped(judged.once({ spec: judged.spec([], { one, two }), jobs: 2 }))
        yield* judged.pass(gates)
        yield* Fiber.join(fiber)
      })
  )
}
