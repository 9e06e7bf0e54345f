/**
 * From what a step is to its id: the SHA-256 of a versioned, domain-separated,
 * canonical (RFC 8785) encoding of everything that can change its result, and
 * of nothing else. `docs/plan-format.md` documents it; test vectors are in
 * `test/plan/vectors.json`.
 */
import canonicalize from "canonicalize"
import { Digest, sha256, type StepId, stepId } from "../domain/Digest.ts"
import type { BaseFormat, Variable } from "../domain/Inputs.ts"
import type { Preserve } from "../domain/Preserve.ts"
import type { User } from "../domain/Spec.ts"
import type { CopyStep, Destination, PlannedMount, RunStep, Step } from "./Plan.ts"

/** Changes whenever the same key would have to mean another result. */
const DOMAIN = "obuilder-step-v1\n"

/** What names a step. Parents are planned ids in a plan and realised ids in a store. */
export type StepKey =
  | { readonly kind: "base"; readonly format: BaseFormat; readonly digest: Digest; readonly platform: string }
  | {
      readonly kind: "run"
      readonly parent: StepId
      readonly argv: ReadonlyArray<string>
      readonly cwd: string
      readonly user: User
      readonly environment: ReadonlyArray<Variable>
      readonly network: "none" | "host"
      readonly caches: ReadonlyArray<PlannedMount>
      readonly secrets: ReadonlyArray<PlannedMount>
    }
  | {
      readonly kind: "copy"
      readonly parent: StepId
      readonly content: CopyContent
      readonly destination: Destination
      readonly user: User
      /** In the key only where something is preserved. */
      readonly preserve?: Preserve | undefined
    }

/** What is copied: known by its digest, or, until a nested build has run, by where it will come from. */
export type CopyContent =
  | { readonly digest: Digest }
  | {
      readonly build: StepId
      readonly src: ReadonlyArray<string>
      readonly exclude: ReadonlyArray<string>
      /** In the key only where it is true. */
      readonly contents?: true | undefined
    }

/** The text that is hashed: documented, so that another implementation can compute the same ids. */
export const encode = (key: StepKey): string => DOMAIN + (canonicalize(keyData(key)) ?? "")

/** The id of a step. */
export const idOf = (key: StepKey): StepId => stepId(sha256(encode(key)))

const keyData = (key: StepKey): object => {
  switch (key.kind) {
    case "base":
      return { kind: key.kind, format: key.format, digest: key.digest, platform: key.platform }
    case "run":
      return {
        kind: key.kind,
        parent: key.parent,
        argv: key.argv,
        cwd: key.cwd,
        user: userData(key.user),
        environment: key.environment.map(({ name, value }) => [name, value]),
        network: key.network,
        caches: key.caches.map(mountData),
        secrets: key.secrets.map(mountData)
      }
    case "copy":
      return {
        kind: key.kind,
        parent: key.parent,
        content:
          "digest" in key.content
            ? { digest: key.content.digest }
            : {
                build: key.content.build,
                src: key.content.src,
                exclude: key.content.exclude,
                ...(key.content.contents === true ? { contents: true } : {})
              },
        destination: { form: key.destination.form, path: key.destination.path },
        ...(key.preserve === undefined ? {} : { preserve: key.preserve }),
        user: userData(key.user)
      }
  }
}

const userData = (user: User): object => (user._tag === "Unix" ? { uid: user.uid, gid: user.gid } : { name: user.name })

const mountData = (mount: PlannedMount): ReadonlyArray<string> => [mount.id, mount.target]

const runKey = (step: RunStep, parent: StepId): StepKey => ({ ...step, parent })

const copyKey = (step: CopyStep, parent: StepId, content: CopyContent): StepKey => ({
  kind: "copy",
  parent,
  content,
  destination: step.destination,
  user: step.user,
  preserve: step.preserve
})

/** What a copy step's content is as long as nothing has run. */
const plannedContent = (step: Pick<CopyStep, "source" | "src" | "exclude" | "contents">): CopyContent =>
  step.source.from === "context"
    ? { digest: step.source.digest }
    : { build: step.source.step, src: step.src, exclude: step.exclude, contents: step.contents }

/** Steps whose ids were computed here, rather than read from somewhere. */
const identified = new WeakSet<Step>()

/** Gives a step its planned id. */
export const identify = <S extends Step>(step: Omit<S, "id">): S => {
  const whole = step as S
  const complete: S = { ...whole, id: idOf(plannedKey(whole)) }
  identified.add(complete)
  return complete
}

/** A step that will not be part of a plan: with an id that says nothing, since to find out a real one takes time. */
export const unidentified = <S extends Step>(step: Omit<S, "id">): S => ({ ...(step as S), id: NO_ID })

const NO_ID = stepId(Digest.make("0".repeat(64), { disableValidation: true }))

const plannedKey = (step: Step): StepKey =>
  step.kind === "copy" ? copyKey(step, step.parent, plannedContent(step)) : step

/** The id that a step has in a store: that of its planned form with the realised parent, and for a copy the realised content. */
export const realisedId = (step: Step, parent: StepId | undefined, content?: CopyContent): StepId => {
  const on = parent ?? step.parent
  if (on === step.parent && identified.has(step) && isPlanned(step, content)) return step.id
  if (step.kind === "base" || on === null) return idOf(plannedKey(step))
  return idOf(step.kind === "run" ? runKey(step, on) : copyKey(step, on, content ?? plannedContent(step)))
}

/** Whether this content is what the step was planned with. */
const isPlanned = (step: Step, content: CopyContent | undefined): boolean =>
  content === undefined ||
  (step.kind === "copy" &&
    step.source.from === "context" &&
    "digest" in content &&
    content.digest === step.source.digest)
