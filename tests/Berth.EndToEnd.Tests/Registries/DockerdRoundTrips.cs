using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.OtherEngines;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>A stock dockerd that reaches a registry of this machine, under its address.</summary>
public sealed class RegistryDockerFixture : DockerFixture, IAsyncLifetime
{
    private NamespaceRelay? relay;

    protected override string Preparation => "ip link set lo up\n";

    /// <summary>Has the registry reached.</summary>
    public void Reach(string address) =>
        relay ??= new NamespaceRelay($"/proc/{Sandbox.First.ToString(CultureInfo.InvariantCulture)}/ns/net", IPAddress.Loopback, int.Parse(address.Split(':')[1], CultureInfo.InvariantCulture));

    async Task IAsyncLifetime.DisposeAsync()
    {
        relay?.Dispose();
        await DisposeAsync();
    }
}

/// <summary>What goes from Berth through a registry to Debian's dockerd, and from there back.</summary>
[Needs(DockerdRoundTrips.Needed)]
public sealed class DockerdRoundTrips : IClassFixture<RegistryFixture>, IClassFixture<RegistryDockerFixture>
{
    internal const string Needed = "dockerd containerd docker unshare";
    private readonly RegistryFixture fixture;
    private readonly RegistryDockerFixture engine;

    public DockerdRoundTrips(RegistryFixture fixture, RegistryDockerFixture engine)
    {
        (this.fixture, this.engine) = (fixture, engine);
        engine.Reach(fixture.Address);
    }

    private Cli Berth => fixture.Berth;

    private Cli Docker => engine.Cli;

