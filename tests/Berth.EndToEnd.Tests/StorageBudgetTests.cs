using System.Net;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests;

/// <summary>Images go when the data root takes too much: the ones that nobody used for the longest, and none that somebody needs.</summary>
public sealed class StorageBudgetTests
{
    [Fact]
    public async Task TheLeastRecentlyUsedGoFirstAndWhatIsNeededNever()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync();
        Cli berth = daemon.Client(Clients.Berth);
        foreach (string name in (string[])["first", "second", "pinned", "used", "third"])
        {
            (await berth.RunAsync(["import", "-", name], Image(name))).Expect();
        }

        (await berth.RunAsync("create", "--name", "holder", "--network", "none", "used", "x")).Expect();
        Assert.Equal("docker.io/library/pinned:latest", (await berth.RunAsync("image", "pin", "pinned")).Expect().Line);
        Assert.Equal("docker.io/library/pinned:latest", (await berth.RunAsync("image", "pin")).Expect().Line);
        (await berth.RunAsync("tag", "first", "again")).Expect(); // used now
        string told = (await berth.RunAsync("system", "evict")).Expect(1).Error;
        Assert.Contains("no storage budget is set", told, StringComparison.Ordinal);

        told = (await berth.RunAsync("system", "evict", "--dry-run", "--to", "9MB")).Output;
        Assert.Equal(["busybox", "second"], Gone(told, "Would remove"));
        Assert.Equal(["again", "busybox", "first", "pinned", "second", "third", "used"], await NamesAsync(berth));
        told = (await berth.RunAsync("system", "evict", "--to", "9MB")).Expect().Output;
        Assert.Equal(["busybox", "second"], Gone(told, "Removed"));
        Assert.Equal(["again", "first", "pinned", "third", "used"], await NamesAsync(berth));

        told = (await berth.RunAsync("system", "evict", "--to", "1MB")).Expect(1).Output;
        Assert.Contains("what is left is in use or pinned", told, StringComparison.Ordinal);
        Assert.Equal(["pinned", "used"], await NamesAsync(berth));
        (await berth.RunAsync("image", "unpin", "pinned")).Expect();
        (await berth.RunAsync("image", "unpin", "pinned")).Expect(1);
        (await berth.RunAsync("system", "evict", "--to", "1MB")).Expect(1);
        Assert.Equal(["used"], await NamesAsync(berth));
        Assert.Contains("Nothing is broken", (await berth.RunAsync("system", "fsck")).Expect().Output, StringComparison.Ordinal);
        (await berth.RunAsync("rm", "holder")).Expect();
        Assert.Equal(0, await daemon.StopAsync());
    }

    /// <summary>Images of registries have two names each, of which the second goes with the first; and some are made from others.</summary>
    [Fact]
    public async Task NoMoreGoesThanMust()
    {
        using DockerRegistry registry = DockerRegistry.Start();
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync();
        Cli berth = daemon.Client(Clients.Berth);
        (await berth.RunAsync("create", "--name", "holder", "--network", "none", "busybox", "true")).Expect();
        (await berth.RunAsync("commit", "holder", "child")).Expect();
        foreach (string name in (string[])["one", "two", "three"])
        {
            (await berth.RunAsync(["import", "-", name], Image(name))).Expect();
            (await berth.RunAsync("tag", name, $"{registry.Address}/{name}")).Expect();
            (await berth.RunAsync("push", "-q", $"{registry.Address}/{name}")).Expect();
            (await berth.RunAsync("rmi", name)).Expect();
        }

        (await berth.RunAsync("rm", "holder")).Expect();
        (await berth.RunAsync("create", "--name", "holder", "--network", "none", "child", "true")).Expect();
        long used = (await daemon.Api.GetAsync("/berth/storage/usage")).Expect(HttpStatusCode.OK).Json["Total"]!.GetValue<long>(); // as it answers
        string told = (await berth.RunAsync("system", "evict", "--to", $"{used - 500_000}")).Expect().Output;
        Assert.Equal([registry.Address[..9]], Gone(told, "Removed")); // one, the first word of whose name is the registry's host
        Assert.Equal(["busybox", "child", $"{registry.Address}/three", $"{registry.Address}/two"], (await NamesAsync(berth)).OrderBy(static name => name.Contains('/', StringComparison.Ordinal)));
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task WithoutRoomNothingIsLetIn()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, "--storage-budget", "1MB");
        Cli berth = daemon.Client(Clients.Berth);
        Reply reply = await daemon.Api.ImportAsync(new MemoryStream(Image("more")), "more");
        reply.Expect(HttpStatusCode.ServiceUnavailable);
        Assert.Contains("no room for further images", reply.Text, StringComparison.Ordinal);
        Assert.Contains("storage budget", reply.Text, StringComparison.Ordinal);
        Assert.Equal(["busybox"], await NamesAsync(berth)); // too new to go
        (await berth.RunAsync("rmi", "busybox")).Expect();
        (await daemon.Api.ImportAsync(new MemoryStream(Image("more")), "more")).Expect(HttpStatusCode.OK);
        Assert.Equal(0, await daemon.StopAsync());
    }

    // Two megabytes that are not those of another.
    private static byte[] Image(string name)
    {
        byte[] content = new byte[1 << 20];
        new Random(name.GetHashCode(StringComparison.Ordinal)).NextBytes(content);
        using var result = new MemoryStream();
        using (var tar = new System.Formats.Tar.TarWriter(result, System.Formats.Tar.TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "x") { DataStream = new MemoryStream(content) });
        }

        return result.ToArray();
    }

    private static IEnumerable<string> Gone(string told, string verb) =>
        told.Split('\n').Where(line => line.StartsWith(verb, StringComparison.Ordinal)).Select(line => line[(verb.Length + 1)..].Split(':')[0]);

    private static async Task<IEnumerable<string>> NamesAsync(Cli berth) =>
        (await berth.RunAsync("images", "--format", "{{.Repository}}")).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal);
}
