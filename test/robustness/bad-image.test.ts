/** Bases that cannot be had, and steps that the image cannot run. */
import * as Fs from "node:fs"
import { execFileSync } from "node:child_process"
import { beforeAll, describe, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"

const program = new Program("bad-image")
const at = (name: string): string => program.path(name)
const store = at("store")

const fails = (status: number, text: string): Promise<string> =>
  program.fails(
    status,
    ["build", "-q", `--store=overlayfs:${store}`, "-f", program.write("spec", text), at("source")],
    { store }
  )

const builds = (text: string): Promise<string> =>
  program.builds([`--store=overlayfs:${store}`, "-f", program.write("spec", text), at("source")], { store })

const BAD_INPUT = 2
const STEP_FAILED = 1

describeWith(["root", "runc", "overlay", "busybox", "tar"], "a bad image", () => {
  beforeAll(() => {
    makeBase(at("base"))
    program.write("source/file", "content\n")
    program.write("source/text", "this is no tar\n".repeat(100))
    execFileSync("tar", ["-czf", at("whole.tar.gz"), "-C", at("base"), "."])
    execFileSync("tar", ["-cf", at("whole.tar"), "-C", at("base"), "."])
    for (const name of ["tar", "tar.gz"]) {
      program.write(`source/cut.${name}`, Fs.readFileSync(at(`whole.${name}`)).subarray(0, 100_000))
    }
    program.write("source/layout/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    program.write("source/broken/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    program.write("source/broken/index.json", "{")
  })

  describe("as a base", () => {
    it.each([
      ["a path where nothing is", "rootfs:nowhere"],
      ["a path below a file", "rootfs:file/x"],
      ["no path", "rootfs:"],
      ["an OCI layout without an index", "oci:layout"],
      ["an OCI layout whose index is no JSON", "oci:broken"],
      ["a directory that is no OCI layout", "oci:."],
      ["a file that is no archive, as an OCI archive", "oci-archive:text"],
      ["a file that is no archive, as one of Docker's", "docker-archive:text"],
      ["an image in a registry that does not answer", "127.0.0.1:1/busybox:1.36"],
      ["an image in a registry that does not answer, which looks like a path", "127.0.0.1:1/rootfs:busybox"]
    ])("%s", async (_, base) => {
      expect(await fails(BAD_INPUT, `((from ${base}))`)).toMatchSnapshot()
    })

    it.each([
      ["a file that is no tar", "rootfs:text"],
      ["a tar that is cut off", "rootfs:cut.tar"],
      ["a compressed tar that is cut off", "rootfs:cut.tar.gz"]
    ])("%s", async (_, base) => {
      expect(await fails(STEP_FAILED, `((from ${base}))`)).toMatchSnapshot()
    })
  })

  describe("for a step", () => {
    const base = () => `(from rootfs:${at("base")})`

    it.each([
      ["the user is not in it", "(shell /bin/sh -c) (user (name bob)) (run (shell true))"],
      ["the copy's owner is not in it", "(user (name bob)) (copy (src file) (dst /))"],
      ["the default shell is not in it", "(run (shell true))"],
      ["the shell that is set is not in it", "(shell /bin/zsh -c) (run (shell true))"],
      ["the shell is a directory", "(shell /etc -c) (run (shell true))"],
      ["the shell is no program", "(shell /etc/passwd -c) (run (shell true))"],
      ["the working directory is a file", "(shell /bin/sh -c) (workdir /etc/passwd) (run (shell true))"],
      ["a cache goes where a file is", "(shell /bin/sh -c) (run (cache (c (target /etc/passwd))) (shell true))"]
    ])("where %s", async (_, operations) => {
      expect(await fails(STEP_FAILED, `(${base()}\n ${operations})`)).toMatchSnapshot()
    })

    it("where there is nothing at all", async () => {
      expect(await fails(STEP_FAILED, "((from scratch) (run (shell true)))")).toMatchSnapshot()
    })

    it("the working directory is made where it is missing", async () => {
      await builds(
        `(${base()} (shell /bin/sh -c) (workdir /new/one) (run (shell "[ $PWD = /new/one ] && echo > file")))`
      )
    })

    it.each([
      ["a value that is empty", '(env A "") (run (shell "[ \\"${A-unset}\\" = \\"\\" ]"))'],
      ["a value of several lines", '(env A "1\\n2") (run (shell "[ \\"$A\\" = \\"$(echo 1; echo 2)\\" ]"))'],
      ["one that is set twice", '(env A 1) (env A 2) (run (shell "[ $A = 2 ]"))'],
      ["a search path where nothing is", '(env PATH /nowhere) (run (shell "[ $PATH = /nowhere ]"))']
    ])("an environment variable may have %s", async (_, operations) => {
      await builds(`(${base()} (shell /bin/sh -c) ${operations})`)
    })

    it.each([
      ["has no name", '(env "" x)'],
      ["has = in its name", '(env "A=B" x)'],
      ["has a NUL in its value", '(env A "x\\000y")'],
      ["is not UTF-8", '(env A "\\255")']
    ])("an environment variable is refused that %s", async (_, operations) => {
      expect(await fails(BAD_INPUT, `(${base()}\n ${operations})`)).toMatchSnapshot()
    })

    it.each([
      ["a variable", (long: string) => `(env A ${long}) (run (shell true))`],
      ["a command", (long: string) => `(run (shell ${long}))`]
    ])("%s that is longer than the kernel takes fails the step", async (_, operations) => {
      const message = await fails(STEP_FAILED, `(${base()}\n (shell /bin/sh -c) ${operations("x".repeat(140_000))})`)
      expect(message.replaceAll(/x{1000,}/g, "xxx")).toMatchSnapshot()
    })
  })
})
