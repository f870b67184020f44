using System.Diagnostics;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary><c>run</c>, in the foreground and detached.</summary>
public sealed class RunTests : RuntimeTest
{
    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("echo hello; exit 7", 7)]
    [InlineData("kill -9 $$", 0)] // process 1 of a namespace ignores signals of its own
    public void TheProgramsStatusIsTheRuntimes(string script, int code)
    {
        SetProgram("sh", "-c", script);
        Outcome outcome = Expect(code, "run", NewId());
        Assert.Equal(script.Contains("hello", StringComparison.Ordinal) ? "hello\n" : "", outcome.Output);
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void InputReachesTheProgram()
    {
        SetProgram("cat");
        Outcome outcome = Programs.Run(Programs.Runtime, ["--root", State, "run", NewId()], Bundle, input: "some words");
        Assert.Equal((0, "some words"), (outcome.Code, outcome.Output));
    }

    [Fact]
    public void SignalsAreForwardedAndAKilledProgramIsToldAs128AndMore()
    {
        string id = NewId();
        using Process process = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "run", "--bundle", Bundle, id]))!;
        Await(() => Directory.Exists(Path.Combine(State, id)) && Runtime("state", id) is { Code: 0 } o && JsonNode.Parse(o.Output)!["status"]!.GetValue<string>() == "running", "it runs");
        _ = Expect(0, "kill", id, "9");
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(137, process.ExitCode);

        SetProgram("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
        using Process trapped = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "run", "--bundle", Bundle, NewId()]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        Assert.Equal("ready", trapped.StandardOutput.ReadLine());
        _ = Programs.Run("/bin/kill", ["-TERM", $"{trapped.Id}"]);
        Assert.True(trapped.WaitForExit(60_000));
        Assert.Equal(5, trapped.ExitCode);
    }

    [Fact]
    public void ADetachedContainerLivesOnAndKeepKeeps()
    {
        string id = NewId();
        _ = Expect(0, "run", "-d", id);
        Assert.Equal("running", StatusOf(id));
        SetProgram("true");
        string kept = NewId();
        _ = Expect(0, "run", "--keep", kept);
        AwaitStatus(kept, "stopped");
    }

    [Theory]
    [InlineData(true, "cannot allocate tty if berth-runtime will detach without setting console socket")]
    [InlineData(false, "cannot use console socket if berth-runtime will not detach or allocate tty")]
    public void TerminalAndSocketMustGoTogether(bool terminal, string message)
    {
        Change(spec => spec["process"]!["terminal"] = terminal);
        string[] flags = terminal ? [] : ["--console-socket", Path.Combine(Folder, "none")];
        Assert.Contains(message, Expect(1, ["create", .. flags, NewId()]).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void SocketActivationIsPassedOn()
    {
        SetProgram("sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | grep -c '[34]'");
        Outcome outcome = Programs.Run(
            "/bin/sh", ["-c", $"LISTEN_FDS=1 exec {Programs.Runtime} --root {State} run --preserve-fds 1 {NewId()} 3</dev/null 4</dev/zero"], Bundle);
        Assert.StartsWith("1 1\n", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("descriptor 3 is not open", Runtime("run", "--preserve-fds", "1", NewId()).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Attack01_NoContainerReachesTheRuntimesFile()
    {
        string copy = Path.Combine(Folder, "berth-runtime");
        File.Copy(Programs.Runtime, copy);
        byte[] before = File.ReadAllBytes(copy);

        // As the container's program.
        string evil = Path.Combine(Rootfs, "bin", "evil");
        File.WriteAllText(evil, "#!/proc/self/exe\n");
        File.SetUnixFileMode(evil, (UnixFileMode)0b111_101_101);
        Change(static spec => spec["process"]!["capabilities"] = All());
        SetProgram("/bin/evil");
        Outcome outcome = Programs.Run(copy, ["--root", State, "run", NewId()], Bundle);
        Assert.NotEqual(0, outcome.Code);

        // By exec, while a process with all capabilities looks at every executable that appears and tries to write to it.
        SetProgram("sh", "-c", "while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in *busybox|'') ;; *) echo x >>/tmp/seen; (echo '#!/bin/sh' >$p/exe) 2>/dev/null && echo y >/tmp/written;; esac; done; done");
        string id = NewId();
        Assert.Equal(0, Programs.Run(copy, ["--root", State, "run", "-d", id], Bundle).Code);
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(0, Programs.Run(copy, ["--root", State, "exec", id, "true"], Bundle).Code);
            Assert.Equal(255, Programs.Run(copy, ["--root", State, "exec", id, "/bin/evil"], Bundle).Code);
        }

        Assert.Equal(before, File.ReadAllBytes(copy));
        Assert.False(File.Exists(Path.Combine(Rootfs, "tmp", "written")));

        static JsonObject All()
        {
            string[] names = ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_CHOWN", "CAP_FOWNER"];
            return new JsonObject(((string[])["bounding", "effective", "permitted"]).Select(set =>
                KeyValuePair.Create<string, JsonNode?>(set, new JsonArray([.. names.Select(static n => (JsonNode)n)]))));
        }
    }
}
