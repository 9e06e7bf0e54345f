/**
 * How things are measured here: the variants take turns, round after round, so
 * that whatever else the machine does hits all of them, and each round gives a
 * ratio of its own. What is reported is the median of those ratios, with the
 * smallest and the largest; and beside it the ratio of the processor time that
 * all rounds took together, which depends less on what else the machine does.
 */
import { readFileSync } from "node:fs"

/** The middle one; of an even number the mean of the two in the middle. */
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/**
 * Processor time in milliseconds, of this process and of those that it has
 * waited for and they for theirs: proc(5), in hundredths of a second.
 */
const processorTime = () => {
  const { system, user } = process.cpuUsage()
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1).split(" ")
  return (system + user) / 1000 + (Number(fields[13]) + Number(fields[14])) * 10
}

/** What a function takes, synchronous or not: milliseconds on the clock, and of the processors. */
export const timed = async (work) => {
  const before = processorTime()
  const start = performance.now()
  await work()
  return { clock: performance.now() - start, processor: processorTime() - before }
}

/**
 * Runs the variants in turn. Each is a function that returns what `timed` says
 * of what is to be measured of it; what it has to prepare is not part of that.
 * The result has a list of those for each variant, without the warm-up rounds.
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

const sum = (values) => values.reduce((total, value) => total + value, 0)

/** A figure that is a ratio of two variants' times, round by round. */
export const ratio = ({ name, times, of, to, target }) => ({
  name,
  unit: `× ${to}`,
  values: times[of].map(({ clock }, round) => clock / times[to][round].clock),
  processor: sum(times[of].map(({ processor }) => processor)) / sum(times[to].map(({ processor }) => processor)),
  target,
  times: { [of]: times[of].map(({ clock }) => clock), [to]: times[to].map(({ clock }) => clock) }
})

/** A figure that is a time in milliseconds. */
export const time = ({ name, times, target }) => ({
  name,
  unit: "ms",
  values: times.map(({ clock }) => clock),
  processor: sum(times.map(({ processor }) => processor)) / times.length,
  target,
  times: {}
})

/** A figure that stands for itself. */
export const absolute = ({ name, unit, values, target }) => ({ name, unit, values, target, times: {} })