    // dockerd keeps blobs and their digests, also of layers that it would not make itself, while it knows that the registry has them. It never pushes an
    // index, and writes manifests anew, in Docker's format: what it pushed once has the same digest whenever it pushes it again.
    [EngineTheory(Needed), MemberData(nameof(RoundTrips.All), MemberType = typeof(RoundTrips))]
    public async Task DockerdTakesWhatBerthPushedAndBerthWhatDockerdPushed(string formatName, string packing, string kind)
    {
        (Document manifest, Document wanted, string pushed) = await PushedByBerthAsync(formatName, packing, kind);
        string identity = await IdentityAsync(Berth, pushed);
        bool isUnpacked = packing != "zstd" || await KnowsZstdAsync();
        if (isUnpacked)
        {
            Assert.Contains("Digest: " + wanted.Digest + "\n", (await Docker.RunAsync("pull", pushed)).Expect().Output, StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains("invalid tar header", (await Docker.RunAsync("pull", pushed)).Expect(1).Error, StringComparison.Ordinal);
            (await Docker.RunAsync(["load"], (await Berth.RunAsync("save", pushed)).Expect().OutputBytes)).Expect();
        }

        Assert.Equal(identity, await IdentityAsync(Docker, pushed));
        Assert.StartsWith((string)manifest.Json["config"]!["digest"]!, identity, StringComparison.Ordinal);

        // dockerd -> registry
        string on = await PushByDockerdAsync(pushed, fixture.Address);
        Document made = await fixture.Content.GetAsync(RepositoryOf(on), "1");
        Assert.Equal(ImageFormat.Docker.Manifest, made.MediaType);
        Assert.Equal((string?)manifest.Json["config"]!["digest"], (string?)made.Json["config"]!["digest"]);
        if (isUnpacked)
        {
            Assert.Equal(DigestsOf(manifest), DigestsOf(made));
        }
        else
        {
            AssertPackedAnew(manifest, made);
        }

        // -> Berth -> registry -> dockerd -> registry
        (await Berth.RunAsync("rmi", "-f", pushed)).Expect();
        await SendOnAsync(pushed, on, made, identity);
    }

    // The same registry under another name: dockerd does not know that it has the layers.
    [EngineTheory(Needed), InlineData("Docker", "none"), InlineData("OCI", "gzip")]
    public async Task WhatDockerdPacksAnewIsTheSameImage(string formatName, string packing)
    {
        (Document manifest, _, string pushed) = await PushedByBerthAsync(formatName, packing, "single");
        (await Docker.RunAsync("pull", pushed)).Expect();
        string identity = await IdentityAsync(Docker, pushed);
        string on = await PushByDockerdAsync(pushed, "localhost:" + fixture.Address.Split(':')[1]);
        Document made = await fixture.Content.GetAsync(RepositoryOf(on), "1");
        Assert.Equal((string?)manifest.Json["config"]!["digest"], (string?)made.Json["config"]!["digest"]);
        AssertPackedAnew(manifest, made);
        (await Berth.RunAsync("rmi", "-f", pushed)).Expect();
        await SendOnAsync(pushed, on, made, identity);
    }

    [EngineFact]
    public async Task WhatDockerdMadeRuns()
    {
        const string Own = "own:1";
        string container = await MadeByDockerdAsync();
        byte[] root = (await Docker.RunAsync("export", container)).Expect().OutputBytes;
        (await Docker.RunAsync(["import", "-c", "ENV WHO=dockerd", "-", Own], root)).Expect();
        (await Docker.RunAsync("rm", container)).Expect();
        string identity = await IdentityAsync(Docker, Own);
        string on = await PushByDockerdAsync(Own, fixture.Address);
        Assert.Equal("dockerd", (await Berth.RunAsync("run", "--rm", "--network", "none", on, "sh", "-c", "echo $WHO")).Expect().Line);
        await SendOnAsync(Own, on, await fixture.Content.GetAsync(RepositoryOf(on), "1"), identity);
    }

    // Its layer is the busybox that both imported, and each packs for itself.
    [EngineFact]
    public async Task ALayerThatIsHerePackedOtherwiseIsSentAsItIsHere()
    {
        const string Own = "layered:1";
        string container = await MadeByDockerdAsync();
        (await Docker.RunAsync("commit", container, Own)).Expect();
        (await Docker.RunAsync("rm", container)).Expect();
        string identity = await IdentityAsync(Docker, Own);
        string on = await PushByDockerdAsync(Own, fixture.Address), back = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await Docker.RunAsync("rmi", Own, on)).Expect();
        (await Berth.RunAsync("pull", on)).Expect();
        (await Berth.RunAsync("tag", on, back)).Expect();
        (await Berth.RunAsync("push", back)).Expect();
        Document theirs = await fixture.Content.GetAsync(RepositoryOf(on), "1"), ours = await fixture.Content.GetAsync(RepositoryOf(back), "1");
        Assert.Equal((string?)theirs.Json["config"]!["digest"], (string?)ours.Json["config"]!["digest"]);
        Assert.Empty(DigestsOf(theirs).Intersect(DigestsOf(ours)));
        (await Docker.RunAsync("pull", back)).Expect();
        Assert.Equal((identity, identity), (await IdentityAsync(Docker, back), await IdentityAsync(Berth, back)));
        (await Berth.RunAsync("rmi", on, back)).Expect();
        (await Docker.RunAsync("rmi", back)).Expect();
    }

