import { describe, expect, it } from "vitest"
import { defaultStore, kindFor } from "../../src/cli/DefaultStore.ts"

const EXT4 = 0xef53
const BTRFS = 0x9123683e
const XFS = 0x58465342
const OVERLAY = 0x794c7630

describe("the store that is taken where none is named", () => {
  it.each([
    ["overlayfs", undefined, true, EXT4],
    ["overlayfs", undefined, true, BTRFS],
    ["btrfs", undefined, false, BTRFS],
    ["xfs", undefined, false, XFS],
    ["rsync", undefined, false, EXT4],
    ["rsync", undefined, true, OVERLAY],
    ["btrfs", '{"kind":"btrfs","version":2}\n', true, EXT4],
    ["overlayfs", "something else", true, EXT4]
  ])("is %s where a store says %j, overlayfs is there: %j, on %d", (kind, format, hasOverlayfs, fileSystem) => {
    expect(kindFor({ format, hasOverlayfs, fileSystem })).toBe(kind)
  })

  it("is in /var/lib/obuilder", () => {
    expect(defaultStore()).toMatch(/^(?:overlayfs|btrfs|xfs|rsync):\/var\/lib\/obuilder$/)
  })
})
