// Has the program believe that it is on FreeBSD: `node -r test/standins/pretend.cjs …`.
// koffi looks for its own part by the platform's name, so it comes first.
exports.koffi = require("koffi")
Object.defineProperty(process, "platform", { value: "freebsd" })
