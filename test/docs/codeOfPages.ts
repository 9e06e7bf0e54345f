/** The TypeScript that pages show, as modules of somebody who has installed the package. */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../..")

/** All TypeScript blocks of a page as one module, each line where it is in the page. */
export const moduleOf = (page: string): string => {
  let inside = false
  const lines = page.split("\n").map((line) => {
    if (line.startsWith("```")) {
      inside = !inside && /^```ts\b/.test(line)
      return ""
    }
    return inside ? line : ""
  })
  return `${lines.join("\n")}\nexport {}\n`
}

interface Ended {
  readonly status: number | null
  readonly output: string
}

/** Without blocking this process, which has to answer the one that runs all tests. */
const run = (words: ReadonlyArray<string>, cwd: string): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    const chunks: Array<Buffer> = []
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.once("error", reject)
    child.once("close", (status) => resolve({ status, output: Buffer.concat(chunks).toString() }))
  })

const tsc = (words: ReadonlyArray<string>, cwd: string): Promise<Ended> =>
  run([Path.join(root, "node_modules/typescript/bin/tsc"), ...words], cwd)

/** Installs the package as it is built into a project, beside what it depends on. */
export const installPackage = async (project: string): Promise<void> => {
  const home = Path.join(project, "node_modules/obuilder")
  Fs.mkdirSync(home, { recursive: true })
  Fs.copyFileSync(Path.join(root, "package.json"), Path.join(home, "package.json"))
  for (const name of Fs.readdirSync(Path.join(root, "node_modules"))) {
    if (name.startsWith(".")) continue
    Fs.symlinkSync(Path.join(root, "node_modules", name), Path.join(project, "node_modules", name))
  }
  const { output, status } = await tsc(["-p", "tsconfig.build.json", "--outDir", Path.join(home, "dist/lib")], root)
  if (status !== 0) throw new Error(`the package cannot be built: ${output}`)
}

/** What the project's own rules say of modules in a project with the package; nothing where all is well. */
export const typeErrors = async (
  project: string,
  modules: Readonly<Record<string, string>>
): Promise<ReadonlyArray<string>> => {
  for (const [name, text] of Object.entries(modules)) {
    Fs.mkdirSync(Path.dirname(Path.join(project, name)), { recursive: true })
    Fs.writeFileSync(Path.join(project, name), text)
  }
  Fs.writeFileSync(Path.join(project, "package.json"), '{ "type": "module" }')
  Fs.writeFileSync(
    Path.join(project, "tsconfig.json"),
    JSON.stringify({
      extends: Path.join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        allowImportingTsExtensions: false,
        outDir: "out",
        rootDir: ".",
        // The package's types are checked as well.
        skipLibCheck: false,
        // A page may show what it does not use.
        noUnusedLocals: false,
        typeRoots: [Path.join(root, "node_modules/@types")]
      },
      include: [],
      files: Object.keys(modules)
    })
  )
  const { output } = await tsc(["-p", ".", "--pretty", "false"], project)
  // An error goes on in lines that are moved in.
  return output.split(/\n(?! )/).filter((error) => error !== "")
}

/** Runs a module that was checked, and gives its output. */
export const runModule = async (project: string, name: string): Promise<string> => {
  const { output, status } = await run([Path.join("out", name.replace(/\.ts$/, ".js"))], project)
  if (status !== 0) throw new Error(`${name} failed: ${output}`)
  return output
}
