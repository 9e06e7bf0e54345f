/** Changes inputs at random. All of it follows from the seed. */

/** Numbers below `limit`, equally likely. */
export const generator = (seed) => {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) % limit
  }
}

/** One to six changes, in bytes. `other` is another input to take parts from. */
export const mutate = (data, other, words, random, longest) => {
  let result = Buffer.from(data)
  for (let left = 1 + random(6); left > 0; left--) {
    const at = random(result.length + 1)
    const length = random(Math.min(result.length - at, 1 << random(10)) + 1)
    const part = result.subarray(at, at + length)
    const splice = (replacement, end = at + length) =>
      Buffer.concat([result.subarray(0, at), replacement, result.subarray(end)])
    switch (random(9)) {
      case 0:
        result = splice(Buffer.alloc(0))
        break
      case 1:
        result = splice(Buffer.concat([part, part]))
        break
      case 2:
        result = splice(Buffer.from([random(256)]), at)
        break
      case 3:
        result = splice(Buffer.from([random(256)]), at + 1)
        break
      case 4: {
        const from = random(other.length + 1)
        result = splice(other.subarray(from, from + random(64)))
        break
      }
      // Rarely far too much of something: what takes quadratic time shows then.
      case 5:
        if (random(50) === 0) result = splice(Buffer.concat(Array.from({ length: 1 << random(10) }, () => part)))
        break
      default:
        result = splice(words[random(words.length)], at + random(2) * length)
    }
  }
  return result.subarray(0, longest)
}
