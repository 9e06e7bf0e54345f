/**
 * Prints specs as OBuilder's `Spec.pp` does, one operation a line, and single
 * operations as its logs show them. What is printed reads back equal.
 */
import { BoxLayout } from "./BoxLayout.ts"
import { atom, list, type Sexp } from "./Sexp.ts"
import * as SexpPrinter from "./SexpPrinter.ts"
import type { BuildkitOption, Cache, Copy, Op, Run, Spec, User } from "./Spec.ts"

const field = (name: string, values: ReadonlyArray<string>): Sexp => list(atom(name), ...values.map(atom))

/** Fields that are left out when they are empty. */
const fieldUnlessEmpty = (name: string, values: ReadonlyArray<Sexp>): ReadonlyArray<Sexp> =>
  values.length === 0 ? [] : [list(atom(name), ...values)]

const option = ({ name, value }: BuildkitOption): Sexp => list(atom(name), atom(value))

const mount = ({ id, target, buildkitOptions }: Cache): Sexp =>
  list(
    atom(id),
    field("target", [target]),
    ...(buildkitOptions.length === 0 ? [] : [list(atom("buildkit_options"), list(...buildkitOptions.map(option)))])
  )

const runFields = (run: Run): ReadonlyArray<Sexp> => [
  ...fieldUnlessEmpty("cache", run.cache.map(mount)),
  ...fieldUnlessEmpty("network", run.network.map(atom)),
  ...fieldUnlessEmpty("secrets", run.secrets.map(mount)),
  field("shell", [run.shell])
]

const copyFields = (copy: Copy): ReadonlyArray<Sexp> => [
  ...(copy.from._tag === "Build" ? [list(atom("from"), field("build", [copy.from.name]))] : []),
  field("src", copy.src),
  field("dst", [copy.dst]),
  ...fieldUnlessEmpty("exclude", copy.exclude.map(atom)),
  ...(copy.contents === true ? [list(atom("contents"))] : []),
  ...fieldUnlessEmpty("preserve", (copy.preserve ?? []).map(atom))
]

const userFields = (user: User): ReadonlyArray<Sexp> =>
  user._tag === "Named"
    ? [field("name", [user.name])]
    : [field("uid", [String(user.uid)]), field("gid", [String(user.gid)])]

/** An operation as an S-expression. */
export const opSexp = (op: Op): Sexp => {
  switch (op._tag) {
    case "Comment":
      return field("comment", [op.text])
    case "Workdir":
      return field("workdir", [op.path])
    case "Shell":
      return field("shell", op.args)
    case "Run":
      return list(atom("run"), ...runFields(op))
    case "Copy":
      return list(atom("copy"), ...copyFields(op))
    case "User":
      return list(atom("user"), ...userFields(op.user))
    case "Env":
      return field("env", [op.name, op.value])
  }
}

/** An atom; one of several lines as several lines, each below the other. */
const layAtom = (layout: BoxLayout, value: string): void => {
  const lines = value.split("\n")
  if (lines.length === 1 || value.indexOf("\n") === value.length - 1) {
    layout.text(SexpPrinter.atom(value))
    return
  }
  layout.open("hov")
  // The blank makes up for the backslash that later lines begin with.
  layout.text(' "')
  for (const [index, line] of lines.entries()) {
    if (index > 0) {
      layout.text("\\")
      layout.newLine()
      layout.text("\\n")
    }
    layout.text(SexpPrinter.escape(line))
  }
  layout.text('"')
  layout.close()
}

const layFlat = (layout: BoxLayout, sexp: Sexp): void => {
  if (sexp._tag === "Atom") return layAtom(layout, sexp.value)
  layout.text("(")
  for (const [index, item] of sexp.items.entries()) {
    if (index > 0) layout.break(1)
    layFlat(layout, item)
  }
  layout.text(")")
}

const layLine = (layout: BoxLayout, sexp: Sexp): void => {
  layout.open("h")
  layFlat(layout, sexp)
  layout.close()
}

const layFields = (layout: BoxLayout, name: string, kind: "v" | "hv", fields: ReadonlyArray<Sexp>): void => {
  layout.text(`(${name} `)
  layout.open(kind)
  for (const [index, item] of fields.entries()) {
    if (index > 0) layout.break(kind === "v" ? 0 : 1)
    layLine(layout, item)
  }
  layout.close()
  layout.text(")")
}

const layOp = (layout: BoxLayout, op: Op): void => {
  if (op._tag === "Run") layFields(layout, "run", "v", runFields(op))
  else if (op._tag === "Copy") layFields(layout, "copy", "hv", copyFields(op))
  else layLine(layout, opSexp(op))
}

/** The items of a spec, each on a line of the box that is open. */
const layItems = (layout: BoxLayout, spec: Spec): void => {
  for (const { name, spec: nested } of spec.builds) {
    layout.text("(build ")
    layout.open("v")
    layAtom(layout, name)
    layout.break(0)
    layout.text("(")
    layout.open("v")
    layItems(layout, nested)
    layout.close()
    layout.text(")")
    layout.close()
    layout.text(")")
    layout.break(0)
  }
  layLine(layout, field("from", [spec.from]))
  for (const op of spec.ops) {
    layout.break(0)
    layOp(layout, op)
  }
}

const laidOut = (lay: (layout: BoxLayout) => void): string => {
  const layout = new BoxLayout()
  lay(layout)
  return layout.finish()
}

/** A whole spec, without a line end after the last line. */
export const print = (spec: Spec): string =>
  laidOut((layout) => {
    layout.text("(")
    layout.open("v")
    layItems(layout, spec)
    layout.close()
    layout.break(0)
    layout.text(")")
  })

/** One operation. */
export const printOp = (op: Op): string => laidOut((layout) => layOp(layout, op))

/** The line of the log that an operation begins with: `/src: (run (shell make))`. */
export const heading = (workdir: string, op: Op): string =>
  laidOut((layout) => {
    layout.open("v", 2)
    layout.text(workdir)
    layout.text(": ")
    layOp(layout, op)
    layout.close()
  })

/** The line of the log that a spec's steps begin with: `(from busybox)`. */
export const fromHeading = (base: string): string =>
  laidOut((layout) => {
    layout.text("(from ")
    layAtom(layout, base)
    layout.text(")")
  })

/** The line of the log that a nested build begins with: `(build "tools" …)`. */
export const buildHeading = (name: string): string => `(build ${SexpPrinter.quote(name)} …)`
