/** All rules that look at a spec alone, in the order of their documentation. */
import type { Rule } from "./Rule.ts"
import { badBase, latestBase, unpinnedBase } from "./rules/Bases.ts"
import { shadowedBuild, unusedBuild } from "./rules/Builds.ts"
import { cacheOwner, nestedMount } from "./rules/Caches.ts"
import * as Commands from "./rules/Commands.ts"
import { excludePath, sourcePattern } from "./rules/Copies.ts"
import * as Settings from "./rules/Settings.ts"

export const all: ReadonlyArray<Rule> = [
  badBase,
  latestBase,
  unpinnedBase,
  unusedBuild,
  shadowedBuild,
  cacheOwner,
  nestedMount,
  Commands.broadCopy,
  Commands.noNetwork,
  Commands.aptYes,
  Commands.aptUpdate,
  Commands.emptyCommand,
  Commands.lostSetting,
  Settings.secretInEnv,
  Settings.literalVariable,
  Settings.lostPath,
  Settings.noEffect,
  Settings.relativeWorkdir,
  excludePath,
  sourcePattern
]
