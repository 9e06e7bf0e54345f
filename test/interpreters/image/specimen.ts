/** A result of several steps to make images of, in a store and by the program that users have. */
import * as Fs from "node:fs"
import { expect } from "vitest"
import { Program } from "../../robustness/program.ts"
import { directory, type Entry, type Image, ociLayout } from "../base/images.ts"
import { everything, system } from "../base/specimens.ts"

/** All that `everything` has without saying it, so that every directory has a time of its own. */
const implied = ["long".repeat(30), "deep", "deep/er", "deep/er/and", "gone"].map((path) =>
  directory("x", { mtime: 1_000, pax: { path } })
)

/** Docker cannot load a hard link whose file its own layer does not have, and not save what has come through an absolute link. */
const all = everything.map((entries) =>
  entries
    .filter(({ path }) => path !== "later" && path !== "abs/through-absolute-link")
    // The largest ids that all stores have: those of zfs-fuse are numbers with a sign.
    .map((entry) => (entry.path === "owned" ? { ...entry, uid: 2 ** 31 - 1, gid: 2 ** 31 - 2 } : entry))
)

/** The image that the steps are on, with a past of its own. */
const on = (layers: ReadonlyArray<ReadonlyArray<Entry>>): Image => ({
  layers: [...system().layers, implied, ...layers],
  env: ["PATH=/bin:/usr/bin", "FROM_BASE=kept", "CHANGED=no"],
  name: "latest",
  config: {
    created: "2020-01-01T00:00:00Z",
    config: {
      Env: ["PATH=/bin:/usr/bin", "FROM_BASE=kept", "CHANGED=no"],
      Labels: { "of.base": "yes" },
      Cmd: ["sh"],
      StopSignal: "SIGINT"
    },
    history: [
      ...Array.from({ length: 6 }, (_, index) => ({ created: "2020-01-01T00:00:00Z", created_by: `step ${index}` })),
      { created: "2020-01-01T00:00:00Z", created_by: "ENV", empty_layer: true }
    ]
  }
})

export const base = on(all)

const isAttribute = (pax: Entry["pax"]): boolean => Object.keys(pax ?? {}).some((key) => key.startsWith("SCHILY."))

/** ZFS as a program has no extended attributes. */
const bare = on(
  all.map((entries) =>
    entries.map(({ pax, ...entry }) => (isAttribute(pax) || pax === undefined ? entry : { ...entry, pax }))
  )
)

/** Steps of which each has its own layer, but for the one that does nothing. */
const STEPS = 6
const EMPTY_STEPS = 1
export const LAYERS = base.layers.length + STEPS - EMPTY_STEPS

const LONG = "n".repeat(200)

/** Nothing here depends on the kind of store, as what becomes of a base's hard links does where they are written to. */
/** Changes files that are there, which some stores let one do only for all that have them. */
const IN_PLACE = ` (run (shell "set -e
   chmod 711 /capable /noted; chown 5:6 /owned; echo more >> /big; chmod 4755 /none; touch -d @5 /lib/through-link
   ln /new/setuid /new/other-setuid"))
`

const SPEC = `((from oci:base)
 (shell /bin/sh -c)
 (env CHANGED yes)
 (run (shell "set -e
   mkdir -p /new/deep/er; cd /new
   echo hello > file; ln file hard; ln file deep/er/hard; ln -s file soft; ln soft soft-hard; mkfifo -m 640 pipe
   truncate -s 1000000 sparse; echo end >> sparse; seq 1 400000 > numbers; : > empty
   echo long > ${LONG}; mkdir deep/${LONG}; echo deep > deep/${LONG}/${LONG}; ln -s ${LONG}/${LONG} deep/far
   echo été > 'été ☃'; ln -s 'été ☃' 'link\\n日本'
   echo setuid > setuid; chown 1000:2000 setuid; chmod 6755 setuid; chown -h 7:8 soft
   mkdir sticky; chmod 1777 sticky; touch -d @1234567890 file sticky; touch -d @-5 empty"))
 (copy (src copied) (dst /))
${IN_PLACE} (run (shell "set -e
   rm -r /sticky /abs /opaque/new /hard2; rm /new/deep/${LONG}/${LONG}; echo new > /new/empty2; mv /new/empty2 /new/empty
   rm /becomes-file; mkdir -p /becomes-file/in; rm -r /becomes-dir; echo 1 > /becomes-dir
   rm -r /stays; ln -s usr /stays; rm /pipe; echo pipe > /pipe; ln /new/link* /new/other-link"))
 (run (shell true))
 (user (uid 1000) (gid 1000))
 (workdir /work)
 (run (shell "echo $CHANGED > /tmp/mine; id -u > /tmp/id")))
`

/** What is built, once, for all tests of a file. */
export class Specimen {
  readonly program: Program
  /** The words that name its store. */
  readonly store: ReadonlyArray<string>
  /** The result, when it was built. */
  id = ""

  constructor(name: string, store?: ReadonlyArray<string>) {
    this.program = new Program(name)
    this.store = store ?? [`--store=overlayfs:${this.program.path("store")}`]
  }

  /** Makes base and context, and builds. */
  async build(options: { readonly environment?: Readonly<Record<string, string>> } = {}): Promise<void> {
    this.prepare()
    this.id = await this.program.builds([...this.store, "-f", this.spec(), this.at("source")], options)
  }

  /** Makes what a build needs. */
  prepare({ attributes = true }: { readonly attributes?: boolean } = {}): void {
    ociLayout(this.at("source/base"), attributes ? base : bare)
    this.program.write("source/copied/tool", "#!/bin/sh\necho tool\n")
    this.program.write("source/copied/été/file", "copied\n")
    Fs.chmodSync(this.at("source/copied/tool"), 0o755)
    Fs.symlinkSync("tool", this.at("source/copied/link"))
    for (const path of ["tool", "été/file"])
      Fs.utimesSync(this.at(`source/copied/${path}`), 1_600_000_000, 1_600_000_000)
  }

  /** The spec's file; without the step that changes files in place if that is asked for. */
  spec({ inPlace = true }: { readonly inPlace?: boolean } = {}): string {
    return this.program.write("spec", inPlace ? SPEC : SPEC.replace(IN_PLACE, ""))
  }

  at(name: string): string {
    return this.program.path(name)
  }

  /** Exports it, which has to succeed, and gives the output's path. */
  async exports(
    format: string,
    name: string,
    {
      environment,
      more = []
    }: { readonly more?: ReadonlyArray<string>; readonly environment?: Record<string, string> } = {}
  ): Promise<string> {
    const words = ["export", ...this.store, `--format=${format}`, "-o", this.at(name), ...more, this.id]
    const { status, stderr } = await this.program.run(words, { environment: { ...environment } })
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    return this.at(name)
  }
}
