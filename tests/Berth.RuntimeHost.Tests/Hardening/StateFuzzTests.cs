using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>State files that are damaged, and ids that are none. Zero bytes cannot be in an argument at all (execve(2)).</summary>
public sealed class StateFuzzTests : RuntimeTest
{
    private static readonly string[][] Verbs =
    [
        ["state"], ["start"], ["kill"], ["pause"], ["resume"], ["ps"], ["events", "--stats"], ["update", "--pids-limit", "50"], ["delete"], ["delete", "--force"],
    ];

    public static TheoryData<string> Ids => new("../x", "..", ".", "a/b", "/", "/etc", "a b", "a\nb", "a\u00e9", "a*", "$(id)", "%2e%2e", new string('a', 300), new string('a', 100_000), "a\\..\\b", "~");

    [Theory]
    [MemberData(nameof(Ids))]
    public void HostileIdsAreRefusedByEachVerb(string id)
    {
        File.WriteAllText(Path.Combine(Folder, "x"), "neighbour of the state folder");
        foreach (string[] verb in (string[][])[.. Verbs, ["create"], ["run"], ["exec"]])
        {
            Outcome outcome = Runtime([.. verb, id, .. verb[0] == "exec" ? ["true"] : Array.Empty<string>()]);
            Assert.Equal(verb[0] == "exec" ? 255 : 1, outcome.Code);
            Assert.Contains("invalid container ID format", outcome.Errors, StringComparison.Ordinal);
        }

        Assert.True(File.Exists(Path.Combine(Folder, "x")));
        Assert.False(Directory.Exists(State) && Directory.EnumerateFileSystemEntries(State).Any());
    }

    [Fact]
    public void AnEmptyIdIsNone()
    {
        foreach (string[] verb in Verbs)
            Assert.Contains("container id cannot be empty", Expect(1, [.. verb, ""]).Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("\0\0\0\0")]
    [InlineData("{\"ociVersion\":null,\"id\":null,\"bundle\":null,\"rootfs\":null,\"created\":\"2026-01-01T00:00:00Z\"}")]
    [InlineData("{\"ociVersion\":\"1\",\"id\":\"x\",\"bundle\":\"/\",\"rootfs\":\"/\",\"created\":\"yesterday\"}")]
    [InlineData("{\"ociVersion\":\"1\",\"id\":\"x\",\"bundle\":\"/\",\"rootfs\":\"/\",\"created\":\"2026-01-01T00:00:00Z\",\"pid\":99999999999}")]
    [InlineData("deep")]
    public void ADamagedStateIsToldAndSpoilsNoOtherContainer(string text)
    {
        string damaged = Created(), other = Running(), file = Path.Combine(State, damaged, "state.json"), good = File.ReadAllText(file);
        File.WriteAllText(file, text == "deep" ? new string('[', 100_000) : text);
        foreach (string[] verb in (string[][])[.. Verbs, ["exec"]])
        {
            Outcome outcome = Runtime([.. verb, damaged, .. verb[0] == "exec" ? ["true"] : Array.Empty<string>()]);
            Assert.Equal(verb[0] == "exec" ? 255 : 1, outcome.Code);
            Assert.Contains("state.json", outcome.Errors, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", outcome.Errors, StringComparison.Ordinal);
        }

        Outcome listed = Expect(0, "list");
        Assert.Contains(other, listed.Output, StringComparison.Ordinal);
        Assert.Contains("state.json", listed.Errors, StringComparison.Ordinal);
        File.WriteAllText(file, good);
        Assert.Equal("created", StatusOf(damaged));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("FOLDER/precious")]
    [InlineData("/sys/fs/cgroup")]
    [InlineData("MOUNT")]
    [InlineData("MOUNT/")]
    [InlineData("MOUNT/./.")]
    [InlineData("MOUNT/x/../..")]
    [InlineData("relative")]
    public void AStateThatNamesNoCgroupOfAContainerIsRefused(string folder)
    {
        // Deleting it would end processes and remove folders that are not the container's.
        string id = Created(), file = Path.Combine(State, id, "state.json"), good = File.ReadAllText(file), precious = Path.Combine(Folder, "precious", "empty");
        Directory.CreateDirectory(precious);
        JsonNode state = JsonNode.Parse(good)!;
        JsonObject folders = state["cgroup"]!["folders"]!.AsObject();
        string controller = folders.First().Key, own = folders.First().Value!.GetValue<string>();
        string mount = own[..own.IndexOf('/', "/sys/fs/cgroup/".Length)];
        folders[controller] = folder.Replace("MOUNT", mount, StringComparison.Ordinal).Replace("FOLDER", Folder, StringComparison.Ordinal);
        File.WriteAllText(file, state.ToJsonString());
        try
        {
            // In this order, and to the first that is wrong: URG does nothing to processes that do not ask for it, delete would end them all.
            foreach (string[] verb in (string[][])[["kill", "--all"], ["update", "--pids-limit", "50"], ["pause"], ["delete", "--force"]])
            {
                Outcome outcome = Programs.Run("/usr/bin/timeout", ["30", Programs.Runtime, "--root", State, .. verb, id, .. verb[0] == "kill" ? ["URG"] : Array.Empty<string>()]);
                Assert.Equal(1, outcome.Code);
                Assert.Contains("is not below the root of a cgroup hierarchy", outcome.Errors, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.WriteAllText(file, good);
        }

        Assert.True(Directory.Exists(precious));
        Assert.Equal("created", StatusOf(id));
    }

    [Fact]
    public void AStateThatNamesAnotherFolderForTheCgroupDoesNotHaveAProcessWriteThere()
    {
        string id = Running(), file = Path.Combine(State, id, "state.json"), good = File.ReadAllText(file), precious = Path.Combine(Folder, "precious");
        Directory.CreateDirectory(precious);
        JsonNode state = JsonNode.Parse(good)!;
        JsonObject folders = state["cgroup"]!["folders"]!.AsObject();
        folders[folders.First().Key] = precious;
        foreach (string name in (string[])["tasks", "cgroup.procs"])
            File.WriteAllText(Path.Combine(precious, name), "mine");
        File.WriteAllText(file, state.ToJsonString());
        Outcome outcome = Expect(255, "exec", id, "true");
        File.WriteAllText(file, good);
        Assert.Contains("is not below the root of a cgroup hierarchy", outcome.Errors, StringComparison.Ordinal);
        Assert.All(Directory.GetFiles(precious), static path => Assert.Equal("mine", File.ReadAllText(path)));
    }

    [Fact]
    public void ANumberThatAnotherProcessHasIsNotTheContainers()
    {
        string id = Running(), file = Path.Combine(State, id, "state.json"), good = File.ReadAllText(file);
        JsonNode state = JsonNode.Parse(good)!;
        state["pid"] = Environment.ProcessId;
        File.WriteAllText(file, state.ToJsonString());
        Assert.Equal("stopped", StatusOf(id));
        Assert.Contains("not running", Expect(1, "kill", id, "KILL").Errors, StringComparison.Ordinal);
        _ = Expect(255, "exec", id, "true");
        File.WriteAllText(file, good);
    }
}
