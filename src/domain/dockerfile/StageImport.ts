/** One stage on its way into a spec: the operations so far, and what those that follow depend on. */
import type { ImageSettings } from "../ImageSettings.ts"
import type { Variable } from "../Inputs.ts"
import type { Span } from "../Span.ts"
import { type Copy, type Op, root, type Run, type User } from "../Spec.ts"
import type { Dockerfile, Instruction, Range } from "./Dockerfile.ts"
import type { ContextCopy } from "./ContextCopies.ts"
import { absolute, into, isWithin, parentOf } from "./ImagePaths.ts"
import type { FactBook, ImportOptions } from "./ImportFacts.ts"
import type { Note } from "./Imported.ts"
import { ImportRefused } from "./ImportRefused.ts"
import { makeDirectory } from "./MakeDirectory.ts"
import { directoryOwner, userOf } from "./UserText.ts"
import type { Stages } from "./ImportStages.ts"
import { ofDirectory } from "./TodaysFiles.ts"
import { type Expand, type Expansion, expander, expandDocument, expandWords } from "./ImportVariables.ts"
import { DEFAULT_PATH, platformArguments } from "./PlatformArguments.ts"

/** What all stages share. */
export interface Whole {
  readonly dockerfile: Dockerfile
  readonly options: ImportOptions
  readonly book: FactBook
  readonly stages: Stages
  readonly spans: Map<object, Span>
  readonly notes: Array<Note>
  /** Bases of which it was said that nobody looks at them. */
  readonly unseen: Set<string>
  /** The name of the nested build for what a `--from` names. Throws `ImportRefused`. */
  readonly buildFor: (from: string, of: StageImport) => string
}

/** Docker's. */
const SHELL: ReadonlyArray<string> = ["/bin/sh", "-c"]

/** What Linux takes no path beyond. */
const MAX_WORKDIR = 4095

/** What a stage hands on to one that is built on it. */
interface Changing {
  /** What ENV has set. */
  readonly environment: Map<string, string>
  /** What ENV and ARG have set: the later of the two counts. */
  readonly values: Map<string, string>
  /** What ARG has set, and only a RUN is to see: no operation yet, so that no other step is made anew with the value. */
  readonly unwritten: Map<string, { readonly value: string; readonly by: Instruction }>
  /** What ARG has declared. */
  readonly declared: Set<string>
  user: User
  workdir: string
  /** Whether the Dockerfile has named one, and whether it is known at all. */
  namesWorkdir: boolean
  knowsWorkdir: boolean
  shell: ReadonlyArray<string>
  /** What the operations so far have set. A spec that has set no shell has one nevertheless, which no Dockerfile means. */
  written: { readonly user: User; readonly shell: ReadonlyArray<string> | undefined }
  /** The working directory, where nothing so far has made it. */
  unmade: string | undefined
  /** Directories that are there for sure. */
  readonly made: Set<string>
  settings: Omit<ImageSettings, "labels" | "ports" | "volumes">
  /** The stage's own, by their names: those of the stage that it is built on are with that. So are ports and volumes. */
  readonly labels: Map<string, string>
  readonly ports: Set<string>
  /** How many EXPOSE has named, in the stages that this one is built on too. */
  portsNamed: number
  readonly volumes: Set<string>
  /** Whether CMD was said since the base. */
  hasCommand: boolean
}

const fresh = (): Changing => ({
  environment: new Map(),
  values: new Map(),
  unwritten: new Map(),
  declared: new Set(),
  user: root,
  workdir: "/",
  namesWorkdir: false,
  knowsWorkdir: false,
  shell: SHELL,
  written: { user: root, shell: undefined },
  unmade: undefined,
  made: new Set(["/"]),
  settings: {},
  labels: new Map(),
  ports: new Set(),
  portsNamed: 0,
  volumes: new Set(),
  hasCommand: false
})

const inherited = (from: Changing): Changing => ({
  ...from,
  environment: new Map(from.environment),
  values: new Map(from.values),
  unwritten: new Map(from.unwritten),
  declared: new Set(from.declared),
  made: new Set(from.made),
  labels: new Map(),
  ports: new Set(),
  volumes: new Set(),
  hasCommand: false
})

