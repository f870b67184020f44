using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>What the data root takes, whether it is whole, and looks into images, as a user sees them.</summary>
public sealed class StorageUpkeepTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Fact]
    public async Task TheDiskUsageIsWhatDuSays()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "--name", name, "--network", "none", "busybox", "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; mkdir -p /a/b/c; for i in 1 2 3 4 5 6 7 8 9; do echo $i > /a/b/$i; done; seq 1 20000")).Expect();
        (await fixture.Berth.RunAsync("commit", name, name)).Expect();
        long du = Du(fixture.Daemon.DataRoot);
        long total = (long)JsonNode.Parse((await fixture.Berth.RunAsync("system", "df", "--disk", "--format", "json")).Expect().Output)!["Total"]!;
        Assert.InRange(total, du * 0.99, du * 1.01);
        string page = (await fixture.Berth.RunAsync("system", "df", "--disk")).Expect().Output;
        Assert.Contains("Unpacked layers", page, StringComparison.Ordinal);
        Assert.Contains("Total", page, StringComparison.Ordinal);
        await RemoveAsync(name);
    }

    [Fact]
    public Task WhatIsBrokenIsNamedAndRepairedWhenNothingRunsOnIt() => BreakAndRepairAsync(fixture);

    internal static async Task BreakAndRepairAsync(DaemonFixture fixture)
    {
        string name = fixture.NewName(), other = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000")).Expect();
        (await fixture.Berth.RunAsync("create", "--name", other, "--network", "none", "busybox", "cat", "/etc/group")).Expect();
        Assert.Contains("Nothing is broken.", (await fixture.Berth.RunAsync("system", "fsck")).Expect().Output, StringComparison.Ordinal);

        string file = Directory.GetFiles(Path.Combine(fixture.Daemon.DataRoot, "snapshots/layers"), "group", SearchOption.AllDirectories).Single();
        string good = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, good.Replace("root", "toor", StringComparison.Ordinal));
        string told = (await fixture.Berth.RunAsync("system", "fsck")).Expect(1).Output;
        Assert.Contains("BROKEN damaged-layer sha256:", told, StringComparison.Ordinal);
        Assert.Contains("\"/etc/group\" has other content", told, StringComparison.Ordinal);
        Assert.Contains("Images: busybox:latest", told, StringComparison.Ordinal);
        Assert.Contains(name, told, StringComparison.Ordinal);

        told = (await fixture.Berth.RunAsync("system", "fsck", "--repair")).Expect(1).Output;
        Assert.Contains("runs, so it stays as it is", told, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
        told = (await fixture.Berth.RunAsync("system", "fsck", "--repair")).Expect().Output;
        Assert.Contains("REPAIRED damaged-layer", told, StringComparison.Ordinal);
        Assert.Equal(good, await File.ReadAllTextAsync(file));
        Assert.Equal(good, (await fixture.Berth.RunAsync("start", "-a", other)).Expect().Output);
        JsonNode line = JsonNode.Parse((await fixture.Berth.RunAsync("system", "fsck", "--format", "json")).Expect().Line)!;
        Assert.Equal(0, (int)line["Summary"]!["Broken"]!);
        (await fixture.Berth.RunAsync("rm", other)).Expect();
    }

    [Fact]
    public async Task ChecksBesideRunsAndRemovalsFindNothing()
    {
        using CancellationTokenSource enough = new();
        Task work = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                string name = fixture.NewName();
                (await fixture.Berth.RunAsync(["import", "-", name], BusyboxImage.Tar)).Expect();
                Assert.Equal("here", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", name, "echo", "here")).Expect().Line);
                (await fixture.Berth.RunAsync("rmi", name)).Expect();
            }
        });
        for (int i = 0; i < 8; i++)
        {
            string told = (await fixture.Berth.RunAsync("system", "fsck", "--repair")).Expect().Output;
            Assert.Contains("Nothing is broken.", told, StringComparison.Ordinal);
            Assert.DoesNotContain("REPAIRED", told, StringComparison.Ordinal);
        }

        await enough.CancelAsync();
        await work;
    }

    [Fact]
    public async Task ImagesAreLookedInto()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "--name", name, "--network", "none", "busybox", "sh", "-c", "printf hello > /x; rm /etc/group; chmod 600 /etc/passwd; mkdir /dir; printf 1 > '/dir/odd\nname'")).Expect();
        (await fixture.Berth.RunAsync("commit", name, name)).Expect();
        string[] lines = (await fixture.Berth.RunAsync("image", "diff", "busybox", name)).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["A /dir", @"A /dir/odd\x0aname", "D /etc/group", "C /etc/passwd", "A /x"], lines[..^1].Select(static line => line[0] + " " + line[(line.IndexOf('/', StringComparison.Ordinal))..]));
        Assert.StartsWith("3 added, 1 changed, 1 removed", lines[^1], StringComparison.Ordinal);
        string layers = (await fixture.Berth.RunAsync("image", "diff", "--layers", "busybox", name)).Expect().Output;
        Assert.Equal("=A", string.Concat(layers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line[0])));
        string tree = (await fixture.Berth.RunAsync("image", "tree", name)).Expect().Output;
        Assert.Contains("#2  ", tree, StringComparison.Ordinal);
        Assert.Contains("printf hello > /x", tree, StringComparison.Ordinal);
        Assert.Contains("3 added, 2 changed, 1 removed", tree, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("image", "diff", "busybox", "nobody")).Expect(1);
        await RemoveAsync(name);
    }

    [Fact]
    public async Task ADeltaIsCompletedOrSaysWhatItLacks()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "--name", name, "--network", "none", "busybox", "touch", "/new")).Expect();
        (await fixture.Berth.RunAsync("commit", name, name)).Expect();
        byte[] whole = (await fixture.Berth.RunAsync("save", name)).Expect().OutputBytes;
        byte[] delta = (await fixture.Berth.RunAsync("save", "--since", "busybox", name)).Expect().OutputBytes;
        Assert.True(delta.Length < whole.Length / 10, $"{delta.Length} of {whole.Length}");
        await RemoveAsync(name);
        Assert.Equal($"Loaded image: {name}:latest", (await fixture.Berth.RunAsync(["load"], delta)).Expect().Line);
        Assert.Equal(whole, (await fixture.Berth.RunAsync("save", name)).Expect().OutputBytes);
        (await fixture.Berth.RunAsync("rmi", name)).Expect();

        await using RunningDaemon elsewhere = await RunningDaemon.CreateAsync();
        Cli berth = elsewhere.Client(Clients.Berth);
        (await berth.RunAsync("rmi", "busybox")).Expect();
        string error = (await berth.RunAsync(["load"], delta)).Expect(1).Error;
        Assert.Contains("the archive is a delta", error, StringComparison.Ordinal);
        Assert.Contains("they are those of busybox:latest (sha256:", error, StringComparison.Ordinal);
        Assert.Equal(0, await elsewhere.StopAsync());
    }

    private static long Du(string path)
    {
        using Process du = Process.Start(new ProcessStartInfo("du", ["-s", "--block-size=1", path]) { RedirectStandardOutput = true, UseShellExecute = false }) ?? throw new InvalidOperationException("du did not start");
        string text = du.StandardOutput.ReadToEnd();
        du.WaitForExit();
        return long.Parse(text.Split('\t')[0], CultureInfo.InvariantCulture);
    }

    private async Task RemoveAsync(string name)
    {
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }
}

