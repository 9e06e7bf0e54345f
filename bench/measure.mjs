/**
 * How things are measured here: the variants take turns, round after round, so
 * that whatever else the machine does hits all of them, and each round gives a
 * ratio of its own. What is reported is the median of those ratios, with the
 * smallest and the largest.
 */

/** The middle one; of an even number the mean of the two in the middle. */
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/**
 * Runs the variants in turn. Each is a function that returns how long it took,
 * in milliseconds, or a promise of it; what it has to prepare is not part of
 * that. The result has a list of times for each, without the warm-up rounds.
 */
export const alternate = async (variants, { rounds, warmUp = 1 }) => {
  const times = Object.fromEntries(Object.keys(variants).map((name) => [name, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      const time = await run(round)
      if (round >= 0) times[name].push(time)
    }
  }
  return times
}

/** Milliseconds that a function takes, synchronous or not. */
export const timed = async (work) => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** A figure that is a ratio of two variants' times, round by round. */
export const ratio = ({ name, times, of, to, target }) => ({
  name,
  unit: `× ${to}`,
  values: times[of].map((time, round) => time / times[to][round]),
  target,
  times: { [of]: times[of], [to]: times[to] }
})

/** A figure that stands for itself: milliseconds, megabytes. */
export const absolute = ({ name, unit, values, target }) => ({ name, unit, values, target, times: {} })