export class StageImport {
  readonly whole: Whole
  /** As the spec's `(from …)` has it. */
  readonly base: string
  private readonly from: Span
  /** The stage that this one is built on. */
  private readonly parent: StageImport | undefined
  readonly ops: Array<Op>
  readonly now: Changing
  private instruction: Instruction
  private readonly missed = new Set<string>()
  private readonly platform: ReadonlyMap<string, string>

  constructor(whole: Whole, instruction: Instruction, on: { readonly base: string } | { readonly stage: StageImport }) {
    this.whole = whole
    this.instruction = instruction
    this.platform = platformArguments(whole.options.platform)
    this.parent = "stage" in on ? on.stage : undefined
    if ("stage" in on) {
      this.base = on.stage.base
      this.from = on.stage.from
      const { now, ops } = on.stage
      const { declared, environment, made, unwritten, values } = now
      whole.book.inherit(
        ops.length + [declared, environment, made, unwritten, values].reduce((n, { size }) => n + size, 0)
      )
      this.ops = [...ops]
      this.now = inherited(now)
      this.takeEnvironment()
    } else {
      this.base = on.base
      this.from = whole.dockerfile.source.span(instruction.range.start, instruction.range.end)
      this.ops = []
      this.now = fresh()
      this.beginAsBase()
    }
  }

  /** What the image of the other stage says counts before what an ARG of that stage has set. */
  private takeEnvironment(): void {
    const { environment, values } = this.now
    const known =
      this.base === "scratch" || values.size === environment.size
        ? undefined
        : this.whole.book.base(this.base, this.from, this.whole.options.looksAtBases === true)
    const image = new Map(known?.environment.map(({ name, value }) => [name, value]))
    for (const [name, value] of environment) image.set(name, value)
    for (const [name, value] of image) {
      if (values.has(name) && values.get(name) !== value) this.arg(name, value)
    }
  }

  private beginAsBase(): void {
    if (this.base === "scratch") return
    const known = this.whole.book.base(this.base, this.from, this.whole.options.looksAtBases === true)
    if (known === undefined) this.noteUnseen()
    const { user, workdir } = known ?? {}
    if (user !== undefined) this.takeUser(user)
    this.now.knowsWorkdir = known !== undefined
    if (workdir === undefined || absolute("/", workdir) === "/") return
    this.now.workdir = absolute("/", workdir)
    this.now.made.add(this.now.workdir)
    this.push({ _tag: "Workdir", path: this.now.workdir })
  }

  private noteUnseen(): void {
    const { options, unseen } = this.whole
    if (options.isKept !== true || unseen.has(this.base)) return
    unseen.add(this.base)
    this.note(
      `${this.base} is not looked at: this begins as root in /, whatever the base's USER and WORKDIR are`,
      "begin with a USER and a WORKDIR of your own, if the base has others"
    )
  }

  /** The Dockerfile may name another one: then it does not matter what this one is. */
  private takeUser(text: string): void {
    try {
      this.now.user = userOf(this, text)
    } catch (error) {
      if (!(error instanceof ImportRefused)) throw error
      this.note(`the base's user is not taken, and root is: ${error.message}`, "begin with a USER of your own")
    }
  }

  /** What follows is said by this instruction. */
  begin(instruction: Instruction): void {
    this.instruction = instruction
  }

  get current(): Instruction {
    return this.instruction
  }

  get baseSpan(): Span {
    return this.from
  }

  refuse(message: string, hint?: string, range: Range = this.instruction.range): never {
    throw new ImportRefused(range, message, hint)
  }

  note(message: string, hint?: string): void {
    const { end, start } = this.instruction.range
    this.whole.notes.push({ span: this.whole.dockerfile.source.span(start, end), message, hint })
  }

  /** Says what holds for today's files only, where the spec is kept for longer. */
  noteToday(message: string | undefined): void {
    if (message === undefined || this.whole.options.isKept !== true) return
    const { end, start } = this.instruction.range
    const span = this.whole.dockerfile.source.span(start, end)
    this.whole.notes.push({ span, message, hint: "import again when files are added", isOfToday: true })
  }

  /** Says it of a directory, and what it came to. */
  noteDirectory(path: string, copies: ReadonlyArray<ContextCopy>, excluded: ReadonlyArray<string> = []): void {
    const { book, options } = this.whole
    if (options.isKept !== true) return
    const patterns = [
      ...(book.facts.patterns ?? []),
      ...excluded.map((one) => (path === "" || one.startsWith("**/") ? one : into(path) + one))
    ]
    for (const _ of patterns) book.look()
    this.noteToday(ofDirectory(path, patterns, copies))
  }

