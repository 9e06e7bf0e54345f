/** Images of results in the hands of other programs that unpack, copy and run images. */
import { execFileSync } from "node:child_process"
import { afterAll, beforeAll, expect, it } from "vitest"
import { describeWith } from "../../requirements.ts"
import { describeTree } from "../base/trees.ts"
import { manifestOf } from "./layouts.ts"
import { base, LAYERS, Specimen } from "./specimen.ts"

const specimen = new Specimen("tools")

const run = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { cwd: specimen.at("."), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const treeAt = (name: string): ReadonlyArray<string> => describeTree(specimen.at(name), { times: true })

/** containers/storage has no times before 1970, does not set directories' back when it has written to them, and copies links of links. */
const asStored = (line: string): string =>
  line
    .replace(/@-\d+$/, "@0")
    .replace(/^(d.*) @\d+$/, "$1")
    .replace(/^(l.*) = [^=]*( @\d+)$/, "$1$2")

/** What is said of the image besides what the spec says. */
const SAID = [
  ...["--entrypoint", '["/bin/sh","-c"]', "--cmd", '["echo $FROM_BASE $CHANGED $MORE; pwd; id -u"]'],
  ...["--label=a=b", "--env=MORE=also", "--expose=80/tcp"]
]

describeWith(["root", "runc", "overlay", "busybox"], "an image of a result", () => {
  let expected: ReadonlyArray<string>

  beforeAll(async () => {
    await specimen.build()
    await specimen.exports("dir", "dir")
    expected = treeAt("dir")
    expect(expected.length).toBeGreaterThan(80)
    await specimen.exports("oci", "layout", { more: [...SAID, "--annotation=note=x", "--tag=layered"] })
    await specimen.exports("oci", "layout", { more: [...SAID, "--tag=squashed", "--squash"] })
    await specimen.exports("oci-archive", "oci.tar", { more: [...SAID, "--tag=layered"] })
    await specimen.exports("docker-archive", "docker.tar", { more: [...SAID, "--tag=team/it:1"] })
  })

  it("begins with the base's own layers, and has one for each step that changed something", () => {
    const of = (path: string, name: string) => manifestOf(specimen.at(path), name).layers
    const layers = of("layout", "layered")
    expect(layers).toHaveLength(LAYERS)
    expect(layers.slice(0, base.layers.length)).toEqual(of("source/base", "latest"))
    expect(of("layout", "squashed")).toHaveLength(1)
  })

  describeWith(["umoci"], "that umoci unpacks", () => {
    it.each(["layered", "squashed"])("is the tree of the result, %s", (name) => {
      run("umoci", "unpack", "--image", `layout:${name}`, name)
      expect(treeAt(`${name}/rootfs`)).toEqual(expected)
    })
  })

  describeWith(["skopeo"], "that skopeo copies", () => {
    const sources = [
      "oci:layout:layered",
      "oci:layout:squashed",
      "oci-archive:oci.tar:layered",
      "docker-archive:docker.tar"
    ]

    it.each(sources)("arrives from %s", (source) => {
      const copy = `copy-${sources.indexOf(source)}`
      run("skopeo", "copy", "--quiet", "--insecure-policy", "--tmpdir", specimen.at("."), source, `dir:${copy}`)
      const { layers }: { layers: ReadonlyArray<unknown> } = JSON.parse(run("cat", `${copy}/manifest.json`))
      expect(layers).toHaveLength(source.endsWith("squashed") ? 1 : LAYERS)
    })

    it.each(sources)("says in %s how it is run and how it was made", (source) => {
      const { config, history, rootfs, ...rest } = JSON.parse(run("skopeo", "inspect", "--config", source))
      expect(rest).toEqual({ created: expect.stringMatching(/^20/), architecture: "amd64", os: "linux" })
      expect(config).toEqual({
        User: "1000:1000",
        ExposedPorts: { "80/tcp": {} },
        Env: ["PATH=/bin:/usr/bin", "FROM_BASE=kept", "CHANGED=yes", "MORE=also"],
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["echo $FROM_BASE $CHANGED $MORE; pwd; id -u"],
        WorkingDir: "/work",
        Labels: { "of.base": "yes", a: "b", "obuilder.result": specimen.id },
        StopSignal: "SIGINT"
      })
      const filled = history.filter((entry: { readonly empty_layer?: boolean }) => entry.empty_layer !== true)
      expect(filled).toHaveLength(rootfs.diff_ids.length)
      const made = history.map((entry: { readonly created_by: string }) => entry.created_by)
      if (source.endsWith("squashed")) expect(made).toHaveLength(1)
      else {
        expect(made.slice(0, 8)).toEqual(["step 0", "step 1", "step 2", "step 3", "step 4", "step 5", "ENV", made[7]])
        expect(made).toHaveLength(13)
      }
    })
  })

  describeWith(["buildah"], "that buildah runs", () => {
    const buildah = (...words: ReadonlyArray<string>): string =>
      run(
        ...(["buildah", "--storage-driver=vfs", "--root", specimen.at("buildah/root")] as const),
        ...["--runroot", specimen.at("buildah/run"), ...words]
      )
    const containers = ["oci.tar", "docker.tar"]

    beforeAll(() => {
      const policy = specimen.program.write(
        "policy.json",
        JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] })
      )
      for (const [name, kind] of [
        ["oci.tar", "oci-archive"],
        ["docker.tar", "docker-archive"]
      ] as const) {
        buildah("from", "--signature-policy", policy, "--name", name, `${kind}:${specimen.at(name)}`)
      }
    })
    afterAll(() => {
      buildah("rm", "--all")
    })

    it.each(containers)("has the result's files, from %s", (name) => {
      const root = buildah("mount", name).trim()
      expect(describeTree(root, { times: true }).map(asStored)).toEqual(expected.map(asStored))
      buildah("umount", name)
    })

    it.each(containers)("has its environment, user and directory, from %s", (name) => {
      const said = buildah(
        "run",
        "--isolation=chroot",
        name,
        "--",
        "sh",
        "-c",
        "echo $FROM_BASE $CHANGED $MORE; pwd; id -u; cat /tmp/mine"
      )
      expect(said).toBe("kept yes also\n/work\n1000\nyes\n")
    })
  })
})
