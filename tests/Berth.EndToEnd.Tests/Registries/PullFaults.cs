using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Registries that break off, lie or never end: a pull goes on, or fails by name, and leaves nothing visible.</summary>
public sealed class PullFaults : IClassFixture<RegistryFixture>, IDisposable
{
    private readonly RegistryFixture fixture;
    private readonly FaultyRegistry faulty;

    public PullFaults(RegistryFixture fixture)
    {
        this.fixture = fixture;
        faulty = new FaultyRegistry(fixture.Address);
    }

    public void Dispose() => faulty.Dispose();

    [Fact]
    public async Task ACutAtEveryPowerOfTwoIsHealed()
    {
        (string repository, string layer) = await PutAsync(300_000);
        for (int cut = 1; cut < 300_000; cut *= 2)
        {
            int at = cut;
            bool isCut = false;
            faulty.Spoil(request => request.IsBlobOf(layer) && !Interlocked.Exchange(ref isCut, true) ? new Fault { CutAt = at } : null);
            await PullAndRemoveAsync(repository);
            List<SeenRequest> asked = [.. faulty.Seen.Where(request => request.IsBlobOf(layer))];
            Assert.Equal(2, asked.Count);
            Assert.StartsWith("bytes=", asked[1].Range, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task BusyAndFailingRegistriesAreAskedAgain()
    {
        (string repository, string layer) = await PutAsync(10_000);
        foreach (Fault fault in (Fault[])[new Fault { Status = 429, Headers = new Dictionary<string, string> { ["retry-after"] = "1" } }, new Fault { Status = 503 }, new Fault { Status = 500 }])
        {
            bool isDone = false;
            faulty.Spoil(request => request.IsBlobOf(layer) && !Interlocked.Exchange(ref isDone, true) ? fault : null);
            await PullAndRemoveAsync(repository);
            Assert.Equal(2, faulty.Seen.Count(request => request.IsBlobOf(layer)));
        }
    }

    public static TheoryData<string> Lies => ["wrong bytes", "too short", "another manifest", "no JSON", "100 MB manifest", "wrong range"];

    [Theory, MemberData(nameof(Lies))]
    public async Task WhatIsNotTrueIsToldByName(string lie)
    {
        (string repository, string layer) = await PutAsync(20_000);
        bool isManifest = lie.Contains("manifest", StringComparison.Ordinal) || lie == "no JSON";
        Fault fault = lie switch
        {
            "wrong bytes" => new Fault { Body = static body => [.. body[..^1], (byte)(body[^1] ^ 1)] },
            "too short" => new Fault { Body = static body => body[..^10] },
            "another manifest" => new Fault { Body = static body => [.. body, (byte)' '] },
            "no JSON" => new Fault { Body = static body => body[..^5] },
            "100 MB manifest" => new Fault { Body = static _ => new byte[100 << 20] },
            _ => new Fault { Status = 206, Headers = new Dictionary<string, string> { ["content-range"] = "bytes 5-9/20000" }, Body = static _ => new byte[5] },
        };
        string digest = (await fixture.Content.GetAsync(repository, "1")).Digest;
        faulty.Spoil(request => request.IsBlobOf(layer) && !isManifest ? fault : request.Path.Contains("/manifests/", StringComparison.Ordinal) && isManifest ? fault : null);
        string name = lie == "another manifest" ? $"{faulty.Address}/{repository}@{digest}" : $"{faulty.Address}/{repository}:1";
        CommandResult pull = (await fixture.Berth.RunAsync(["pull", name], null, TimeSpan.FromSeconds(60))).Expect(1);
        Assert.Contains($"{faulty.Address}/{repository}", pull.Error, StringComparison.Ordinal);
        if (!isManifest)
        {
            Assert.Contains(layer, pull.Error, StringComparison.Ordinal);
        }

        Assert.Equal("", (await fixture.Berth.RunAsync("images", "-aq", $"{faulty.Address}/{repository}")).Expect().Line);
        Assert.False(File.Exists(Blob(layer)), "a blob that no image has is visible");

        // The same name, from a registry that is well again.
        faulty.Spoil(static _ => null);
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task WhatFollowsALayersLastByteIsNotRead()
    {
        (string repository, string layer) = await PutAsync(30_000);
        foreach (Fault fault in (Fault[])[new Fault { IsEndless = true }, new Fault { Body = static body => [.. body, .. new byte[10]] }])
        {
            faulty.Spoil(request => request.IsBlobOf(layer) ? fault : null);
            await PullAndRemoveAsync(repository);
        }
    }

    [Fact]
    public async Task PullsAtTheSameTimeFetchALayerOnce()
    {
        (string repository, string layer) = await PutAsync(200_000);
        faulty.Spoil(request => request.IsBlobOf(layer) ? new Fault { BytesPerSecond = 400_000 } : null);
        string name = $"{faulty.Address}/{repository}:1";
        CommandResult[] pulls = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => fixture.Berth.RunAsync("pull", name)));
        Assert.All(pulls, static pull => Assert.Contains("Digest: sha256:", pull.Expect().Output, StringComparison.Ordinal));
        Assert.Single(faulty.Seen, request => request.IsBlobOf(layer));
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task ALayerThatIsHereIsNotFetched()
    {
        (string repository, string layer) = await PutAsync(1000);
        faulty.Spoil(static _ => null);
        (await fixture.Berth.RunAsync("pull", $"{faulty.Address}/{repository}:1")).Expect();
        faulty.Spoil(static _ => null);
        (await fixture.Berth.RunAsync("pull", $"{faulty.Address}/{repository}:1")).Expect();
        Assert.DoesNotContain(faulty.Seen, request => request.IsBlobOf(layer));
        (await fixture.Berth.RunAsync("rmi", $"{faulty.Address}/{repository}:1")).Expect();
    }

    [Fact]
    public async Task APullThatEndedWithItsDaemonGoesOnFromThere()
    {
        (string repository, string layer) = await PutAsync(2_000_000);
        faulty.Spoil(request => request.IsBlobOf(layer) ? new Fault { BytesPerSecond = 1_000_000 } : null);
        string name = $"{faulty.Address}/{repository}:1";
        Task<CommandResult> pull = fixture.Berth.RunAsync("pull", name);
        string partial = Path.Combine(fixture.Daemon.DataRoot, "content", "partial", layer["sha256:".Length..]);
        await Poll.UntilAsync(() => File.Exists(partial) && new FileInfo(partial).Length > 500_000, "half a million bytes are there", 20);
        await fixture.Daemon.KillAsync();
        Assert.NotEqual(0, (await pull).ExitCode);
        await fixture.Daemon.StartAsync();
        long left = new FileInfo(partial).Length;
        Assert.Equal("", (await fixture.Berth.RunAsync("images", "-aq", $"{faulty.Address}/{repository}")).Expect().Line);
        faulty.Spoil(static _ => null);
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        SeenRequest rest = Assert.Single(faulty.Seen, request => request.IsBlobOf(layer));
        Assert.Equal($"bytes={left.ToString(CultureInfo.InvariantCulture)}-", rest.Range![..(rest.Range!.IndexOf('-', StringComparison.Ordinal) + 1)]); // as asked for
        Assert.False(File.Exists(partial), "what is whole is no partial download any more");

        // What a power cut spoilt is fetched anew.
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        await File.WriteAllBytesAsync(partial, new byte[700_000]);
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    private string Blob(string digest) => Path.Combine(fixture.Daemon.DataRoot, "content", "blobs", "sha256", digest["sha256:".Length..]);

    // An image of one layer that does not compress.
    private async Task<(string Repository, string Layer)> PutAsync(int bytes)
    {
        string repository = fixture.NewRepository();
        byte[] content = RegistryContent.Noise(bytes, bytes);
        System.Text.Encoding.ASCII.GetBytes(repository).CopyTo(content, 0);
        Document manifest = await fixture.Content.PutImageAsync(repository, "1", ImageFormat.Oci, "gzip", [content]);
        return (repository, manifest.Json["layers"]![0]!["digest"]!.GetValue<string>()); // as put
    }

    private async Task PullAndRemoveAsync(string repository)
    {
        (await fixture.Berth.RunAsync("pull", $"{faulty.Address}/{repository}:1")).Expect();
        (await fixture.Berth.RunAsync("rmi", $"{faulty.Address}/{repository}:1")).Expect();
    }
}
