// One CommonJS file with all that the command needs, arranged for a fast start.
import * as esbuild from "esbuild"
import { readFileSync } from "node:fs"
import { basename } from "node:path"

/**
 * What `@effect/cli` brings for asking the user questions and for reading
 * configuration files. Neither happens here, and evaluating the modules would
 * cost every start a few milliseconds.
 */
const unused = {
  name: "unused",
  setup(build) {
    const filter =
      /@effect\/cli\/dist\/esm\/internal\/(?:files|prompt\/(?:ansi-utils|confirm|date|file|list|multi-select|number|select|text|toggle))\.js$/
    build.onLoad({ filter }, () => ({ contents: "export {}", loader: "js" }))
  }
}

/**
 * What Effect looks at while it is loaded, and Node makes only then: the
 * performance hooks, for a clock that `process.hrtime` drives anyway, and the
 * stream of the standard output, to see if it is a terminal.
 */
const unasked = {
  name: "unasked",
  setup(build) {
    const globals = { clock: /\bperformance\b/g, logger: /\bprocess\.stdout\b/g }
    build.onLoad({ filter: /effect\/dist\/esm\/internal\/(?:clock|logger)\.js$/ }, ({ path }) => {
      const global = globals[basename(path, ".js")]
      return { contents: readFileSync(path, "utf8").replaceAll(global, "undefined"), loader: "js" }
    })
  }
}

/** Writes `dist/obuilder.cjs`, in the form of a function of CommonJS's variables. */
export const bundle = async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"))
  await esbuild.build({
    entryPoints: ["src/cli/main.ts"],
    outfile: "dist/obuilder.cjs",
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["koffi"],
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: false,
    legalComments: "none",
    // What is imported dynamically is in the same file, and evaluated when it is first asked for.
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
    plugins: [unused, unasked]
  })
}
