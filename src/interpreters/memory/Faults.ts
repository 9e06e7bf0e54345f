/**
 * What goes wrong in a test, and when.
 *
 * Everything that the layers in memory do passes a numbered point with a name.
 * A `Faults` is asked at each of them. The numbers count from 0 within one
 * session; the same program meets the same points in the same order, so that a
 * test can count them in one run and break each of them in others.
 */

/**
 * - `Fail`: the operation fails with the error of its contract.
 * - `Die`: the operation dies, as by a bug.
 * - `Interrupt`: the whole program is interrupted, as by Ctrl-C.
 * - `Crash`: the session ends as by `kill -9`: nothing that it does from here on
 *   reaches the world, its finalizers included.
 */
export type Fault = "Fail" | "Die" | "Interrupt" | "Crash"

/** All faults; `Crash` alone is honoured at points in finalizers, which can neither fail nor be interrupted. */
export const all: ReadonlyArray<Fault> = ["Fail", "Die", "Interrupt", "Crash"]

export interface Point {
  /** How many points the session passed before this one. */
  readonly index: number
  /** Such as `store.build.commit` or `sandbox.command`. */
  readonly name: string
}

export type Faults = (point: Point) => Fault | undefined

export const none: Faults = () => undefined

/** Whether a point is in a finalizer, or in what may come to nothing: a build succeeds whatever fails there. */
export const isForgiven = (name: string): boolean =>
  name.endsWith(".release") ||
  name.endsWith(".drop") ||
  ["store.used", "store.note", "store.children", "store.annotate"].includes(name)

/** One fault, at the point with this index. */
export const at =
  (index: number, fault: Fault): Faults =>
  (point) =>
    point.index === index ? fault : undefined

/** One fault, at the n-th point of this name, counting from 0. Good for one session. */
export const named = (name: string, fault: Fault, occurrence = 0): Faults => {
  let seen = 0
  return (point) => (point.name === name && seen++ === occurrence ? fault : undefined)
}
