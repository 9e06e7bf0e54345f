/** The one table of commands, with what their help says. */
import * as Option from "effect/Option"
import type * as Flag from "./Flag.ts"
import { type CommandName, flags } from "./Flags.ts"

/** A positional argument. One must be there for each, but for the last, if that says otherwise. */
export interface Positional {
  readonly metavar: string
  readonly doc: string
  /** Only of a command's last: how many there may be. */
  readonly repeated?: "at least one" | "any number" | "at most one"
}

/** What help and the argument reader know of a command. */
export interface CommandSpec {
  readonly name: CommandName
  /** One line. */
  readonly summary: string
  readonly positionals: ReadonlyArray<Positional>
  readonly flags: Readonly<Record<string, Flag.Flag<unknown>>>
  /** Lines to show below the flags, as they are. */
  readonly notes: ReadonlyArray<string>
}

const id: Positional = { metavar: "ID", doc: "A result: a planned or realised id, or the beginning of one." }

const specs: Positional = { metavar: "FILE", doc: "A spec; - for standard input.", repeated: "at least one" }

export const commands = {
  build: {
    name: "build",
    summary: "Build a spec, or a Dockerfile, from a source directory.",
    positionals: [{ metavar: "DIR", doc: "The source directory, which the spec's copy steps copy from." }],
    flags: flags.build,
    notes: [
      "Examples:",
      "  obuilder build -f example.spec .",
      "  obuilder build -f example.spec --secret token:token.txt -j4 src",
      "  obuilder build -f example.spec --dry-run --format=json . | jq -r .result",
      "  obuilder build -f example.spec --push -t registry.example.org/app:1.0 .",
      "  obuilder build -f Dockerfile --build-arg VERSION=2 --target=app ."
    ]
  },
  export: {
    name: "export",
    summary: "Write a result as an image, or its files.",
    positionals: [id],
    flags: flags.export,
    notes: [
      "Of one result the image is always the same. SOURCE_DATE_EPOCH, if it is set, is",
      "the latest time in it, so that building again can give the same one too.",
      "Examples:",
      "  obuilder export --format=tar -o rootfs.tar 5fc1a2",
      "  obuilder export --format=oci --tag=latest -o image 5fc1a2",
      "  obuilder export --format=docker-archive -t app:1 5fc1a2 | docker load"
    ]
  },
  push: {
    name: "push",
    summary: "Push a result to a registry as an image.",
    positionals: [id, { metavar: "NAME", doc: "What it is called there: REGISTRY/NAME:TAG." }],
    flags: flags.push,
    notes: [
      "Layers that the registry has are not sent again. What is printed names the image",
      "by its digest. Passwords are those of docker login or podman login.",
      "Examples:",
      "  obuilder push 5fc1a2 registry.example.org/app:1.0",
      "  obuilder push --provenance --entrypoint=/app 5fc1a2 localhost:5000/app"
    ]
  },
  log: {
    name: "log",
    summary: "Print what a result's step printed when it ran.",
    positionals: [id],
    flags: flags.log,
    notes: ["Example:", "  obuilder log 5fc1a2"]
  },
  healthcheck: {
    name: "healthcheck",
    summary: "Check that this machine can build, and say what it lacks.",
    positionals: [],
    flags: flags.healthcheck,
    notes: ["Example:", "  sudo obuilder healthcheck --store=overlayfs:/var/lib/obuilder"]
  },
  ls: {
    name: "ls",
    summary: "List the results in the store.",
    positionals: [],
    flags: flags.ls,
    notes: [
      "Those used last come first.",
      "Examples:",
      "  obuilder ls",
      "  obuilder ls --format=json | jq -r '.[].heading'"
    ]
  },
  inspect: {
    name: "inspect",
    summary: "Show what a result is, what it is built on and who uses it.",
    positionals: [id],
    flags: flags.inspect,
    notes: ["Example:", "  obuilder inspect 5fc1a2"]
  },
  explain: {
    name: "explain",
    summary: "Say why the steps of a spec would run.",
    positionals: [{ metavar: "DIR", doc: "The source directory, as for build." }],
    flags: flags.explain,
    notes: [
      "Nothing is run or written. Each step that is not cached is compared with what",
      "was most like it. What has not the form of an id is the name of a spec.",
      "Examples:",
      "  obuilder explain -f example.spec .",
      "  obuilder explain -f example.spec --against=5fc1a2 .",
      "  obuilder explain -f example.spec --against=old.spec --format=json ."
    ]
  },
  diff: {
    name: "diff",
    summary: "Show what is other from one result, or one plan, to another.",
    positionals: [
      { metavar: "A", doc: "A result's id, a spec, or a plan that build --dry-run --format=json printed." },
      { metavar: "B", doc: "What it is compared with: another result, or another spec or plan." }
    ],
    flags: flags.diff,
    notes: [
      "Of results the files are compared: types, modes, owners, contents, link targets",
      "and attributes. The exit status is 0 where nothing is other, else 1.",
      "Examples:",
      "  obuilder diff 5fc1a2 81d0b7",
      "  obuilder diff --dir=src old.spec new.spec",
      "  obuilder diff --format=json old.json new.json"
    ]
  },
  df: {
    name: "df",
    summary: "Show what the store takes on the disk.",
    positionals: [],
    flags: flags.df,
    notes: [
      "UNIQUE is what would be free again if only that went, SHARED what others need",
      "as well. Logs are part of their results.",
      "Example:",
      "  obuilder df"
    ]
  },
  import: {
    name: "import",
    summary: "Print the spec that a Dockerfile comes to.",
    positionals: [
      { metavar: "FILE", doc: "The Dockerfile; - for standard input. [Dockerfile]", repeated: "at most one" }
    ],
    flags: flags.import,
    notes: [
      "What is otherwise than with Docker is said on standard error, with its line.",
      "Examples:",
      "  obuilder import > app.spec",
      "  obuilder import --build-arg VERSION=2 --target=app app.Dockerfile"
    ]
  },
  pin: {
    name: "pin",
    summary: "Name a spec's bases by the digests that they have today.",
    positionals: [],
    flags: flags.pin,
    notes: [
      "Only images in registries are named otherwise, and nothing else in the file",
      "changes. A spec that is pinned can be built for ever, if the images stay there.",
      "Examples:",
      "  obuilder pin -f example.spec",
      "  obuilder pin -f example.spec --print | diff example.spec -"
    ]
  },
  dockerfile: {
    name: "dockerfile",
    summary: "Write a spec as a Dockerfile.",
    positionals: [],
    flags: flags.dockerfile,
    notes: [
      "It is the one that OBuilder writes. What a Dockerfile cannot say is not in it.",
      "Examples:",
      "  obuilder dockerfile -f example.spec",
      "  obuilder dockerfile -f example.spec --buildkit | docker build -f - ."
    ]
  },
  fmt: {
    name: "fmt",
    summary: "Lay out specs in the one way.",
    positionals: [specs],
    flags: flags.fmt,
    notes: [
      "Files are written only if their layout changes; all comments are kept. What is",
      "read from standard input is printed.",
      "Examples:",
      "  obuilder fmt example.spec",
      "  obuilder fmt --check *.spec",
      "  obuilder fmt --print example.spec | diff example.spec -"
    ]
  },
  check: {
    name: "check",
    summary: "Look for mistakes in specs, without building them.",
    positionals: [specs],
    flags: flags.check,
    notes: [
      "Ends with 1 if there are warnings, with 2 if there are errors. In a spec, the",
      'comment "; check: ignore RULE" leaves a rule out for what follows it.',
      "Examples:",
      "  obuilder check example.spec",
      "  obuilder check --ignore=unpinned-base *.spec",
      "  obuilder check --format=sarif *.spec > obuilder.sarif"
    ]
  },
  delete: {
    name: "delete",
    summary: "Delete results, and all that is built on them.",
    positionals: [{ ...id, repeated: "at least one" }],
    flags: flags.delete,
    notes: ["Nothing is deleted while a build or an export needs any of it.", "Example:", "  obuilder delete 5fc1a2"]
  },
  prune: {
    name: "prune",
    summary: "Delete results that were of no use for long.",
    positionals: [],
    flags: flags.prune,
    notes: [
      "Those used longest ago go first, and never what something else is built on, or a",
      "running build needs. With several limits a result goes only if all let it go.",
      "Examples:",
      "  obuilder prune --keep-storage=20G",
      "  obuilder prune --older-than=7d --dry-run",
      "  obuilder prune --older-than=1h --max-items=100"
    ]
  },
  clean: {
    name: "clean",
    summary: "Delete all results and caches.",
    positionals: [],
    flags: flags.clean,
    notes: ["Only what running builds need stays.", "Example:", "  obuilder clean"]
  },
  cache: {
    name: "cache",
    summary: "List or remove the caches that steps share.",
    positionals: [
      { metavar: "ACTION", doc: "ls to list all caches, rm to remove some." },
      { metavar: "NAME", doc: "A cache to remove, as specs name it.", repeated: "any number" }
    ],
    flags: flags.cache,
    notes: ["Examples:", "  obuilder cache ls", "  obuilder cache rm opam-archives"]
  },
  fsck: {
    name: "fsck",
    summary: "Check the store, and repair it.",
    positionals: [],
    flags: flags.fsck,
    notes: [
      "Each result is checked for what is known of it, its parent, its log and its",
      "files being there. Builds may go on meanwhile.",
      "Examples:",
      "  obuilder fsck",
      "  obuilder fsck --data --repair"
    ]
  }
} as const satisfies Readonly<Record<CommandName, CommandSpec>>

/** All commands, in the order of help. */
export const commandList: ReadonlyArray<CommandSpec> = Object.values(commands)

/** As usage lines have it: `ID`, `ID...` or `[NAME]...`. */
export const usageOf = ({ metavar, repeated }: Positional): string =>
  repeated === undefined
    ? metavar
    : repeated === "at most one"
      ? `[${metavar}]`
      : repeated === "any number"
        ? `[${metavar}]...`
        : `${metavar}...`

export const findCommand = (name: string): Option.Option<CommandSpec> =>
  Option.fromNullable(commandList.find((command) => command.name === name))
