using System.Globalization;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Registries that break off, lie or never end: a pull goes on, or fails by name, and leaves nothing visible.</summary>
public sealed class PullFaults : IClassFixture<RegistryFixture>, IDisposable
{
    private readonly RegistryFixture fixture;
    private readonly FaultProxy proxy;

    public PullFaults(RegistryFixture fixture)
    {
        this.fixture = fixture;
        proxy = new FaultProxy(fixture.Address);
    }

    public void Dispose() => proxy.Dispose();

    [Fact]
    public async Task ACutAtEveryPowerOfTwoIsHealed()
    {
        (string repository, string layer) = await PutAsync(300_000);
        for (int cut = 1; cut < 300_000; cut *= 2)
        {
            Spoil(request => IsLayer(request, layer), new Fault { CutAnswerAfter = cut }, times: 1);
            await PullAndRemoveAsync(repository);
            List<ProxyRequest> asked = [.. proxy.Requests.Where(request => IsLayer(request, layer))];
            Assert.Equal(2, asked.Count);
            Assert.StartsWith("bytes=", asked[1].Header("Range"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task BusyAndFailingRegistriesAreAskedAgain()
    {
        (string repository, string layer) = await PutAsync(10_000);
        foreach (Fault fault in (Fault[])[Fault.Answer(429, "", "Retry-After: 1"), Fault.Answer(503), Fault.Answer(500)])
        {
            Spoil(request => IsLayer(request, layer), fault, times: 1);
            await PullAndRemoveAsync(repository);
            Assert.Equal(2, proxy.Requests.Count(request => IsLayer(request, layer)));
        }
    }

    [Theory]
    [InlineData("wrong bytes")]
    [InlineData("wrong range")]
    [InlineData("too short")]
    [InlineData("another manifest")]
    [InlineData("no JSON")]
    [InlineData("100 MB manifest")]
    public async Task WhatIsNotTrueIsToldByName(string lie)
    {
        (string repository, string layer) = await PutAsync(20_000);
        Fault fault = lie switch
        {
            "wrong bytes" => new Fault { ChangeBody = static body => [.. body[..^1], (byte)(body[^1] ^ 1)] },
            "wrong range" => new Fault { Status = 206, Headers = ["Content-Range: bytes 5-9/20000"], Body = new byte[5] },
            "too short" => new Fault { Status = 200, Body = new byte[10] },
            "another manifest" => new Fault { ChangeBody = static body => [.. body[..^1], (byte)'{'] },
            "no JSON" => Fault.Answer(200, "{\"schemaVersion\": 2, \"layers\"", $"Content-Type: {ImageFormat.Oci.Manifest}"),
            _ => new Fault { Status = 200, Headers = [$"Content-Type: {ImageFormat.Oci.Manifest}"], Body = new byte[100 << 20] },
        };
        bool isManifest = lie.Contains("manifest", StringComparison.Ordinal) || lie == "no JSON";
        string digest = (await fixture.Content.GetAsync(repository, "1")).Digest;
        Spoil(request => isManifest ? request.IsManifest : IsLayer(request, layer), fault);
        string name = lie == "another manifest" ? $"{proxy.Address}/{repository}@{digest}" : $"{proxy.Address}/{repository}:1";
        CommandResult pull = (await fixture.Berth.RunAsync(["pull", name], null, TimeSpan.FromSeconds(60))).Expect(1);
        Assert.Contains($"{proxy.Address}/{repository}", pull.Error, StringComparison.Ordinal);
        if (!isManifest)
        {
            Assert.Contains(layer, pull.Error, StringComparison.Ordinal);
        }

        Assert.Equal("", (await fixture.Berth.RunAsync("images", "-aq", $"{proxy.Address}/{repository}")).Expect().Line);
        Assert.False(File.Exists(Blob(layer)), "a blob that no image has is visible");

        // The same name, from a registry that is well again.
        proxy.Forget();
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task WhatFollowsALayersLastByteIsNotRead()
    {
        (string repository, string layer) = await PutAsync(30_000);
        Spoil(request => IsLayer(request, layer), new Fault { ChangeHead = static head => System.Text.RegularExpressions.Regex.Replace(head, "(?i)content-length: .*\r\n", ""), ChangeBody = static body => [.. body, .. new byte[100_000]] });
        await PullAndRemoveAsync(repository);
    }

    [Fact]
    public async Task PullsAtTheSameTimeFetchALayerOnce()
    {
        (string repository, string layer) = await PutAsync(6_000_000);
        proxy.Forget();
        string name = $"{proxy.Address}/{repository}:1";
        CommandResult[] pulls = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => fixture.Berth.RunAsync("pull", name)));
        Assert.All(pulls, static pull => Assert.Contains("Digest: sha256:", pull.Expect().Output, StringComparison.Ordinal));
        Assert.Single(proxy.Requests, request => IsLayer(request, layer));
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task ALayerThatIsHereIsNotFetched()
    {
        (string repository, string layer) = await PutAsync(1000);
        (await fixture.Berth.RunAsync("pull", $"{proxy.Address}/{repository}:1")).Expect();
        proxy.Forget();
        (await fixture.Berth.RunAsync("pull", $"{proxy.Address}/{repository}:1")).Expect();
        Assert.DoesNotContain(proxy.Requests, request => IsLayer(request, layer));
        (await fixture.Berth.RunAsync("rmi", $"{proxy.Address}/{repository}:1")).Expect();
    }

    [Fact]
    public async Task WhatWasLostIsFetchedAgain()
    {
        (string repository, string layer) = await PutAsync(5000);
        string name = $"{proxy.Address}/{repository}:1";
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        string id = (await fixture.Berth.RunAsync("images", "-q", "--no-trunc", name)).Expect().Line;
        foreach (string lost in (string[])[layer, id])
        {
            File.Delete(Blob(lost));
            (await fixture.Berth.RunAsync("pull", name)).Expect();
            Assert.True(File.Exists(Blob(lost)), $"{lost} came back");
        }

        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task APullThatEndedWithItsDaemonGoesOnFromThere()
    {
        (string repository, string layer) = await PutAsync(2_000_000);
        Spoil(request => IsLayer(request, layer), new Fault { StallAnswerAfter = 900_000 });
        string name = $"{proxy.Address}/{repository}:1";
        Task<CommandResult> pull = fixture.Berth.RunAsync("pull", name);
        string partial = Path.Combine(fixture.Daemon.DataRoot, "content", "partial", layer["sha256:".Length..]);
        await Poll.UntilAsync(() => File.Exists(partial) && new FileInfo(partial).Length > 500_000, "half a million bytes are there", 20);
        await fixture.Daemon.KillAsync();
        Assert.NotEqual(0, (await pull).ExitCode);
        string old = Path.Combine(Path.GetDirectoryName(partial)!, new string('a', 64)); // a file has a folder
        await File.WriteAllTextAsync(old, "given up");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow - TimeSpan.FromDays(8));
        await fixture.Daemon.StartAsync();
        await Poll.UntilAsync(() => !File.Exists(old), "a download that was given up long ago goes by itself", 20);
        long left = new FileInfo(partial).Length;
        Assert.Equal("", (await fixture.Berth.RunAsync("images", "-aq", $"{proxy.Address}/{repository}")).Expect().Line);
        proxy.Forget();
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        ProxyRequest rest = Assert.Single(proxy.Requests, request => IsLayer(request, layer));
        Assert.StartsWith($"bytes={left.ToString(CultureInfo.InvariantCulture)}-", rest.Header("Range"), StringComparison.Ordinal);
        Assert.False(File.Exists(partial), "what is whole is no partial download any more");

        // What a power cut spoilt is fetched anew.
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        await File.WriteAllBytesAsync(partial, new byte[700_000]);
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    private static bool IsLayer(ProxyRequest request, string layer) => request.Method == "GET" && request.Path.EndsWith("/blobs/" + layer, StringComparison.Ordinal);

    private void Spoil(Func<ProxyRequest, bool> matches, Fault fault, int times = int.MaxValue)
    {
        proxy.Forget();
        proxy.When(matches, fault, times);
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
        (await fixture.Berth.RunAsync("pull", $"{proxy.Address}/{repository}:1")).Expect();
        (await fixture.Berth.RunAsync("rmi", $"{proxy.Address}/{repository}:1")).Expect();
    }
}
