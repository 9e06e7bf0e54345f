/**
 * A Linux program of under 200 bytes that needs nothing but the kernel, so that
 * a sandbox can be tried on any machine without a base image. It prints
 * {@link OUTPUT} and ends with the number of its arguments for a status. The
 * system calls are `write` and `exit`.
 */
import * as Option from "effect/Option"
import * as ElfProgram from "./ElfProgram.ts"

export const OUTPUT = "obuilder healthcheck\n"

/** 32-bit little-endian words. */
const words = (...values: ReadonlyArray<number>): Uint8Array => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4))
  return bytes
}

const int32 = (value: number): Uint8Array => words(value)

const X64_LENGTH = 34

const codes: Readonly<Record<string, (length: number) => Uint8Array>> = {
  x64: (length) =>
    Buffer.concat(
      [
        [0xbf, 1, 0, 0, 0], // mov edi, 1
        [0xbe, ...int32(ElfProgram.ENTRY + X64_LENGTH)], // mov esi, text
        [0xba, ...int32(length)], // mov edx, length
        [0xb8, 1, 0, 0, 0], // mov eax, write
        [0x0f, 0x05], // syscall
        [0x8b, 0x3c, 0x24], // mov edi, [rsp]: argc
        [0xff, 0xcf], // dec edi
        [0xb8, 60, 0, 0, 0], // mov eax, exit
        [0x0f, 0x05] // syscall
      ].map((bytes) => Buffer.from(bytes))
    ),
  arm64: (length) =>
    words(
      0xd2800020, // mov x0, 1
      0x10000101, // adr x1, text
      0xd2800002 + length * 32, // mov x2, length
      0xd2800808, // mov x8, write
      0xd4000001, // svc 0
      0xf94003e0, // ldr x0, [sp]: argc
      0xd1000400, // sub x0, x0, 1
      0xd2800ba8, // mov x8, exit
      0xd4000001 // svc 0
    )
}

/** The program for a processor, as Node names it. */
export const forArchitecture = (architecture: string): Option.Option<Uint8Array> => {
  const text = Buffer.from(OUTPUT)
  const code = codes[architecture]
  return Option.fromNullable(code && ElfProgram.make(architecture, Buffer.concat([code(text.length), text])))
}
