/**
 * A Linux program of under 200 bytes that needs nothing but the kernel, so that
 * a sandbox can be tried on any machine without a base image. It prints
 * {@link OUTPUT} and ends with the number of its arguments for a status.
 *
 * The file is an ELF header, one loadable segment, the code and the text
 * (elf(5)); the system calls are `write` and `exit`.
 */
import * as Option from "effect/Option"

export const OUTPUT = "obuilder healthcheck\n"

const HEADERS = 64 + 56
const ADDRESS = 0x400000

interface Machine {
  /** `e_machine`. */
  readonly id: number
  readonly code: (length: number) => Uint8Array
}

/** 32-bit little-endian words. */
const words = (...values: ReadonlyArray<number>): Uint8Array => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4))
  return bytes
}

const int32 = (value: number): Uint8Array => words(value)

const X64_LENGTH = 34

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    id: 62,
    code: (length) =>
      Buffer.concat(
        [
          [0xbf, 1, 0, 0, 0], // mov edi, 1
          [0xbe, ...int32(ADDRESS + HEADERS + X64_LENGTH)], // mov esi, text
          [0xba, ...int32(length)], // mov edx, length
          [0xb8, 1, 0, 0, 0], // mov eax, write
          [0x0f, 0x05], // syscall
          [0x8b, 0x3c, 0x24], // mov edi, [rsp]: argc
          [0xff, 0xcf], // dec edi
          [0xb8, 60, 0, 0, 0], // mov eax, exit
          [0x0f, 0x05] // syscall
        ].map((bytes) => Buffer.from(bytes))
      )
  },
  arm64: {
    id: 183,
    code: (length) =>
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
}

/** The program for a processor, as Node names it. */
export const forArchitecture = (architecture: string): Option.Option<Uint8Array> =>
  Option.map(Option.fromNullable(machines[architecture]), (machine) => {
    const text = Buffer.from(OUTPUT)
    const code = machine.code(text.length)
    const size = HEADERS + code.length + text.length
    const header = Buffer.alloc(HEADERS)
    header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    header.writeUInt16LE(2, 16) // e_type: an executable
    header.writeUInt16LE(machine.id, 18)
    header.writeUInt32LE(1, 20) // e_version
    header.writeBigUInt64LE(BigInt(ADDRESS + HEADERS), 24) // e_entry
    header.writeBigUInt64LE(64n, 32) // e_phoff
    header.writeUInt16LE(64, 52) // e_ehsize
    header.writeUInt16LE(56, 54) // e_phentsize
    header.writeUInt16LE(1, 56) // e_phnum
    header.writeUInt32LE(1, 64) // p_type: loadable
    header.writeUInt32LE(5, 68) // p_flags: read and execute
    header.writeBigUInt64LE(BigInt(ADDRESS), 80) // p_vaddr
    header.writeBigUInt64LE(BigInt(ADDRESS), 88) // p_paddr
    header.writeBigUInt64LE(BigInt(size), 96) // p_filesz
    header.writeBigUInt64LE(BigInt(size), 104) // p_memsz
    header.writeBigUInt64LE(4096n, 112) // p_align
    return Buffer.concat([header, code, text])
  })
