/**
 * The one table of commands and flags. The argument reader, the commands, the
 * help texts and the shell completions are all made from it.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Flag from "./Flag.ts"

/** A secret's name in the spec, and the file that holds it. */
export interface SecretArgument {
  readonly id: string
  readonly file: string
}

const text: Flag.Decode<string> = (value) =>
  value === "" ? Either.left("needs a value, and got an empty one") : Either.right(value)

const jobs: Flag.Decode<number> = (value) => {
  const number = Number(value)
  return /^[0-9]+$/.test(value) && number >= 1 && Number.isSafeInteger(number)
    ? Either.right(number)
    : Either.left(`must be a whole number from 1 on, not ${JSON.stringify(value)}`)
}

const UNITS = ["", "k", "m", "g", "t"]

/** Bytes: a whole number, with `k`, `m`, `g` or `t` for powers of 1024. */
const size: Flag.Decode<number> = (value) => {
  const match = /^([0-9]+)([kmgt]?)(?:i?b)?$/i.exec(value)
  const bytes = Number(match?.[1]) * 1024 ** UNITS.indexOf((match?.[2] ?? "").toLowerCase())
  return match !== null && bytes > 0 && Number.isSafeInteger(bytes)
    ? Either.right(bytes)
    : Either.left(`must be a size such as 512M or 2G, not ${JSON.stringify(value)}`)
}

const secret: Flag.Decode<SecretArgument> = (value) => {
  const colon = value.indexOf(":")
  const [id, file] = [value.slice(0, colon), value.slice(colon + 1)]
  return colon > 0 && file !== ""
    ? Either.right({ id, file })
    : Either.left(`must be ID:FILE, not ${JSON.stringify(value)}`)
}

/** What every command takes. */
export const common = {
  help: Flag.toggle("help", { short: "h", doc: "Show help, of a command or of all." }),
  verbose: Flag.count("verbose", { short: "v", doc: "Say more on standard error; twice for everything." }),
  quiet: Flag.toggle("quiet", { short: "q", doc: "Print nothing but the result on standard output." }),
  verbosity: Flag.choice("verbosity", {
    metavar: "LEVEL",
    choices: ["quiet", "error", "warning", "info", "debug"],
    doc: "What to say: quiet, error, warning, info or debug."
  }),
  color: Flag.choice("color", {
    metavar: "WHEN",
    choices: ["auto", "always", "never"],
    doc: "When to use colours: auto, always or never."
  })
}

const store = Flag.optional("store", {
  metavar: "STORE",
  decode: text,
  doc: "Where results are kept: overlayfs:PATH, btrfs:PATH, zfs:POOL/DATASET, xfs:PATH or rsync:PATH. [$OBUILDER_STORE, or overlayfs:/var/lib/obuilder]"
})

const rsyncMode = Flag.choice("rsync-mode", {
  metavar: "MODE",
  choices: ["copy", "hardlink", "hardlink_unsafe"],
  doc: "How --store=rsync:PATH keeps results: copy, hardlink or hardlink_unsafe. [copy]"
})

const sandbox = {
  fastSync: Flag.toggle("fast-sync", { doc: "Let sync system calls succeed at once, without doing anything." }),
  memory: Flag.optional("memory", { metavar: "SIZE", decode: size, doc: "The memory that a step may use, e.g. 2G." }),
  runtime: Flag.optional("runtime", {
    metavar: "PATH",
    decode: text,
    doc: "The OCI runtime that runs the steps, e.g. crun. [runc]"
  })
}

export const flags = {
  root: {
    ...common,
    version: Flag.toggle("version", { doc: "Print the version." }),
    completions: Flag.choice("completions", {
      metavar: "SHELL",
      choices: ["bash", "zsh", "fish"],
      doc: "Print a completion script for bash, zsh or fish."
    })
  },
  build: {
    file: Flag.required("f", { metavar: "FILE", decode: text, doc: "The spec to build; - for standard input." }),
    secrets: Flag.many("secret", {
      metavar: "ID:FILE",
      decode: secret,
      doc: "Give the steps that ask for the secret ID the content of FILE."
    }),
    jobs: Flag.optional("jobs", {
      short: "j",
      metavar: "N",
      decode: jobs,
      doc: "How many steps may run at the same time. [one a processor]"
    }),
    bases: Flag.many("bases", {
      metavar: "DIR",
      decode: text,
      doc: "Take base images from DIR and the source directory only; may be repeated. [from anywhere]"
    }),
    dryRun: Flag.toggle("dry-run", { doc: "Print the plan and what of it is cached; run and write nothing." }),
    format: Flag.choice("format", {
      metavar: "FORMAT",
      choices: ["text", "json", "mermaid"],
      doc: "How --dry-run prints the plan: text, json or mermaid."
    }),
    store,
    rsyncMode,
    ...sandbox,
    ...common
  },
  export: {
    format: Flag.choice("format", { metavar: "FORMAT", choices: ["tar"], doc: "What to write: tar." }),
    output: Flag.optional("output", {
      short: "o",
      metavar: "FILE",
      decode: text,
      doc: "Where to write it; - for standard output. [-]"
    }),
    store,
    ...common
  },
  log: { store, ...common },
  healthcheck: { store, ...sandbox, ...common }
} as const

export type CommandName = "build" | "export" | "log" | "healthcheck"

/** A positional argument; every one must be there. */
export interface Positional {
  readonly metavar: string
  readonly doc: string
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

export const commands = {
  build: {
    name: "build",
    summary: "Build a spec from a source directory.",
    positionals: [{ metavar: "DIR", doc: "The source directory, which the spec's copy steps copy from." }],
    flags: flags.build,
    notes: [
      "Examples:",
      "  obuilder build -f example.spec .",
      "  obuilder build -f example.spec --secret token:token.txt -j4 src",
      "  obuilder build -f example.spec --dry-run --format=json . | jq -r .result"
    ]
  },
  export: {
    name: "export",
    summary: "Write a result's root file system as a tar.",
    positionals: [id],
    flags: flags.export,
    notes: [
      "Examples:",
      "  obuilder export --format=tar -o rootfs.tar 5fc1a2",
      "  obuilder export --format=tar $(obuilder build -q -f example.spec .) | tar -t"
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
  }
} as const satisfies Readonly<Record<CommandName, CommandSpec>>

/** All commands, in the order of help. */
export const commandList: ReadonlyArray<CommandSpec> = Object.values(commands)

export const findCommand = (name: string): Option.Option<CommandSpec> =>
  Option.fromNullable(commandList.find((command) => command.name === name))
