/**
 * The one table of commands and flags. The argument reader, the commands, the
 * help texts and the shell completions are all made from it.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Flag from "./Flag.ts"
import type { Variable } from "../domain/Inputs.ts"
import { age, size, sizeOrNone } from "./Units.ts"

/** A secret's name in the spec, and the file that holds it. */
export interface SecretArgument {
  readonly id: string
  readonly file: string
}

const text: Flag.Decode<string> = (value) =>
  value === "" ? Either.left("needs a value, and got an empty one") : Either.right(value)

const count: Flag.Decode<number> = (value) => {
  const number = Number(value)
  return /^[0-9]+$/.test(value) && number >= 1 && Number.isSafeInteger(number)
    ? Either.right(number)
    : Either.left(`must be a whole number from 1 on, not ${JSON.stringify(value)}`)
}

const secret: Flag.Decode<SecretArgument> = (value) => {
  const colon = value.indexOf(":")
  const [id, file] = [value.slice(0, colon), value.slice(colon + 1)]
  return colon > 0 && file !== ""
    ? Either.right({ id, file })
    : Either.left(`must be ID:FILE, not ${JSON.stringify(value)}`)
}

const platform: Flag.Decode<string> = (value) =>
  /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/.test(value)
    ? Either.right(value)
    : Either.left(`must be OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, not ${JSON.stringify(value)}`)

const pair: Flag.Decode<Variable> = (value) => {
  const at = value.indexOf("=")
  return at > 0 && !value.includes("\0")
    ? Either.right({ name: value.slice(0, at), value: value.slice(at + 1) })
    : Either.left(`must be NAME=VALUE, not ${JSON.stringify(value)}`)
}

/** A program with its arguments: a JSON array, or one word. */
const words: Flag.Decode<ReadonlyArray<string>> = (value) => {
  if (!value.startsWith("[")) return value === "" ? Either.right([]) : Either.right([value])
  let read: unknown
  try {
    read = JSON.parse(value)
  } catch {
    read = undefined
  }
  return Array.isArray(read) && read.every((one) => typeof one === "string")
    ? Either.right(read)
    : Either.left(`must be a JSON array of texts such as '["make", "-j4"]', not ${JSON.stringify(value)}`)
}

const port: Flag.Decode<string> = (value) => {
  const [, number = "", protocol = "tcp"] = /^([0-9]{1,5})(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
  return Number(number) >= 1 && Number(number) <= 65535
    ? Either.right(`${number}/${protocol}`)
    : Either.left(`must be a port such as 80 or 53/udp, not ${JSON.stringify(value)}`)
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
  doc: "Where results are kept: overlayfs:PATH, btrfs:PATH, zfs:POOL/DATASET, xfs:PATH or rsync:PATH. [$OBUILDER_STORE, or the best kind for /var/lib/obuilder]"
})

