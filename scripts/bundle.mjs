// One CommonJS file with all that the command needs, arranged for a fast start.
import * as esbuild from "esbuild"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * What `@effect/cli` brings for asking the user questions, for reading
 * configuration files, and for the failures of a file system that it is not
 * given here. None of that happens, and evaluating the modules would cost every
 * start a few milliseconds.
 */
const unused = {
  name: "unused",
  setup(build) {
    const prompts = "ansi-utils|confirm|date|file|list|multi-select|number|select|text|toggle"
    const filter = new RegExp(
      `@effect/(?:cli/dist/esm/internal/(?:files|prompt/(?:${prompts}))|platform/dist/esm/Error)\\.js$`
    )
    build.onLoad({ filter }, () => ({ contents: "", loader: "js" }))
  }
}

/**
 * What Effect looks at while it is loaded, and Node makes only then: the
 * performance hooks, for a clock that `process.hrtime` drives anyway, and the
 * stream of the standard output, to see if it is a terminal. And what it makes
 * for what nobody asks here: metrics of its fibers, and
 * running `Micro` inside an effect.
 */
const replaced = {
  clock: [[/\bperformance\b/g, "undefined"]],
  logger: [[/\bprocess\.stdout\b/g, "undefined"]],
  fiberRuntime: [
    [/^export const (fiber\w+) = \/\*#__PURE__\*\/metric\.[^;]*;/gm, "export const $1 = { unsafeUpdate() {} };"],
    [/^import \* as Micro from "\.\.\/Micro\.js";/gm, "const Micro = undefined;"]
  ]
}
const unasked = {
  name: "unasked",
  setup(build) {
    const filter = new RegExp(`effect/dist/esm/internal/(?:${Object.keys(replaced).join("|")})\\.js$`)
    build.onLoad({ filter }, ({ path }) => {
      const contents = replaced[basename(path, ".js")].reduce(
        (text, [pattern, by]) => {
          if (text.search(pattern) < 0) throw new Error(`${path} has nothing like ${pattern} any more`)
          return text.replaceAll(pattern, by)
        },
        readFileSync(path, "utf8")
      )
      return { contents, loader: "js" }
    })
  }
}

/** Parts of Node that take milliseconds to load, and that many commands do without. */
const SLOW = new Set([
  "node:child_process",
  "node:crypto",
  "node:fs/promises",
  "node:net",
  "node:timers/promises",
  "node:tty",
  "node:zlib"
])

/**
 * Node's own modules. Those above are loaded when one of their functions is
 * called; of the others, only what is used is taken, instead of a copy of each
 * for every module that imports it.
 */
const builtins = {
  name: "builtins",
  setup(build) {
    const load = createRequire(import.meta.url)
    build.onResolve({ filter: /^node:/ }, ({ importer, kind, path }) => {
      if (kind !== "import-statement") return undefined
      // Its classes have functions of their own, which what is loaded late here does not have.
      if (path === "node:stream")
        throw new Error(`${importer} is to load node:stream when it is needed: import("node:stream")`)
      return { path, namespace: "builtin", sideEffects: false }
    })
    build.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => {
      const required = `require(${JSON.stringify(path)})`
      const late = (name) =>
        /^[A-Z]/.test(name)
          ? `/* @__PURE__ */ new Proxy(function () {}, { construct: (_, given) => new (${required}.${name})(...given) })`
          : `(...given) => ${required}.${name}(...given)`
      const early = (name) => `/* @__PURE__ */ (() => ${required}.${name})()`
      const contents = Object.entries(Object.getOwnPropertyDescriptors(load(path)))
        .filter(([name, { value }]) => /^[a-z]\w*$/i.test(name) && (!SLOW.has(path) || typeof value === "function"))
        .map(([name]) => `export const ${name} = ${SLOW.has(path) ? late(name) : early(name)}`)
      return { contents: contents.join("\n"), loader: "js" }
    })
  }
}

/**
 * Our own modules: what they import on demand becomes part of the one scope
 * that all modules share, which is faster than a scope each; and a schema that
 * nobody uses is left out.
 */
const flat = {
  name: "flat",
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const modules = []
      const contents = readFileSync(path, "utf8")
        .replaceAll(/\bimport\(("\.[^"]+")\)/g, (_, module) => `Promise.resolve(demanded${modules.push(module) - 1})`)
        .replaceAll(/(?<![\w.])Schema\.\w+\(/g, (call) => `/* @__PURE__ */ ${call}`)
      const imports = modules.map((module, index) => `\nimport * as demanded${index} from ${module}`)
      return { contents: contents + imports.join(""), loader: "ts" }
    })
  }
}

/** Writes the command, in the form of a function of CommonJS's variables. */
export const bundle = async (outfile, options = {}) => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"))
  return await esbuild.build({
    entryPoints: ["src/cli/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    // Used by few commands, and found in the package's dependencies by those that do.
    external: ["koffi", "smol-toml", "tar-stream", "undici"],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    supported: { "dynamic-import": false },
    define: {
      OBUILDER_VERSION: JSON.stringify(version),
      // Only used to find modules from, which a path will do for.
      "import.meta.url": "__filename"
    },
    banner: { js: "(function (exports, require, module, __filename, __dirname) {" },
    footer: { js: "})" },
    logLevel: "warning",
    logOverride: { "import-is-undefined": "silent" },
    plugins: [unused, unasked, builtins, flat],
    ...options
  })
}

// Usage: node scripts/bundle.mjs FILE
const [, program, outfile] = process.argv
if (outfile !== undefined && program === fileURLToPath(import.meta.url)) await bundle(outfile)