/// <summary>The same with whole copies in place of layers.</summary>
public sealed class VfsUpkeepTests(VfsFixture fixture) : IClassFixture<VfsFixture>
{
    [Fact]
    public Task WhatIsBrokenIsNamedAndRepaired() => StorageUpkeepTests.BreakAndRepairAsync(fixture);

    [Fact]
    public async Task ALayerThatIsGoneIsUnpackedAgain()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("create", "--name", name, "--network", "none", "busybox", "true")).Expect();
        (await fixture.Berth.RunAsync(["cp", "-", name + ":/tmp"], BusyboxImage.Tar)).Expect();
        (await fixture.Berth.RunAsync("commit", name, name)).Expect();
        (await fixture.Berth.RunAsync("rm", name)).Expect();
        string running = fixture.NewName(), layers = Path.Combine(fixture.Daemon.DataRoot, "snapshots/layers");
        (await fixture.Berth.RunAsync("run", "-d", "--name", running, "--network", "none", "busybox", "sleep", "1000")).Expect();
        foreach (string layer in Directory.GetDirectories(layers))
        {
            Directory.Delete(layer, recursive: true);
        }

        Assert.Contains("BROKEN missing-layer sha256:", (await fixture.Berth.RunAsync("system", "fsck")).Expect(1).Output, StringComparison.Ordinal);

        // Under one that runs it stays away, and with it what is on top.
        string told = (await fixture.Berth.RunAsync("system", "fsck", "--repair")).Expect(1).Output;
        Assert.Contains("runs, so it stays as it is", told, StringComparison.Ordinal);
        Assert.Contains("the layer below is broken", told, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("rm", "-f", running)).Expect();
        Assert.Contains("REPAIRED missing-layer", (await fixture.Berth.RunAsync("system", "fsck", "--repair")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains("Nothing is broken.", (await fixture.Berth.RunAsync("system", "fsck")).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetDirectories(layers).Length);
        Assert.Equal("here", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", name, "/tmp/bin/busybox", "echo", "here")).Expect().Line);
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }
}
