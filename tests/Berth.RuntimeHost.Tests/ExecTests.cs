using System.Diagnostics;
using System.Globalization;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary><c>exec</c>.</summary>
public sealed class ExecTests : RuntimeTest
{
    [Fact]
    public void TheProgramsStatusAndOutputAreTheRuntimes()
    {
        string id = Running();
        Assert.Equal("hello\n", Expect(7, "exec", id, "sh", "-c", "echo hello; exit 7").Output);
        _ = Expect(137, "exec", id, "sh", "-c", "kill -9 $$");
        Assert.Contains("exec failed: unable to start container process: exec: \\\"nope\\\": executable file not found in $PATH", Expect(255, "exec", id, "nope").Errors, StringComparison.Ordinal);
        Assert.Contains("process args cannot be empty", Expect(255, "exec", id).Errors, StringComparison.Ordinal);
        Assert.Contains("container does not exist", Expect(255, "exec", "nobody", "true").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void SignalsGoOnToTheProgram()
    {
        const string Program = "for s in HUP INT QUIT USR1 USR2 ALRM CONT; do trap \"echo $s\" $s; done; trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done";
        using Process process = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "exec", Running(), "sh", "-c", Program]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        Assert.Equal("ready", process.StandardOutput.ReadLine());
        foreach (string signal in (string[])["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "CONT", "WINCH", "URG", "CHLD", "TERM"]) // WINCH, URG and CHLD are the runtime's own
        {
            _ = Programs.Run("/bin/kill", [$"-{signal}", $"{process.Id}"]);
            if (signal is not ("WINCH" or "URG" or "CHLD" or "TERM"))
                Assert.Equal(signal, process.StandardOutput.ReadLine());
        }

        Assert.Equal("", process.StandardOutput.ReadToEnd());
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(5, process.ExitCode);
    }

    /// <summary>execve hands on that SIGCHLD is ignored, and then ended children are nobody's to be asked for.</summary>
    [Fact]
    public void ACallerThatIgnoresItsChildrensEndsChangesNothing()
    {
        const string Ignoring = "trap '' CHLD; exec \"$@\"";
        string id = Running();
        Assert.Equal(7, Programs.Run("/bin/sh", ["-c", Ignoring, "sh", Programs.Runtime, "--root", State, "exec", id, "sh", "-c", "exit 7"]).Code);
        SetProgram("sh", "-c", "exit 8");
        Assert.Equal(8, Programs.Run("/bin/sh", ["-c", Ignoring, "sh", Programs.Runtime, "--root", State, "run", "--bundle", Bundle, NewId()]).Code);
    }

    /// <summary>Whenever a signal comes, the runtime and the program end with it, or neither.</summary>
    [Fact]
    public void ASignalWhileTheProgramIsBeingStartedLeavesNothing()
    {
        string id = Running();
        for (int i = 0; i < 120; i++)
        {
            string wait = TimeSpan.FromMicroseconds(i * 30).TotalSeconds.ToString("F6", CultureInfo.InvariantCulture);
            Outcome outcome = Programs.Run("/bin/sh", ["-c", $"\"$@\" & sleep {wait}; kill -TERM $!; wait $!", "sh", Programs.Runtime, "--root", State, "exec", id, "sleep", "1000"]);
            Assert.True(outcome.Code == 128 + 15, $"round {i}: {outcome}");
        }

        Await(() => !Expect(0, "ps", "-f", "json", id).Output.Contains(',', StringComparison.Ordinal), "only the first process is left");
    }

    [Fact]
    public void FlagsChangeTheContainersOwnProcess()
    {
        string id = Running();
        string env = Expect(0, "exec", "-e", "A=B", "--env", "C=D=E", id, "env").Output;
        Assert.Contains("PATH=/usr/local/sbin", env, StringComparison.Ordinal);
        Assert.Contains("A=B\nC=D=E\n", env, StringComparison.Ordinal);
        Assert.Equal("/tmp\n", Expect(0, "exec", "--cwd", "/tmp", id, "pwd").Output);
        Assert.Equal("uid=5 gid=6 groups=7,8\n", Expect(0, "exec", "-u", "5:6", "-g", "7", "-g", "8", id, "id").Output);
        Assert.Contains("NoNewPrivs:\t1", Expect(0, "exec", "--no-new-privs", id, "cat", "/proc/self/status").Output, StringComparison.Ordinal);
        Assert.Contains("CapBnd:\t0000000020200420", Expect(0, "exec", "--cap", "CAP_SYS_ADMIN", id, "cat", "/proc/self/status").Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4294967296")]
    [InlineData("2147483648")]
    [InlineData("-1")]
    [InlineData("0:foo")]
    [InlineData("root")]
    [InlineData("1:4294967296")]
    public void Attack08_UsersThatAreNoNumbersInRangeAreRefused(string user) =>
        Assert.Contains("failed: wanted a number in range 0-2147483647", Expect(255, "exec", "-u", user, Running(), "id").Errors, StringComparison.Ordinal);

    [Fact]
    public void AProcessFileSaysEverything()
    {
        string id = Running(), file = Path.Combine(Folder, "process.json");
        File.WriteAllText(file, """{"args":["/bin/sh","-c","id; env"],"cwd":"/","user":{"uid":3,"gid":4},"env":["X=Y"]}""");
        string output = Expect(0, "exec", "--process", file, id).Output;
        Assert.StartsWith("uid=3 gid=4\n", output, StringComparison.Ordinal);
        Assert.Contains("\nX=Y\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("TERM=", output, StringComparison.Ordinal);
        File.WriteAllText(file, """{"args":["id"],"cwd":""}""");
        Assert.Contains("Cwd property must not be empty", Expect(255, "exec", "-p", file, id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ADetachedProcessIsToldByThePidFile()
    {
        string id = Running(), file = Path.Combine(Folder, "pid");
        _ = Expect(0, "exec", "-d", "--pid-file", file, id, "sleep", "1000");
        int pid = int.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
        Assert.Equal("sleep\n", File.ReadAllText($"/proc/{pid}/comm"));
        Assert.Contains($"{pid}", Expect(0, "ps", "--format", "json", id).Output, StringComparison.Ordinal);
        _ = Expect(0, "kill", "--all", id, "KILL");
        Await(() => !IsAlive(pid), "it ended");
    }

    [Fact]
    public void PausedAndStoppedContainersTakeNoProcess()
    {
        string id = Running();
        _ = Expect(0, "pause", id);
        Assert.Contains("cannot exec in a paused container (use --ignore-paused to override)", Expect(255, "exec", id, "true").Errors, StringComparison.Ordinal);
        _ = Expect(0, "resume", id);
        _ = Expect(0, "exec", id, "true");
        _ = Expect(0, "kill", id, "KILL");
        AwaitStatus(id, "stopped");
        Assert.Contains("cannot exec in a stopped container", Expect(255, "exec", id, "true").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyStreamsAndPreservedDescriptorsAreInherited()
    {
        string id = Running();
        Outcome none = Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} exec {id} ls /proc/self/fd 5</dev/zero 7</etc/passwd"]);
        Assert.Equal("0\n1\n2\n3\n", none.Output); // 3 is what ls itself opens
        Outcome one = Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} exec --preserve-fds 1 {id} readlink /proc/self/fd/3 3</dev/zero"]);
        Assert.Equal("/dev/zero\n", one.Output);
    }
}