  /** The value of a variable at this point. */
  readonly lookup = (name: string): string | undefined => this.whole.book.substitute(this.valueOf(name))

  private valueOf(name: string): string | undefined {
    const set = this.now.values.get(name)
    if (set !== undefined) return set
    if (this.base === "scratch") return name === "PATH" ? DEFAULT_PATH : undefined
    const known = this.whole.book.base(this.base, this.from, true)
    const found = known?.environment.find((variable) => variable.name === name)
    return found?.value ?? (name === "PATH" ? DEFAULT_PATH : undefined)
  }

  /** The value that ARG gives a variable for which there is no default. */
  argument(name: string): string | undefined {
    const { options, stages } = this.whole
    return options.buildArguments.get(name) ?? stages.globals.get(name) ?? this.platform.get(name)
  }

  private get expansion(): Expansion {
    return {
      instruction: this.instruction,
      escape: this.whole.dockerfile.escape,
      lookup: this.lookup,
      missing: (name) => {
        const key = `${this.instruction.range.start} ${name}`
        if (this.missed.has(key)) return
        this.missed.add(key)
        const isGlobal = this.whole.stages.declared.has(name)
        this.note(
          `${name} is not set here, and is taken as empty`,
          isGlobal
            ? `what an ARG before the first FROM declares is known in a stage after another ARG ${name}`
            : undefined
        )
      }
    }
  }

  get expand(): Expand {
    return expander(this.expansion)
  }

  words(text: string): ReadonlyArray<string> {
    return expandWords(this.expansion, text)
  }

  document(text: string): string {
    return expandDocument(this.expansion, text)
  }

  private push<O extends Op>(op: O, by: Instruction = this.instruction): O {
    const { end, start } = by.range
    this.whole.spans.set(op, this.whole.dockerfile.source.span(start, end))
    this.ops.push(op)
    return op
  }

  private asUser(user: User): void {
    if (sameUser(user, this.now.written.user)) return
    this.push({ _tag: "User", user })
    this.now.written = { ...this.now.written, user }
  }

  private withShell(shell: ReadonlyArray<string>): void {
    const { written } = this.now
    if (written.shell !== undefined && sameWords(shell, written.shell)) return
    this.push({ _tag: "Shell", args: shell })
    this.now.written = { ...written, shell }
  }

  env(name: string, value: string): void {
    this.now.values.set(name, value)
    this.now.unwritten.delete(name)
    this.push({ _tag: "Env", name, value })
  }

  arg(name: string, value: string): void {
    this.now.values.set(name, value)
    this.now.unwritten.delete(name)
    this.now.unwritten.set(name, { value, by: this.instruction })
  }

  private writeArguments(): void {
    for (const [name, { by, value }] of this.now.unwritten) this.push({ _tag: "Env", name, value }, by)
    this.now.unwritten.clear()
  }

  /** A command of the Dockerfile's own, by its own user. */
  run(run: Omit<Run, "_tag">, shell: ReadonlyArray<string> = this.now.shell): void {
    this.writeArguments()
    this.asUser(this.now.user)
    this.withShell(shell)
    this.step(run)
  }

  /** A command that does what an instruction says, by root and Docker's own shell. */
  help(script: string): void {
    this.asUser(root)
    this.withShell(SHELL)
    this.step({ cache: [], network: [], secrets: [], shell: script })
  }

  private step(run: Omit<Run, "_tag">): void {
    const op: Run = { _tag: "Run", ...run }
    for (const mount of [...run.cache, ...run.secrets]) {
      this.whole.spans.set(
        mount,
        this.whole.dockerfile.source.span(this.instruction.range.start, this.instruction.range.end)
      )
    }
    this.push(op)
    this.now.unmade = undefined
    this.now.made.add(this.now.workdir)
  }

  copy(copy: Omit<Copy, "_tag" | "exclude" | "from"> & Partial<Pick<Copy, "exclude" | "from">>, owner: User): void {
    this.keepWorkdir(copy.dst, owner)
    this.asUser(owner)
    this.push({ _tag: "Copy", from: { _tag: "Context" }, exclude: [], ...copy })
    const { unmade } = this.now
    const directory = copy.dst.endsWith("/") ? absolute("/", copy.dst) : parentOf(copy.dst)
    this.now.made.add(directory)
    if (unmade !== undefined && isWithin(directory, unmade)) this.now.unmade = undefined
  }

