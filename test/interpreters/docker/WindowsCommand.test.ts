import { describe, expect, it } from "@effect/vitest"
import * as WindowsCommand from "../../../src/interpreters/docker/WindowsCommand.ts"

const line = (text: string) => ({ Entrypoint: [text], Cmd: [], ArgsEscaped: true })

describe("a command for Windows", () => {
  it("is one line for cmd, in which nothing is changed", () => {
    for (const command of ['echo "a b" & type "c"', "a\\", '"', "", "%PATH% ^& 'x'", 'mkdir "C:\\a b\\"']) {
      expect(WindowsCommand.of(["cmd", "/S", "/C", command])).toEqual(line(`cmd /S /C "${command}"`))
    }
  })

  it("is read by cmd's own rules where the spec says so", () => {
    expect(WindowsCommand.of(["cmd.exe", "/c", 'echo "a"'])).toEqual(line('cmd.exe /c echo "a"'))
    expect(WindowsCommand.of(["C:\\Windows\\System32\\CMD.EXE", "/s", "/v:on", "/c", "x"])).toEqual(
      line('C:\\Windows\\System32\\CMD.EXE /s /v:on /c "x"')
    )
    expect(WindowsCommand.of(["C:/my tools/cmd", "/S", "/C", "x"])).toEqual(line('"C:/my tools/cmd" /S /C "x"'))
  })

  it("is the arguments for other programs", () => {
    for (const argv of [
      ["powershell", "-Command", 'Write "x"\nWrite y'],
      ["bash", "-lc", "x"],
      ["cmd", "x"],
      ["cmd"],
      ["notcmd", "/S", "/C", "x"],
      ["cmd/x", "/S", "/C", "x"]
    ]) {
      expect(WindowsCommand.of(argv)).toEqual({ Entrypoint: argv, Cmd: [], ArgsEscaped: false })
    }
  })

  it("is not cut off at the end of its first line", () => {
    expect(WindowsCommand.of(["cmd", "/S", "/C", "\r\na\n"])).toEqual(line('cmd /S /C "a"'))
    for (const command of ["a\nb", "a\r\nb", "a\rb"]) {
      expect(WindowsCommand.of(["cmd", "/S", "/C", command])).toMatch(/first line/)
    }
  })

  it("can name a path that is one word, or none at all", () => {
    expect(WindowsCommand.path("C:/a & b/c")).toBe('"C:\\a & b\\c"')
    // A quote after a backslash would be part of the word for some programs.
    expect(WindowsCommand.path("C:/")).toBe('"C:\\."')
    for (const path of ["C:/%x", 'C:/"', "C:/a\nb"]) expect(WindowsCommand.path(path)).toBeUndefined()
  })
})
