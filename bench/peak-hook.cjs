// Loaded into a process whose memory is measured: says at its end what its peak was.
const { readFileSync, writeFileSync } = require("node:fs")

const file = process.env.OBUILDER_BENCH_PEAK
// Not from `resourceUsage`, which counts the parent's memory where the process was made by vfork.
const peak = () => /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))[1]
process.on("exit", () => writeFileSync(file, peak()))