const format = Flag.choice("format", {
  metavar: "FORMAT",
  choices: ["text", "json"],
  doc: "How to print it: text or json. [text]"
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

/** Of an image that is made of a result. */
export const image = {
  squash: Flag.toggle("squash", { doc: "Put everything into one layer, the base too." }),
  entrypoint: Flag.optional("entrypoint", {
    metavar: "WORDS",
    decode: words,
    doc: "What the image runs: a program, or a JSON array of it and its arguments."
  }),
  cmd: Flag.optional("cmd", {
    metavar: "WORDS",
    decode: words,
    doc: "Arguments of the entry point, or what is run if there is none."
  }),
  expose: Flag.many("expose", { metavar: "PORT", decode: port, doc: "A port that the image listens on." }),
  label: Flag.many("label", { metavar: "NAME=VALUE", decode: pair, doc: "A label of the image." }),
  annotation: Flag.many("annotation", {
    metavar: "NAME=VALUE",
    decode: pair,
    doc: "An annotation of the image's manifest."
  }),
  provenance: Flag.toggle("provenance", {
    doc: "Put a statement of what it was made of (SLSA provenance) beside the image."
  })
}

/** What the spec says of an image, and can be said otherwise. */
export const settings = {
  env: Flag.many("env", { metavar: "NAME=VALUE", decode: pair, doc: "Set a variable, besides those of the spec." }),
  user: Flag.optional("user", {
    metavar: "USER",
    decode: text,
    doc: "Who runs it: a name, UID or UID:GID. [the spec's]"
  }),
  workdir: Flag.optional("workdir", {
    metavar: "DIR",
    decode: text,
    doc: "The directory that it begins in. [the spec's]"
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
      decode: count,
      doc: "How many steps may run at the same time. [one a processor]"
    }),
    bases: Flag.many("bases", {
      metavar: "DIR",
      decode: text,
      doc: "Take base images from DIR and the source directory only; may be repeated. [from anywhere]"
    }),
    platform: Flag.optional("platform", {
      metavar: "OS/ARCH",
      decode: platform,
      doc: "Which of an image's variants to take: linux/amd64, linux/arm64/v8. [the machine's own]"
    }),
    pull: Flag.toggle("pull", { doc: "Ask registries again what tags mean." }),
    dryRun: Flag.toggle("dry-run", { doc: "Print the plan and what of it is cached; run and write nothing." }),
    format: Flag.choice("format", {
      metavar: "FORMAT",
      choices: ["text", "json", "mermaid"],
      doc: "How --dry-run prints the plan: text, json or mermaid."
    }),
    tag: Flag.optional("tag", {
      short: "t",
      metavar: "NAME",
      decode: text,
      doc: "What --push and --load call the image: NAME:TAG, with a registry before it if need be."
    }),
    push: Flag.toggle("push", { doc: "Push the result to its registry as an image." }),
    load: Flag.toggle("load", { doc: "Give the result to Docker as an image." }),
    ...image,
    freeSpace: Flag.optional("free-space", {
      metavar: "SIZE",
      decode: size,
      doc: "Before a step runs, delete results used longest ago until SIZE is free, e.g. 10G."
    }),
    store,
    rsyncMode,
    ...sandbox,
    ...common
  },
  export: {
    format: Flag.choice("format", {
      metavar: "FORMAT",
      choices: ["tar", "dir", "oci", "oci-archive", "docker-archive", "provenance"],
      doc: "What to write: the files as tar or dir; an image as oci, oci-archive or docker-archive; or its provenance. [tar]"
    }),
    output: Flag.optional("output", {
      short: "o",
      metavar: "PATH",
      decode: text,
      doc: "Where to write it; - for standard output, which cannot take dir and oci. [-]"
    }),
    tag: Flag.optional("tag", { short: "t", metavar: "NAME", decode: text, doc: "What the image is called." }),
    ...image,
    ...settings,
    store,
    ...common
  },
  push: { ...image, ...settings, store, ...common },
  log: { store, ...common },
  healthcheck: { store, ...sandbox, ...common },
  ls: { format, store, ...common },
  inspect: { format, store, ...common },
  df: { format, store, ...common },
  pin: {
    file: Flag.required("f", { metavar: "FILE", decode: text, doc: "The spec; - for standard input." }),
    print: Flag.toggle("print", { doc: "Print the spec, and leave the file as it is." }),
    ...common
  },
  delete: { store, ...common },
  prune: {
    keepStorage: Flag.optional("keep-storage", {
      metavar: "SIZE",
      decode: sizeOrNone,
      doc: "Delete no more than it takes for all results to need SIZE or less, e.g. 20G."
    }),
    olderThan: Flag.optional("older-than", {
      metavar: "AGE",
      decode: age,
      doc: "Delete only what was of no use for AGE, e.g. 7d or 12h."
    }),
    maxItems: Flag.optional("max-items", { metavar: "N", decode: count, doc: "Delete at most N results." }),
    dryRun: Flag.toggle("dry-run", { doc: "Print what would be deleted, and delete nothing." }),
    store,
    ...common
  },
  clean: { store, ...common },
  cache: { format, store, ...common },
  fsck: {
    data: Flag.toggle("data", { doc: "Compare files with what --record has recorded of them." }),
    record: Flag.toggle("record", { doc: "Record what is in the files of all results, for --data." }),
    repair: Flag.toggle("repair", { doc: "Delete what is wrong, and what is built on it." }),
    store,
    ...common
  }
} as const

export type CommandName = Exclude<keyof typeof flags, "root">

/** A positional argument. One must be there for each, but for one that may be repeated. */
export interface Positional {
  readonly metavar: string
  readonly doc: string
  /** Only of a command's last: how many there may be. */
  readonly repeated?: "at least one" | "any number"
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
      "  obuilder build -f example.spec --dry-run --format=json . | jq -r .result",
      "  obuilder build -f example.spec --push -t registry.example.org/app:1.0 ."
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
  repeated === undefined ? metavar : repeated === "any number" ? `[${metavar}]...` : `${metavar}...`

export const findCommand = (name: string): Option.Option<CommandSpec> =>
  Option.fromNullable(commandList.find((command) => command.name === name))
