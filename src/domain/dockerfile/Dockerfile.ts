/**
 * A Dockerfile as it was written: its directives and instructions, in order, each with its place in the text.
 *
 * What instructions mean is not looked at here. `DockerfileParser.ts` makes one.
 */
import type { Source } from "../Source.ts"

/** Offsets in UTF-16 code units into the text; `end` is exclusive. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface Dockerfile {
  /** The file's name and text, and the lines and columns of offsets. */
  readonly source: Source
  /** Of `# escape=`; a backslash without it. */
  readonly escape: "\\" | "`"
  readonly directives: ReadonlyArray<Directive>
  readonly instructions: ReadonlyArray<Instruction>
}

/** A line like `# syntax=docker/dockerfile:1` at the top of the file. */
export interface Directive {
  /** In lower case: `syntax`, `escape` or `check`. */
  readonly name: string
  readonly value: string
  readonly range: Range
}

export interface Instruction {
  /** In upper case: `FROM`, `RUN`, … */
  readonly keyword: string
  /** From the keyword to the end of the instruction, here-documents included, without the last line's end. */
  readonly range: Range
  /** The leading `--name=value` and `--name`, in order, repeated ones too. */
  readonly flags: ReadonlyArray<InstructionFlag>
  /** What follows the flags: continuation lines joined, and comments and empty lines among them dropped, as BuildKit does it. */
  readonly text: string
  /** Where `text` stands in the source. */
  readonly argumentsRange: Range
  /** Where the part of `text` from `start` to `end` stands in the source, for what is wrong with a word of it. */
  readonly within: (start: number, end: number) => Range
  /** The exec form, where `text` is a JSON array of strings and nothing else. */
  readonly json: ReadonlyArray<string> | undefined
  /** In the order in which they are announced. */
  readonly heredocs: ReadonlyArray<Heredoc>
}

export interface InstructionFlag {
  readonly name: string
  /** `undefined` where there is no `=`. */
  readonly value: string | undefined
  readonly range: Range
}

/** A here-document: `<<NAME`, and the lines up to the one that says `NAME`. */
export interface Heredoc {
  readonly name: string
  /** Whether variables in it are replaced: false where the word was quoted, as in `<<'EOF'`. */
  readonly expand: boolean
  /** With its last line's end; without leading tabs where it was announced by `<<-`. */
  readonly content: string
  /** Of the content. */
  readonly range: Range
}
