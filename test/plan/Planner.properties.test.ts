import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import type { Inputs } from "../../src/domain/Inputs.ts"
import { Cache, type Op, root, type Run, Secret, Spec } from "../../src/domain/Spec.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as MemoryBaseImages from "../../src/interpreters/memory/MemoryBaseImages.ts"
import * as MemorySession from "../../src/interpreters/memory/MemorySession.ts"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import * as Scenario from "../../src/interpreters/memory/Scenario.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import { Plan, type Step, stepsOf } from "../../src/plan/Plan.ts"
import { plan } from "../../src/plan/Planner.ts"
import * as Builds from "../interpreters/builds.ts"
import { onSteps, type Setup, variations, withoutEffect } from "./variations.ts"

const RUNS = { numRuns: 300 }

const inputsOf = (setup: Setup): Inputs =>
  Effect.gen(function* () {
    const session = yield* MemorySession.open(MemoryWorld.make(setup.bases))
    const images = MemoryBaseImages.make(session)
    const context = TreeSource.fromTree(FileTree.make(setup.context))
    return yield* observe(setup.spec, context).pipe(Effect.provideService(MemoryBaseImages.tag, images))
  }).pipe(Effect.scoped, Effect.runSync)

const planned = (setup: Setup): Plan => Builds.planNow(setup.spec, inputsOf(setup))

const ids = (steps: ReadonlyArray<Step>): ReadonlyArray<string> => steps.map((step) => step.id)

const mainSteps = (plan: Plan): ReadonlyArray<Step> => plan.steps.filter((step) => step.stage === "")
