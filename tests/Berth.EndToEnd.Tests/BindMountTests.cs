using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Binds in containers whose layers are mounted on each other.</summary>
public sealed class BindMountTests(DaemonFixture fixture) : BindMountSuite(fixture), IClassFixture<DaemonFixture>;

/// <summary>The same where every container is a whole copy.</summary>
public sealed class VfsBindMountTests(VfsFixture fixture) : BindMountSuite(fixture), IClassFixture<VfsFixture>;

/// <summary>Folders and files of the host in containers.</summary>
public abstract class BindMountSuite(DaemonFixture fixture) : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("be-bind-").FullName;
    private readonly List<string> mounted = [];

    public void Dispose()
    {
        foreach (string place in Enumerable.Reverse(mounted))
        {
            Run("umount", "-R", place);
        }

        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AContainerReadsAndWritesTheHostsFiles(string client)
    {
        string source = MakeFolder("data", ("f", "host"));
        string output = await RunAsync(
            client, ["-v", $"{source}:/data", "-v", $"{source}/f:/one/file:ro", "--mount", $"type=bind,src={source},dst=/ro,readonly"],
            "cat /data/f /one/file /ro/f; echo box > /data/made; touch /ro/x || echo refused; echo x > /one/file || echo refused");
        Assert.Equal("host\nhost\nhost\nrefused\nrefused\n", output);
        Assert.Equal("box\n", File.ReadAllText($"{source}/made"));
        Assert.False(File.Exists($"{source}/x"));
        Assert.Empty(HostMounts());
    }

    [Fact]
    public async Task AMissingFolderIsMadeForTheShortFormWhenItStarts()
    {
        string missing = Path.Combine(folder, "a/b");
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("create", "--network", "none", "--name", name, "-v", missing + ":/d", "busybox", "sh", "-c", "echo hi > /d/f")).Expect();
        Assert.False(Directory.Exists(missing));
        (await fixture.Berth.RunAsync("start", "-a", name)).Expect();
        Assert.Equal("hi\n", File.ReadAllText(missing + "/f"));

        string other = Path.Combine(folder, "other");
        CommandResult refused = (await fixture.Berth.RunAsync("create", "--network", "none", "--mount", $"type=bind,src={other},dst=/d", "busybox", "true")).Expect(1);
        Assert.Contains($"invalid mount config for type \"bind\": bind source path does not exist: {other}", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(other));
        string id = await CreateAsync(["true"], mounts: [new JsonObject { ["Type"] = "bind", ["Source"] = other, ["Target"] = "/d", ["BindOptions"] = new JsonObject { ["CreateMountpoint"] = true } }]);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        Assert.True(Directory.Exists(other));
    }

    [Fact]
    public async Task ASourceThatWentAwayFailsTheStart()
    {
        string source = MakeFolder("gone");
        string id = await CreateAsync(["true"], mounts: [new JsonObject { ["Type"] = "bind", ["Source"] = source, ["Target"] = "/d" }]);
        Directory.Delete(source);
        Reply reply = await fixture.Api.PostAsync($"/containers/{id}/start");
        Assert.Contains($"bind source {source}", reply.Message, StringComparison.Ordinal);
        Assert.Equal("created", (await InspectAsync(id))["State"]!["Status"]!.GetValue<string>()); // docker's members
    }

    [Fact]
    public async Task MountsInMountsAreDoneFromTheOutermost()
    {
        string outer = MakeFolder("outer", ("f", "outer")), inner = MakeFolder("inner", ("f", "inner")), hosts = Path.Combine(MakeFolder("h", ("hosts", "1.2.3.4 me")), "hosts");
        Directory.CreateDirectory(outer + "/sub");
        string output = await RunAsync(
            Clients.Berth, ["-v", $"{inner}:/t/deep/place", "-v", $"{inner}:/d/sub", "-v", $"{outer}:/d", "--tmpfs", "/t", "-v", $"{hosts}:/etc/hosts", "-v", $"{outer}:/dev/shm"],
            "cat /d/f /d/sub/f /t/deep/place/f /etc/hosts /dev/shm/f; mount | grep -c 'on /t '");
        Assert.Equal("outer\ninner\ninner\n1.2.3.4 me\nouter\n1\n", output);
        Assert.Empty(Directory.GetFileSystemEntries(outer + "/sub"));
    }

    [Fact]
    public async Task AReadOnlyRootDoesNotMakeBindsReadOnly()
    {
        string source = MakeFolder("data");
        string output = await RunAsync(
            Clients.Berth, ["--read-only", "-v", $"{source}:/new/data", "-v", $"{source}:/ro:ro"],
            "touch /new/data/x && echo written; for f in /ro/y /x /etc/hosts /new/z; do touch $f 2>/dev/null || echo refused; done");
        Assert.Equal("written\nrefused\nrefused\nrefused\nrefused\n", output);
    }

    [Fact]
    public async Task MountsAreToldAsDockersEngineDoes()
    {
        string source = MakeFolder("data");
        var asked = new JsonObject { ["Type"] = "bind", ["Source"] = source + "/", ["Target"] = "/long/../l", ["ReadOnly"] = true, ["Consistency"] = "cached", ["BindOptions"] = new JsonObject() };
        string id = await CreateAsync(["sleep", "100"], [source + ":/s:ro,z", source + ":/t"], [asked.DeepClone()]);
        JsonNode told = await InspectAsync(id);
        Assert.Equal(
            $$"""[{"Type":"bind","Source":"{{source}}","Destination":"/s","Mode":"ro,z","RW":false,"Propagation":"rprivate"},{"Type":"bind","Source":"{{source}}","Destination":"/t","Mode":"","RW":true,"Propagation":"rprivate"},{"Type":"bind","Source":"{{source}}","Destination":"/l","Mode":"","RW":false,"Propagation":"rprivate"}]""",
            told["Mounts"]!.ToJsonString()); // docker's member
        Assert.True(JsonNode.DeepEquals(new JsonArray(asked), told["HostConfig"]!["Mounts"]), told["HostConfig"]!.ToJsonString()); // docker's members
        Assert.Equal($$"""["{{source}}:/s:ro,z","{{source}}:/t"]""", told["HostConfig"]!["Binds"]!.ToJsonString());

        foreach ((string place, bool isThere) in ((string, bool)[])[(source, true), ("/s", true), ("/l", true), ("/long", false), ("/", false)])
        {
            string listed = (await fixture.Berth.RunAsync("ps", "-aq", "--no-trunc", "--filter", "volume=" + place)).Expect().Output;
            Assert.True(listed.Contains(id, StringComparison.Ordinal) == isThere, place);
        }

        Assert.Equal($"{source},{source},{source}", (await fixture.Berth.RunAsync("ps", "-a", "--no-trunc", "--filter", "id=" + id, "--format", "{{.Mounts}}")).Expect().Line);
        await RestartAsync();
        Assert.Equal(told["Mounts"]!.ToJsonString(), (await InspectAsync(id))["Mounts"]!.ToJsonString());
    }

    [Fact]
    public async Task AContainerHasItsMountsAfterTheDaemonsDeath()
    {
        string source = MakeFolder("data", ("f", "host"));
        string[] before = HostMounts();
        string id = await CreateAsync(["sleep", "100"], [source + ":/d"]);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        await RestartAsync();
        Assert.Equal("host\n", (await fixture.Berth.RunAsync("exec", id, "cat", "/d/f")).Expect().Output);
        (await fixture.Api.PostAsync($"/containers/{id}/restart?t=0")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("host\n", (await fixture.Berth.RunAsync("exec", id, "cat", "/d/f")).Expect().Output);
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("host\n", File.ReadAllText(source + "/f"));
        Assert.Equal(before, HostMounts());
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task CopiesGoToAndComeFromTheHostsFiles(bool isRunning)
    {
        string source = MakeFolder("data", ("f", "host"), ("sub/g", "deep")), target = MakeFolder("out");
        string id = await CreateAsync(["sleep", "100"], [source + ":/data", source + "/f:/one/f:ro", source + "/sub:/data/nested:ro"]);
        if (isRunning)
        {
            (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        }

        File.WriteAllText(folder + "/up", "new\n");
        (await fixture.Berth.RunAsync("cp", folder + "/up", id + ":/data/up")).Expect();
        Assert.Equal("new\n", File.ReadAllText(source + "/up"));
        Assert.Contains("mounted volume is marked read-only", (await fixture.Berth.RunAsync("cp", folder + "/up", id + ":/data/nested/up")).Expect(1).Error, StringComparison.Ordinal);

        (await fixture.Berth.RunAsync("cp", id + ":/data", target)).Expect();
        Assert.Equal("host\n", File.ReadAllText(target + "/data/f"));
        Assert.Equal("deep\n", File.ReadAllText(target + "/data/sub/g"));
        Assert.Equal("deep\n", File.ReadAllText(target + "/data/nested/g"));
        (await fixture.Berth.RunAsync("cp", id + ":/one", target)).Expect();
        Assert.Equal("host\n", File.ReadAllText(target + "/one/f"));

        // The container's own layer has the places, and nothing of the host.
        Assert.Equal("A /data\nA /one\nA /one/f\n", string.Concat((await fixture.Berth.RunAsync("diff", id)).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal).Select(static line => line + "\n")));
        (await fixture.Berth.RunAsync("export", "-o", folder + "/tar", id)).Expect();
        string names = Run("tar", "tf", folder + "/tar");
        Assert.Contains("data/\n", names, StringComparison.Ordinal);
        Assert.DoesNotContain("data/f", names, StringComparison.Ordinal);
        string image = (await fixture.Berth.RunAsync("commit", id)).Expect().Line;
        Assert.Equal("", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", image, "sh", "-c", "ls /data; cat /one/f")).Expect().Output);
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        (await fixture.Berth.RunAsync("rmi", image)).Expect();
    }

    [Fact]
    public async Task AFileDoesNotCoverAFolderNorTheReverse()
    {
        string source = MakeFolder("data", ("f", "host"));
        foreach ((string bind, string what) in ((string, string)[])[(source + ":/bin/busybox", "not a directory"), (source + "/f:/tmp", "is a directory")])
        {
            string id = await CreateAsync(["true"], [bind]);
            Assert.Contains(what, (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.InternalServerError).Message.ToLowerInvariant(), StringComparison.Ordinal);
            Assert.Contains(what, (await fixture.Berth.RunAsync("cp", id + ":/etc/passwd", folder + "/copied")).Expect(1).Error.ToLowerInvariant(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Attack06_LinksInAnImageLeadNowhereOnTheHost()
    {
        string victim = MakeFolder("victim"), source = MakeFolder("data", ("f", "host"));
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "--network", "none", "--name", name, "busybox", "sh", "-c", $"ln -s {victim} /abs; ln -s ../../../../../../..{victim} /rel; ln -s /proc/self/root{victim} /magic")).Expect();
        string image = (await fixture.Berth.RunAsync("commit", name)).Expect().Line;
        (await fixture.Berth.RunAsync("rm", name)).Expect();
        string id = await CreateAsync(["sh", "-c", "cat /abs/d/f /rel/e/f"], [source + ":/abs/d", source + ":/rel/e"], image: image);
        (await fixture.Berth.RunAsync("cp", id + ":/abs/d/f", folder + "/copied")).Expect();
        Assert.Equal("host\nhost\n", (await fixture.Berth.RunAsync("start", "-a", id)).Expect().Output);
        Assert.Empty(Directory.GetFileSystemEntries(victim));
        string magic = await CreateAsync(["true"], [source + ":/magic/d"], image: image);
        Assert.False((await fixture.Api.PostAsync($"/containers/{magic}/start")).Status == HttpStatusCode.NoContent && Directory.GetFileSystemEntries(victim).Length > 0);
        Assert.Empty(Directory.GetFileSystemEntries(victim));
        (await fixture.Berth.RunAsync("rm", id, magic)).Expect();
        (await fixture.Berth.RunAsync("rmi", image)).Expect();
    }

    [Fact]
    public async Task WhatIsMountedBelowComesAlongUnlessItShallNot()
    {
        string source = MakeFolder("tree");
        Mount(Path.Combine(source, "below"), "-t", "tmpfs", "none");
        File.WriteAllText(source + "/below/f", "x");
        string output = await RunAsync(
            Clients.Berth,
            ["-v", $"{source}:/a", "-v", $"{source}:/b:ro", "--mount", $"type=bind,src={source},dst=/c,bind-recursive=disabled", "--mount", $"type=bind,src={source},dst=/d,ro,bind-recursive=writable",
                "--mount", $"type=bind,src={source},dst=/e,ro,bind-propagation=rprivate,bind-recursive=readonly"],
            "for d in a b c d e; do touch /$d/below/$d 2>/dev/null && echo $d; touch /$d/$d 2>/dev/null && echo $d$d; done; cat /b/below/f; ls /c/below | wc -l");
        Assert.Equal("a\naa\nc\ncc\nd\nx1\n", output);
        Assert.Equal(["a", "d", "f"], Directory.GetFiles(source + "/below").Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task AClientOfBefore144HasAShallowReadOnly()
    {
        string source = MakeFolder("tree");
        Mount(Path.Combine(source, "below"), "-t", "tmpfs", "none");
        JsonObject request = EngineHttp.Request(["touch", "/d/below/f"]);
        request["HostConfig"]!["Binds"] = new JsonArray(source + ":/d:ro"); // Request has one
        Reply made = (await fixture.Api.PostAsync("/v1.43/containers/create", request)).Expect(HttpStatusCode.Created);
        (await fixture.Berth.RunAsync("start", "-a", made.Json["Id"]!.GetValue<string>())).Expect(); // a created answer has an id
        Assert.True(File.Exists(source + "/below/f"));
    }

    [Fact]
    public async Task PropagationThatTheHostDoesNotAllowIsRefused()
    {
        string source = MakeFolder("private");
        Mount(source, "--bind", source);
        Run("mount", "--make-private", source);
        Assert.Contains($"path {source} is mounted on {source} but it is not a shared mount", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "-v", source + ":/d:rshared", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        Assert.Contains($"path {source} is mounted on {source} but it is not a shared or slave mount", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "-v", source + ":/d:slave", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        Assert.Equal("", await RunAsync(Clients.Berth, ["-v", "/:/host:ro"], "true")); // of this one the default gives way
    }

    [Theory]
    [InlineData("rprivate", false, false)]
    [InlineData("private", false, false)]
    [InlineData("slave", true, false)]
    [InlineData("rslave", true, false)]
    [InlineData("shared", true, true)]
    [InlineData("rshared", true, true)]
    public async Task MountsArePassedOnAsAsked(string propagation, bool comesIn, bool goesOut)
    {
        string source = MakeFolder("shared");
        Mount(source, "-t", "tmpfs", "none");
        Run("mount", "--make-rshared", source);
        foreach (string name in (string[])["in", "out", "elsewhere"])
        {
            Directory.CreateDirectory(Path.Combine(source, name));
        }

        string other = MakeFolder("other");
        string id = await CreateAsync(["sleep", "100"], [$"{source}:/d:{propagation}", other + ":/other"], isPrivileged: true);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        string[] before = HostMounts();
        Run("mount", "-t", "tmpfs", "none", source + "/in");
        File.WriteAllText(source + "/in/f", "");
        (await fixture.Berth.RunAsync("exec", id, "sh", "-c", "mount -t tmpfs none /d/out && touch /d/out/f && mount -t tmpfs none /other && mount -t tmpfs none /tmp && touch /other/f")).Expect();
        Assert.Equal(comesIn, (await fixture.Berth.RunAsync("exec", id, "ls", "/d/in/f")).ExitCode == 0);
        Assert.Equal(goesOut, File.Exists(source + "/out/f"));
        Assert.False(File.Exists(other + "/f"));
        (await fixture.Berth.RunAsync("exec", id, "umount", "/d/out")).Expect();
        Run("umount", source + "/in");
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(before, HostMounts());
    }

    // Of this test and its daemon: other tests mount things at the same time.
    private string[] HostMounts() => [.. File.ReadAllLines("/proc/self/mountinfo").Where(line =>
        line.Contains(folder, StringComparison.Ordinal) || line.Contains(fixture.Daemon.Home, StringComparison.Ordinal))];

    private async Task RestartAsync()
    {
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
    }

    private async Task<JsonNode> InspectAsync(string id) => (await fixture.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json;

    private async Task<string> RunAsync(string client, string[] flags, string script) =>
        (await fixture.Client(client).RunAsync([.. (string[])["run", "--rm", "--network", "none"], .. flags, "busybox", "sh", "-c", script], stdin: null)).Expect().Output;

    private async Task<string> CreateAsync(string[] command, string[]? binds = null, JsonNode[]? mounts = null, string? image = null, bool isPrivileged = false)
    {
        JsonObject request = EngineHttp.Request(command);
        JsonNode host = request["HostConfig"]!; // Request has one
        host["Binds"] = new JsonArray([.. (binds ?? []).Select(static bind => (JsonNode)bind)]);
        host["Mounts"] = new JsonArray(mounts ?? []);
        host["Privileged"] = isPrivileged;
        request["Image"] = image ?? "busybox";
        return (await fixture.Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // a created answer has an id
    }

    private string MakeFolder(string name, params (string Name, string Text)[] files)
    {
        string path = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        foreach ((string file, string text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(path, file))!); // it has one
            File.WriteAllText(Path.Combine(path, file), text + "\n");
        }

        return path;
    }

    private void Mount(string place, params string[] arguments)
    {
        Directory.CreateDirectory(place);
        Run("mount", [.. arguments, place]);
        mounted.Add(place);
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true }) ?? throw new InvalidOperationException($"{program} did not start");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
