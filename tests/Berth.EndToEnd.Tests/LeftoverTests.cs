using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>What a starting daemon takes away, and what it leaves.</summary>
public sealed class LeftoverTests : IAsyncLifetime
{
    private const string CgroupRoot = "/sys/fs/cgroup";
    private RunningDaemon? running;

    private RunningDaemon Daemon => running ?? throw new InvalidOperationException("the daemon was not started");

    public async Task InitializeAsync() => running = await RunningDaemon.CreateAsync();

    public async Task DisposeAsync()
    {
        if (running is not null)
        {
            await running.DisposeAsync();
        }
    }

    [Fact]
    public async Task WhatNoRecordKnowsIsRemovedAndNothingElse()
    {
        string created = await Daemon.Api.CreateAsync("created", ["true"]);
        string alive = await Daemon.Api.CreateAsync("alive", ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{alive}/start")).Expect(HttpStatusCode.NoContent);
        string pid = await PidAsync(alive);
        await Daemon.KillAsync();

        string gone = NewId();
        string[] left =
        [
            Put($"data/snapshots/containers/{gone}/upper/some/file"), Put($"data/snapshots/containers/{gone}/work/file"), Put($"data/containers/{gone}/{gone}-json.log"), Put($"exec/bundles/{gone}/config.json"),
            Put($"exec/shims/{gone[..32]}.sock"),
        ];
        string[] foreign = [Put("data/containers/notes/file"), Put($"data/containers/{gone[..12]}/file"), Put("exec/bundles/notes/file"), Put("exec/shims/notes")];
        string[] cgroups = [.. Cgroups(alive).Select(folder => Path.Combine(Path.GetDirectoryName(folder)!, gone))]; // each has one above it
        Array.ForEach(cgroups, static folder => Directory.CreateDirectory(folder));
        using Process process = Process.Start("sleep", ["1000"]);
        string group = cgroups.First(static folder => !folder.Contains("/cpuset/", StringComparison.Ordinal)); // that takes none before it is set up
        await File.WriteAllTextAsync(group + "/cgroup.procs", process.Id.ToString(CultureInfo.InvariantCulture));

        await Daemon.StartAsync();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(5)));
        Assert.Equal(128 + 9, process.ExitCode);
        string[] stays = [.. cgroups.Where(Directory.Exists), .. left.Where(Path.Exists), .. new[] { "data/snapshots/containers", "data/containers", "exec/bundles" }.Select(folder => Under(folder, gone)).Where(Path.Exists)];
        Assert.Empty(stays);
        Assert.All(foreign, static path => Assert.True(File.Exists(path), path));
        Assert.Equal(pid, await PidAsync(alive));
        (await Daemon.Api.PostAsync($"/containers/{created}/start")).Expect(HttpStatusCode.NoContent);
        foreach (string path in (string[])[$"writable layer {gone}", Under("exec/bundles", gone), Under("data/containers", gone)])
        {
            Assert.Contains("removed what an interrupted operation left behind: " + path, Daemon.Log, StringComparison.Ordinal);
        }

        Array.ForEach(foreign, File.Delete);
        Array.ForEach((string[])[Under("data/containers", "notes"), Under("data/containers", gone[..12]), Under("exec/bundles", "notes")], Directory.Delete);
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    [Fact]
    public async Task WhatCannotBeRemovedIsToldAndTriedAgain()
    {
        await Daemon.KillAsync();
        string first = NewId(), second = NewId();
        Put($"data/containers/{first}/file");
        Put($"data/containers/{second}/file");
        string mount = Under($"data/containers/{first}", "mounted");
        Directory.CreateDirectory(mount);
        Run("mount", "-t", "tmpfs", "none", mount);
        try
        {
            await Daemon.StartAsync();
        }
        finally
        {
            Run("umount", mount);
        }

        Assert.Contains($"could not be removed; it will be at the next start: {Under("data/containers", first)}", Daemon.Log, StringComparison.Ordinal);
        Assert.True(Directory.Exists(mount));
        Assert.False(Directory.Exists(Under("data/containers", second)));
        await Daemon.KillAsync();
        await Daemon.StartAsync();
        Assert.False(Directory.Exists(mount));
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    private static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static IEnumerable<string> Cgroups(string id) =>
        ((string[])[CgroupRoot, .. Directory.EnumerateDirectories(CgroupRoot)]).Select(hierarchy => Path.Combine(hierarchy, "berth", id)).Where(Directory.Exists);

    private string Under(string folder, string name) => Path.Combine(Daemon.Home, folder, name);

    private string Put(string path)
    {
        string full = Path.Combine(Daemon.Home, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!); // it is below the daemon's folder
        File.WriteAllText(full, "left");
        return full;
    }

    private async Task<string> PidAsync(string id) =>
        (await Daemon.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json["State"]!["Pid"]!.ToJsonString(); // a container has a state
}