  /** A copy makes the directories on its way its owner's; the working directory is another's. */
  keepWorkdir(dst: string, owner: User): void {
    const { unmade } = this.now
    const first = (path: string): string => path.split("/", 2).join("/")
    if (unmade !== undefined && !sameUser(owner, root) && first(dst) === first(unmade)) this.makeWorkdir()
  }

  /** That something is a directory, which an operation has just made. */
  isDirectory(path: string): void {
    this.now.made.add(path)
    if (this.now.unmade !== undefined && isWithin(path, this.now.unmade)) this.now.unmade = undefined
  }

  workdir(path: string): void {
    const { knowsWorkdir, unmade, workdir } = this.now
    if (!knowsWorkdir && !path.startsWith("/")) this.warnOfRelative(path)
    const next = absolute(workdir, path)
    if (next.length > MAX_WORKDIR) this.refuse(`this directory has a path of more than ${MAX_WORKDIR} characters`)
    if (unmade !== undefined && !isWithin(next, unmade)) this.makeWorkdir()
    this.ownWorkdir(next)
    this.push({ _tag: "Workdir", path: next })
    this.now.workdir = next
    this.now.namesWorkdir = true
    this.now.knowsWorkdir = true
    this.now.unmade = this.now.made.has(next) ? undefined : next
    this.now.made.add(next)
  }

  /** Docker's working directories belong to the user, and those that steps make to root. */
  private ownWorkdir(path: string): void {
    const { made, user } = this.now
    if (made.has(path) || sameUser(user, root)) return
    if (this.base === "scratch") {
      this.note(`the working directory ${path} will belong to root, if it is not there`, "name it before USER")
      return
    }
    this.help(makeDirectory(path, directoryOwner(user)).join("\n"))
    made.add(path)
  }

  /** Steps make their working directory; here it is wanted, and no step is in sight. */
  makeWorkdir(): void {
    if (this.now.unmade === undefined) return
    if (this.base === "scratch") {
      this.note(
        `the working directory ${this.now.unmade} is made by the first step that runs there, and none does`,
        "copy something into it, if it has to be there"
      )
      this.now.unmade = undefined
      return
    }
    this.push({ _tag: "Comment", text: "a step that does nothing, so that the working directory is made" })
    this.help("true")
  }

  warnOfRelative(path: string): void {
    this.note(
      `${JSON.stringify(path)} is taken as relative to /, whatever the base's own working directory is`,
      "begin with a WORKDIR of your own"
    )
  }

  /** Absolute, without `.` and empty parts. */
  absolute(path: string): string {
    if (!this.now.knowsWorkdir && !path.startsWith("/")) this.warnOfRelative(path)
    return absolute(this.now.workdir, path)
  }

  /** Puts back what the Dockerfile says last. */
  finish(): void {
    this.makeWorkdir()
    this.asUser(this.now.user)
  }

  /** What is said of the image, by the stages that this one is built on and by itself. */
  settings(): ImageSettings {
    const chain: Array<StageImport> = [this]
    for (let at = this.parent; at !== undefined; at = at.parent) chain.push(at)
    const labels = new Map<string, string>()
    const ports = new Set<string>()
    const volumes = new Set<string>()
    for (const { now } of chain.reverse()) {
      for (const [name, value] of now.labels) {
        // What is said last stands last.
        labels.delete(name)
        labels.set(name, value)
      }
      for (const port of now.ports) ports.add(port)
      for (const volume of now.volumes) volumes.add(volume)
    }
    return {
      ...this.now.settings,
      labels: [...labels].map(([name, value]) => ({ name, value })),
      ports: [...ports],
      volumes: [...volumes]
    }
  }

  variables(): ReadonlyArray<Variable> {
    const all = [...this.now.environment].map(([name, value]) => ({ name, value }))
    return this.base === "scratch" && !this.now.environment.has("PATH")
      ? [{ name: "PATH", value: DEFAULT_PATH }, ...all]
      : all
  }
}

const sameUser = (a: User, b: User): boolean =>
  a._tag === "Unix" ? b._tag === "Unix" && a.uid === b.uid && a.gid === b.gid : b._tag === "Named" && a.name === b.name

const sameWords = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((word, index) => word === b[index])
