/**
 * Linux programs of a few hundred bytes that need nothing but the kernel: an ELF
 * header, one loadable segment, and code that somebody has assembled (elf(5)).
 */
const HEADERS = 64 + 56

/** Where the file is in memory; code begins {@link ENTRY}. */
const ADDRESS = 0x400000
export const ENTRY = ADDRESS + HEADERS

/** `e_machine`, by Node's names of processors. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }

/** The file; `undefined` for a processor that is not known here. */
export const make = (architecture: string, code: Uint8Array): Uint8Array | undefined => {
  const machine = MACHINES[architecture]
  if (machine === undefined) return undefined
  const size = HEADERS + code.length
  const header = Buffer.alloc(HEADERS)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  header.writeUInt16LE(2, 16) // e_type: an executable
  header.writeUInt16LE(machine, 18)
  header.writeUInt32LE(1, 20) // e_version
  header.writeBigUInt64LE(BigInt(ENTRY), 24) // e_entry
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
  return Buffer.concat([header, code])
}