    [EngineTheory(Needed), InlineData("OCI", "gzip"), InlineData("OCI", "zstd"), InlineData("Docker", "none")]
    public async Task ArchivesOfBothAreReadByTheOther(string formatName, string packing)
    {
        (_, _, string name) = await PushedByBerthAsync(formatName, packing, "single");
        string identity = await IdentityAsync(Berth, name);
        byte[] ours = (await Berth.RunAsync("save", name)).Expect().OutputBytes;
        Assert.Contains("Loaded image: " + name, (await Docker.RunAsync(["load"], ours)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(identity, await IdentityAsync(Docker, name));
        (await Berth.RunAsync("rmi", "-f", name)).Expect();
        byte[] theirs = (await Docker.RunAsync("save", name)).Expect().OutputBytes;
        Assert.Contains("Loaded image: " + name, (await Berth.RunAsync(["load"], theirs)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(identity, await IdentityAsync(Berth, name));
        (await Berth.RunAsync("rmi", name)).Expect();
        (await Docker.RunAsync("rmi", name)).Expect();
    }

    private static string[] DigestsOf(Document manifest) => [.. manifest.Json["layers"]!.AsArray().Select(static layer => (string)layer!["digest"]!)]; // manifests have all of it

    private static void AssertPackedAnew(Document manifest, Document made)
    {
        Assert.All(made.Json["layers"]!.AsArray(), static layer => Assert.Equal(ImageFormat.Docker.Layer("gzip"), (string?)layer!["mediaType"]));
        Assert.Empty(DigestsOf(manifest).Intersect(DigestsOf(made)));
    }

    private async Task<string> MadeByDockerdAsync() => (await Docker.RunAsync(["create", .. engine.MakeOptions, engine.Image, "true"])).Expect().Line;

    // Since version 23; Debian 12 has 20.10.
    private async Task<bool> KnowsZstdAsync() =>
        int.Parse((await Docker.RunAsync("version", "-f", "{{.Server.Version}}")).Expect().Line.Split('.')[0], CultureInfo.InvariantCulture) >= 23;

    // Image id and diff ids.
    private static async Task<string> IdentityAsync(Cli cli, string name) => (await cli.RunAsync("image", "inspect", "-f", "{{.Id}} {{json .RootFS.Layers}}", name)).Expect().Line;

    private string RepositoryOf(string name) => name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..^2];

    // Made by plain requests, pulled by Berth and pushed to another repository, where nothing else puts it.
    private async Task<(Document Manifest, Document Wanted, string Name)> PushedByBerthAsync(string formatName, string packing, string kind)
    {
        ImageFormat format = formatName == "OCI" ? ImageFormat.Oci : ImageFormat.Docker;
        string from = fixture.NewRepository();
        byte[][] layers = [[.. RegistryContent.Noise(1, 100_000), .. System.Text.Encoding.UTF8.GetBytes(from)], System.Text.Encoding.UTF8.GetBytes(from)];
        Document manifest = await fixture.Content.PutImageAsync(from, "single", format, packing, layers);
        Document wanted = kind == "single" ? manifest : await fixture.Content.PutIndexAsync(from, "index", format, (manifest, "amd64"));
        string source = $"{fixture.Address}/{from}:{kind}", name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await Berth.RunAsync("pull", source)).Expect();
        (await Berth.RunAsync("tag", source, name)).Expect();
        Assert.Contains("1: digest: " + wanted.Digest, (await Berth.RunAsync("push", name)).Expect().Output, StringComparison.Ordinal);
        (await Berth.RunAsync("rmi", source)).Expect();
        return (manifest, wanted, name);
    }

    private async Task<string> PushByDockerdAsync(string name, string registry)
    {
        string on = $"{registry}/{fixture.NewRepository()}:1";
        (await Docker.RunAsync("tag", name, on)).Expect();
        string told = (await Docker.RunAsync("push", on)).Expect().Output;
        Assert.Contains("1: digest: " + (await fixture.Content.GetAsync(RepositoryOf(on), "1")).Digest, told, StringComparison.Ordinal);
        return on;
    }

    // What dockerd pushed comes to Berth and goes on as it is; dockerd gets that with its own digest, and pushes it with the same.
    private async Task SendOnAsync(string pushed, string on, Document made, string identity)
    {
        string back = $"{fixture.Address}/{fixture.NewRepository()}:1";
        Assert.Contains("Digest: " + made.Digest + "\n", (await Berth.RunAsync("pull", on)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(identity, await IdentityAsync(Berth, on));
        (await Berth.RunAsync("tag", on, back)).Expect();
        Assert.Contains($"1: digest: {made.Digest} size: {made.Content.Length}", (await Berth.RunAsync("push", back)).Expect().Output, StringComparison.Ordinal);
        Document again = await fixture.Content.GetAsync(RepositoryOf(back), "1");
        Assert.Equal((made.MediaType, made.Digest), (again.MediaType, again.Digest));

        (await Docker.RunAsync("rmi", "-f", pushed, on)).Expect();
        Assert.Contains("Digest: " + made.Digest + "\n", (await Docker.RunAsync("pull", back)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(identity, await IdentityAsync(Docker, back));
        string last = await PushByDockerdAsync(back, fixture.Address);
        Assert.Equal(made.Digest, (await fixture.Content.GetAsync(RepositoryOf(last), "1")).Digest);
        (await Berth.RunAsync("rmi", on, back)).Expect();
        (await Docker.RunAsync("rmi", back, last)).Expect();
    }
}
