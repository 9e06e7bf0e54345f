/** Looking for faults while others delete what is looked at. */
import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { sha256, stepId } from "../../../src/domain/Digest.ts"
import { faultOf, isDirectory } from "../../../src/interpreters/store/local/Check.ts"
import { Durability } from "../../../src/interpreters/store/local/Durability.ts"
import { Layout } from "../../../src/interpreters/store/local/Layout.ts"
import { type Meta, Results } from "../../../src/interpreters/store/local/Results.ts"
import { scratchDirectory } from "../host/scratch.ts"

const scratch = scratchDirectory("check")
const id = stepId(sha256("result"))

/** Deletes the result when it is asked for what the result says, or whether that can be trusted. */
class Deleting extends Results {
  private readonly layout_: Layout
  private readonly when: "said" | "get"

  constructor(layout: Layout, when: "said" | "get") {
    super(layout, new Durability(layout))
    this.layout_ = layout
    this.when = when
  }

  override said(): Meta | undefined {
    if (this.when === "said") return this.gone()
    return { version: 2, parent: null, heading: "", created: 0, boot: "", at: 0, layers: [], logSize: 0 }
  }

  override get(): Meta | undefined {
    return this.gone()
  }

  private gone(): undefined {
    Fs.rmSync(this.layout_.result(id), { recursive: true })
  }
}

describe("a result that is deleted while it is looked at", () => {
  it.each(["said", "get"] as const)("is no fault, at %s", (when) => {
    const layout = new Layout(`${scratch.path}/${when}`)
    Fs.mkdirSync(layout.result(id), { recursive: true })
    expect(faultOf(layout, new Deleting(layout, when), id, isDirectory)).toBeUndefined()
  })

  it("is one where it stays, and says nothing of itself", () => {
    const layout = new Layout(`${scratch.path}/stays`)
    Fs.mkdirSync(layout.result(id), { recursive: true })
    const results = new Results(layout, new Durability(layout))
    expect(faultOf(layout, results, id, isDirectory)).toBe("what is known of it cannot be read")
  })
})
