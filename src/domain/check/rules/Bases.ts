/** Rules about what a spec begins with. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ImageReference from "../../ImageReference.ts"
import { show } from "../../SpecFields.ts"
import type { Match, Rule } from "../Rule.ts"
import type { Stage, Subject } from "../Subject.ts"

export const badBase: Rule = {
  name: "bad-base",
  severity: "error",
  summary: "a base whose name cannot be one",
  why: "the build ends before it has begun",
  remedy: "name an image in one of the ways that `from` knows",
  find: ({ stages }) =>
    stages.flatMap(({ spec }): ReadonlyArray<Match> =>
      Either.match(ImageReference.parse(spec.from), {
        onLeft: ({ hint, message }) => [{ part: spec, message, hint: Option.getOrUndefined(hint) }],
        onRight: () => []
      })
    )
}

export const latestBase: Rule = {
  name: "latest-base",
  severity: "warning",
  summary: "a base in a registry without a tag, or with the tag `latest`",
  why: "it is another image after each release of it",
  remedy: "name a version, and its digest with `obuilder pin`",
  find: (subject) =>
    unpinned(subject, (tag) => tag === "latest").map(({ spec }) => ({
      part: spec,
      message: `the base ${show(spec.from)} is whatever its latest version is on the day of the build`,
      hint: "name a version, then run `obuilder pin` to name its digest, too"
    }))
}

export const unpinnedBase: Rule = {
  name: "unpinned-base",
  severity: "warning",
  summary: "a base in a registry without a digest",
  why: "a tag may mean another image tomorrow, and what was built cannot be built again",
  remedy: "run `obuilder pin`",
  find: (subject) =>
    unpinned(subject, (tag) => tag !== "latest").map(({ spec }) => ({
      part: spec,
      message: `the base ${show(spec.from)} is not pinned by a digest`,
      hint: "run `obuilder pin` to name the image that the tag means today"
    }))
}

const unpinned = ({ stages }: Subject, wanted: (tag: string) => boolean): ReadonlyArray<Stage> =>
  stages.filter(({ spec }) => {
    const reference = Option.getOrUndefined(Either.getRight(ImageReference.parse(spec.from)))
    if (reference?._tag !== "Registry" || Option.isSome(reference.image.digest)) return false
    return wanted(Option.getOrElse(reference.image.tag, () => "latest"))
  })
