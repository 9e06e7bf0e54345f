/**
 * The one table of flags. The argument reader, the commands, the help texts and
 * the shell completions are all made from it and from that of the commands.
 */
import {
  absolutePath,
  argument,
  count,
  pair,
  platform as platformName,
  port,
  positive,
  secret,
  text,
  userId,
  words
} from "./Decoders.ts"
import * as Flag from "./Flag.ts"
import { age, size, sizeOrNone } from "./Units.ts"

/** What every command takes. */
export const common = {
  help: Flag.toggle("help", { short: "h", doc: "Show help, of a command or of all." }),
  verbose: Flag.count("verbose", { short: "v", doc: "Say more on standard error; twice for everything." }),
  quiet: Flag.toggle("quiet", {
    short: "q",
    doc: "Print only the result on standard output; a build's log goes to standard error."
  }),
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
  doc: "Where results are kept: overlayfs:PATH, btrfs:PATH, zfs:POOL/DATASET, xfs:PATH, rsync:PATH or docker:PATH. [$OBUILDER_STORE, or the best kind for /var/lib/obuilder]"
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

const platform = Flag.optional("platform", {
  metavar: "OS/ARCH",
  decode: platformName,
  doc: "Which of an image's variants to take: linux/amd64, linux/arm64/v8. [the machine's own]"
})

const sandbox = {
  fastSync: Flag.toggle("fast-sync", { doc: "Let sync system calls succeed at once, without doing anything." }),
  memory: Flag.optional("memory", { metavar: "SIZE", decode: size, doc: "The memory that a step may use, e.g. 2G." }),
  runtime: Flag.optional("runtime", {
    metavar: "PATH",
    decode: text,
    doc: "The OCI runtime that runs the steps, e.g. crun. [runc]"
  }),
  dockerCpus: Flag.optional("docker-cpus", {
    metavar: "N",
    decode: positive,
    doc: "With --store=docker:PATH, how many processors a step may use, e.g. 1.5."
  }),
  dockerMemory: Flag.optional("docker-memory", {
    metavar: "SIZE",
    decode: size,
    doc: "With --store=docker:PATH, the memory that a step may use, e.g. 2G."
  }),
  dockerIsolation: Flag.choice("docker-isolation", {
    metavar: "KIND",
    choices: ["default", "process", "hyperv"],
    doc: "With --store=docker:PATH, how Windows containers are isolated: default, process or hyperv."
  }),
  dockerNetwork: Flag.optional("docker-network", {
    metavar: "NETWORK",
    decode: text,
    doc: "With --store=docker:PATH, the network of steps that ask for the host's. [host, or nat on Windows]"
  }),
  uid: Flag.optional("uid", {
    metavar: "UID",
    decode: userId,
    doc: "On macOS: the number of the user that steps are run as, from 500 on."
  }),
  brewPath: Flag.optional("brew-path", {
    metavar: "DIR",
    decode: absolutePath,
    doc: "On macOS: where Homebrew is. [/opt/homebrew, or /usr/local on Intel's processors]"
  })
}

/** What a Dockerfile is read with. */
const dockerfile = {
  buildArg: Flag.many("build-arg", {
    metavar: "NAME=VALUE",
    decode: argument,
    doc: "Of a Dockerfile: a value for the variable that ARG NAME declares; NAME alone takes the environment's."
  }),
  target: Flag.optional("target", {
    metavar: "STAGE",
    decode: text,
    doc: "Of a Dockerfile: the stage to build, by its name or number. [the last]"
  })
}

/** Of an image that is made of a result. */
export const image = {
  squash: Flag.toggle("squash", { doc: "Put everything into one layer, the base too." }),
  entrypoint: Flag.optional("entrypoint", {
    metavar: "COMMAND",
    decode: words,
    doc: `What the image runs: a program, or a JSON array such as '["make", "-j4"]'.`
  }),
  cmd: Flag.optional("cmd", {
    metavar: "COMMAND",
    decode: words,
    doc: "The same: arguments of the entry point, or what is run if there is none."
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

/** How a plan is made without building it. */
const planning = {
  ...dockerfile,
  bases: Flag.many("bases", {
    metavar: "DIR",
    decode: text,
    doc: "Take base images from DIR and the source directory only; may be repeated. [from anywhere]"
  }),
  platform,
  pull: Flag.toggle("pull", { doc: "Ask registries again what tags mean." })
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
    file: Flag.required("file", {
      short: "f",
      metavar: "FILE",
      decode: text,
      doc: "The spec, or the Dockerfile, to build; - for standard input."
    }),
    ...planning,
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
  explain: {
    file: Flag.required("file", {
      short: "f",
      metavar: "FILE",
      decode: text,
      doc: "The spec, or the Dockerfile; - for standard input."
    }),
    against: Flag.optional("against", {
      metavar: "ID|SPEC",
      decode: text,
      doc: "Compare with this result, or with another spec. [with the results that are most like it]"
    }),
    ...planning,
    format,
    store,
    rsyncMode,
    ...common
  },
  diff: {
    dir: Flag.optional("dir", {
      metavar: "DIR",
      decode: text,
      doc: "The source directory of specs. [the working directory]"
    }),
    times: Flag.toggle("times", { doc: "Compare when files of results were changed, too." }),
    ...planning,
    format,
    store,
    ...common
  },
  df: { format, store, ...common },
  import: {
    ...dockerfile,
    context: Flag.optional("context", {
      metavar: "DIR",
      decode: text,
      doc: "The source directory. [the Dockerfile's own]"
    }),
    output: Flag.optional("output", {
      short: "o",
      metavar: "PATH",
      decode: text,
      doc: "Where to write the spec, in the place of a file that is there; - for standard output. [-]"
    }),
    platform,
    ...common
  },
  pin: {
    file: Flag.required("file", {
      short: "f",
      metavar: "FILE",
      decode: text,
      doc: "The spec; - for standard input."
    }),
    print: Flag.toggle("print", { doc: "Print the spec, and leave the file as it is." }),
    ...common
  },
  dockerfile: {
    file: Flag.required("file", { short: "f", metavar: "FILE", decode: text, doc: "The spec; - for standard input." }),
    buildkit: Flag.toggle("buildkit", { doc: "Write the mounts that BuildKit has for caches and secrets." }),
    escape: Flag.choice("escape", {
      metavar: "STYLE",
      choices: ["unix", "windows"],
      doc: "Whose escape character it has: unix (a backslash) or windows (a backquote). [unix]"
    }),
    ...common
  },
  fmt: {
    check: Flag.toggle("check", { doc: "Write nothing; name the files that are laid out otherwise, and end with 1." }),
    print: Flag.toggle("print", { doc: "Print the specs, and leave the files as they are." }),
    ...common
  },
  check: {
    format: Flag.choice("format", {
      metavar: "FORMAT",
      choices: ["text", "json", "sarif"],
      doc: "How to print what is found: text, json or sarif. [text]"
    }),
    ignore: Flag.many("ignore", { metavar: "RULE", decode: text, doc: "Leave a rule out; may be repeated." }),
    strict: Flag.toggle("strict", { doc: "End with 1 for notes, too." }),
    fix: Flag.toggle("fix", { doc: "Change the files where that is safe, and print what is left." }),
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
