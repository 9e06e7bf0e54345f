/**
 * Counts how often each branch of a module is taken, in `globalThis.branches`: after each `{`, at both arms of `?:`, at
 * the right of `&&`, `||` and `??`, at the cases of `switch`, and where an `else` is not written.
 */
import { parseAst } from "vitest/node"

/** The module's text with counters, and how many there are. */
export const instrument = (source) => {
  const insertions = []
  let branches = 0
  const add = (at, text, end) => insertions.push({ at, text, end, order: insertions.length })
  const count = () => `__c[${branches++}]++`
  const wrap = (node, before, after) => {
    add(node.start, before, false)
    add(node.end, after, true)
  }
  const expression = (node) => wrap(node, `(${count()},`, ")")
  const statement = (node) => {
    if (node.type !== "BlockStatement") wrap(node, `{${count()};`, "}")
  }
  const visit = (node) => {
    switch (node.type) {
      case "BlockStatement":
        add(node.start + 1, `${count()};`, false)
        break
      case "IfStatement":
        if (node.alternate === null) add(node.end, ` else ${count()};`, true)
        else statement(node.alternate)
        statement(node.consequent)
        break
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement":
      case "WhileStatement":
      case "DoWhileStatement":
        statement(node.body)
        break
      case "ConditionalExpression":
        expression(node.consequent)
        expression(node.alternate)
        break
      case "LogicalExpression":
        expression(node.right)
        break
      case "ArrowFunctionExpression":
        if (node.body.type !== "BlockStatement") expression(node.body)
        break
      case "SwitchCase":
        if (node.consequent.length > 0) add(node.consequent[0].start, `${count()};`, false)
        break
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === "string") visit(child)
      }
    }
  }
  visit(parseAst(source))
  // What ends at a place comes before what begins there; what encloses begins first and ends last.
  insertions.sort((a, b) => a.at - b.at || (a.end ? (b.end ? b.order - a.order : -1) : b.end ? 1 : a.order - b.order))
  const parts = ["const __c = globalThis.branches;\n"]
  let copied = 0
  for (const { at, text } of insertions) {
    parts.push(source.slice(copied, at), text)
    copied = at
  }
  parts.push(source.slice(copied))
  return { code: parts.join(""), branches }
}
