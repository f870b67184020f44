using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

public sealed class PushFaultTests(PlainRegistry registry) : IClassFixture<PlainRegistry>, IDisposable
{
    private const int Large = (16 << 20) + 1000; // is streamed, not sent in one request
    private readonly FaultProxy proxy = new(registry.Address);
    private readonly RegistryClient client = new(Sample.Quick);

    public void Dispose()
    {
        client.Dispose();
        proxy.Dispose();
    }

    [Fact]
    public async Task CutAtEveryPowerOfTwo()
    {
        for (int at = 1; at <= 1 << 18; at *= 2)
        {
            proxy.Forget();
            byte[] content = Sample.Bytes(1 << 18, at);
            proxy.When(static request => request.Method is "PUT" or "PATCH", new Fault { CutRequestAfter = at }, 1);
            Assert.Equal(BlobPushOutcome.Uploaded, (await client.Open(proxy.Address).PushAsync(content)).Outcome);
            Assert.Equal(content, await client.Open(registry.Address).PullAsync(Sample.Describe(content)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5_000_000)]
    [InlineData(16 << 20)]
    public async Task AStreamedOneThatBreaksOff(int at)
    {
        byte[] content = Sample.Bytes(Large, at);
        proxy.When(static request => request.Method == "PATCH", new Fault { CutRequestAfter = at }, 1);
        Assert.Equal(BlobPushOutcome.Uploaded, (await client.Open(proxy.Address).PushAsync(content)).Outcome);
        Assert.Equal(content, await client.Open(registry.Address).PullAsync(Sample.Describe(content)));
    }

    [Fact]
    public async Task AnUploadGoesOnWhereTheRegistryIs()
    {
        using var alone = new FaultProxy();
        alone.When(static request => request.Method == "HEAD", Fault.Answer(404));
        alone.When(static request => request.Method == "POST", Fault.Answer(202, "", "Location: /v2/a/b/blobs/uploads/1"));
        alone.When(static request => request.Method == "PATCH", Fault.Answer(503), 1);
        alone.When(static request => request is { Method: "GET", Path: "/v2/a/b/blobs/uploads/1" }, Fault.Answer(204, "", "Range: 0-999999", "Location: /v2/a/b/blobs/uploads/2"));
        alone.When(static request => request is { Method: "PATCH", Path: "/v2/a/b/blobs/uploads/2" }, Fault.Answer(202, "", "Location: /v2/a/b/blobs/uploads/3?x=y"));
        alone.When(static request => request is { Method: "PUT", Path: "/v2/a/b/blobs/uploads/3" }, Fault.Answer(201));
        byte[] content = Sample.Bytes(Large);
        List<long> opened = [];
        await client.Open(alone.Address).PushBlobAsync(
            Sample.Describe(content),
            offset =>
            {
                opened.Add(offset);
                return Sample.Open(content)(offset);
            },
            [],
            null,
            default);
        Assert.Equal([0, 1_000_000], opened);
        ProxyRequest second = alone.Requests.Last(static request => request.Method == "PATCH");
        Assert.Equal(($"1000000-{Large - 1}", $"{Large - 1_000_000}"), (second.Header("Content-Range"), second.Header("Content-Length")));
        Assert.Equal($"/v2/a/b/blobs/uploads/3?x=y&digest={Uri.EscapeDataString(Digest.Of(content).ToString())}", alone.Requests[^1].Target);
    }

    [Fact]
    public async Task AnUploadThatNeverGetsThrough()
    {
        byte[] content = Sample.Bytes(1000, 11);
        proxy.When(static request => request.Method == "PUT", new Fault { CutRequestAfter = 1 });
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PushAsync(content));
        Assert.Contains($"blob {Digest.Of(content)} to {proxy.Address}/a/b", e.Message, StringComparison.Ordinal);
        Assert.Equal(Sample.Quick.Attempts, proxy.Requests.Count(static request => request.Method == "PUT"));
        proxy.Forget();
        proxy.When(static request => request.Method == "PUT", Fault.Error(403, "DENIED", "requested access to the resource is denied"));
        EngineException denied = await Sample.FailsAsync(ErrorKind.Forbidden, () => client.Open(proxy.Address).PushAsync(content));
        Assert.Contains("denied: requested access to the resource is denied", denied.Message, StringComparison.Ordinal);
        Assert.Single(proxy.Requests, static request => request.Method == "PUT");
    }

    [Fact]
    public async Task ALostAnswerIsNoLostBlob()
    {
        byte[] content = Sample.Bytes(1000, 12);
        proxy.When(static request => request.Method == "PUT", new Fault { ChangeHead = static _ => throw new IOException("lost") }, 1);
        Assert.Equal(BlobPushOutcome.Uploaded, (await client.Open(proxy.Address).PushAsync(content)).Outcome);
        Assert.Single(proxy.Requests, static request => request.Method == "PUT");
    }

    [Fact]
    public async Task ARegistryThatStoredSomethingElse()
    {
        using var alone = new FaultProxy();
        alone.When(static request => request.Method == "POST", Fault.Answer(202, "", "Location: /u"));
        alone.When(static request => request.Method == "PUT", Fault.Answer(201, "", $"Docker-Content-Digest: {Digest.Of([9])}"));
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(alone.Address).PushAsync([1]));
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(alone.Address).PushManifestAsync("x", MediaTypes.OciManifest, new byte[] { 1 }, default));
    }
}
