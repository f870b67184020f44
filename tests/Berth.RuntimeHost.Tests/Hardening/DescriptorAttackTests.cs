using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>Row 2: descriptors of the host, inherited or as a working folder.</summary>
public sealed class DescriptorAttackTests : AttackTest
{
    // What a careless engine leaves open: a file, a folder and the host's root, none of them close-on-exec. The shell knows one digit.
    private const string Leaks = "5</etc/passwd 7</ 8</etc 9</proc";

    private const string List = "for f in /proc/self/fd/*; do echo $(readlink $f); done | sort | tr '\\n' ' '";

    [Theory]
    [InlineData("run")]
    [InlineData("create")]
    [InlineData("exec")]
    public void Attack02_NoDescriptorOfTheCallerIsInside(string verb)
    {
        string file = Path.Combine(Rootfs, "tmp", "list"), script = "{ " + List + "; } > /tmp/list", id = NewId();
        SetProgram("sh", "-c", verb == "exec" ? "sleep 1000" : script);
        string arguments = verb switch { "run" => $"run {id}", "create" => $"create {id}", _ => $"exec {id} sh -c '{script.Replace("'", "'\\''", StringComparison.Ordinal)}'" };
        if (verb == "exec")
            _ = Expect(0, "run", "--detach", id);
        Outcome outcome = Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} {arguments} </dev/null >/dev/null 2>&1 {Leaks}"], Bundle);
        Assert.Equal(0, outcome.Code);
        if (verb == "create")
            Assert.Equal(0, Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} start {id} {Leaks}"]).Code);
        Await(() => File.Exists(file) && File.ReadAllText(file).Length > 0, "the list is there");
        string[] left = [.. File.ReadAllText(file).Split(' ').Where(static l => l is not ("" or "/dev/null" or "/tmp/list") && !l.StartsWith("pipe:", StringComparison.Ordinal))];
        Assert.Empty(left);
    }

    [Theory]
    [InlineData("createRuntime", false)]
    [InlineData("createContainer", false)]
    [InlineData("startContainer", true)]
    [InlineData("poststart", false)]
    [InlineData("poststop", false)]
    public void Attack02_NoDescriptorOfTheCallerIsInHooks(string kind, bool inside)
    {
        string list = inside ? "/tmp/hook" : Path.Combine(Folder, "hook"), hook = inside ? "/bin/hook" : Path.Combine(Folder, "hook.sh");
        string path = inside ? Rootfs + hook : hook;
        File.WriteAllText(path, $"#!/bin/sh\nfor f in /proc/self/fd/*; do echo $f; done > {list}\n");
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        Change(spec => spec["hooks"] = new JsonObject { [kind] = new JsonArray(new JsonObject { ["path"] = hook, ["env"] = new JsonArray("PATH=/bin:/usr/bin") }) });
        SetProgram("true");
        Outcome outcome = Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} run {NewId()} {Leaks}"], Bundle);
        Assert.True(outcome.Code == 0, outcome.ToString());

        // What the shell opens itself: the folder that it lists is seen by its number, its script and its output are not.
        string[] numbers = [.. File.ReadAllLines(inside ? Rootfs + list : list).Select(static l => l[14..])];
        Assert.Empty(numbers.Intersect(["5", "7", "8", "9"]));
        Assert.InRange(numbers.Length, 3, 6);
    }

    [Theory]
    [InlineData("/proc/self/fd/7")]
    [InlineData("/proc/self/fd/5")]
    [InlineData("/proc/self/fd/3")]
    [InlineData("/proc/1/root")]
    [InlineData("/link")]
    [InlineData("/link/etc")]
    [InlineData("/proc/thread-self/cwd/..")]
    public void Attack02_AWorkingFolderThroughADescriptorIsRefused(string cwd)
    {
        File.CreateSymbolicLink(Path.Combine(Rootfs, "link"), "/proc/self/fd/7");
        SetProgram("sleep", "1000");
        string running = NewId();
        _ = Expect(0, "run", "--detach", running);
        SetProgram("cat", "etc/passwd");
        Change(spec => spec["process"]!["cwd"] = cwd);
        foreach (string arguments in (string[])[$"run {NewId()}", $"create {NewId()}", $"exec --cwd {cwd} {running} ls -a", $"run --preserve-fds 5 {NewId()}"])
        {
            Outcome outcome = Programs.Run("/bin/sh", ["-c", $"exec {Programs.Runtime} --root {State} {arguments} 3</ 4</ 6</ {Leaks}"], Bundle);
            Assert.True(outcome.Code is 1 or 255, $"{arguments}: {outcome}");
            Assert.True(outcome.Errors.Contains("chdir to cwd", StringComparison.Ordinal) || outcome.Errors.Contains("making the working folder", StringComparison.Ordinal), $"{arguments}: {outcome}");
            Assert.Equal("", outcome.Output);
        }
    }
}
