using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

/// <summary>What networks, proxies and broken registries do to a pull: it goes on, or fails with a message that says where.</summary>
public sealed class PullFaultTests : IClassFixture<PlainRegistry>, IDisposable
{
    private const int Size = 1 << 20;
    private static readonly RegistryOptions InPieces = Sample.Quick with { RangeSize = 64 << 10, RangesPerBlob = 3, RangesBelow = long.MaxValue };
    private static readonly byte[] Content = Sample.Bytes(Size, 7);
    private static readonly Descriptor Blob = Sample.Describe(Content);
    private readonly FaultProxy proxy;
    private readonly RegistryClient client = new(Sample.Quick);
    private readonly RegistryClient inPieces = new(InPieces);

    public PullFaultTests(PlainRegistry registry)
    {
        client.Open(registry.Address).PushAsync(Content).GetAwaiter().GetResult();
        client.Open(registry.Address).PushImageAsync("x").GetAwaiter().GetResult();
        proxy = new FaultProxy(registry.Address);
    }

    public void Dispose()
    {
        client.Dispose();
        inPieces.Dispose();
        proxy.Dispose();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task CutAtEveryPowerOfTwo(bool isInPieces, bool isWithoutRanges)
    {
        for (long at = 1; at < Size; at *= 2)
        {
            proxy.Forget();
            proxy.When(static request => request.IsBlob, new Fault { CutAnswerAfter = at, DropsRange = isWithoutRanges }, isInPieces ? 3 : 1);
            proxy.When(static request => request.IsBlob, new Fault { DropsRange = isWithoutRanges });
            Assert.Equal(Content, await (isInPieces ? inPieces : client).Open(proxy.Address).PullAsync(Blob));
        }
    }

    [Fact]
    public async Task ResumedWhereItBroke()
    {
        proxy.When(static request => request.IsBlob, new Fault { CutAnswerAfter = 600_000 }, 1);
        Assert.Equal(Content, await client.Open(proxy.Address).PullAsync(Blob));
        ProxyRequest[] blobs = [.. proxy.Requests.Where(static request => request.IsBlob)];
        Assert.Equal(2, blobs.Length);
        Assert.Equal((null, $"bytes=600000-{Size - 1}"), (blobs[0].Header("Range"), blobs[1].Header("Range")));
    }

    [Fact]
    public async Task NeverAByte()
    {
        proxy.When(static request => request.IsBlob, new Fault { CutAnswerAfter = 10 });
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PullAsync(Blob));
        Assert.Contains($"blob {Blob.Digest} of {proxy.Address}/a/b cannot be read on after", e.Message, StringComparison.Ordinal);
        Assert.Equal(Sample.Quick.Attempts, proxy.Requests.Count(static request => request.IsBlob));
    }

    [Theory]
    [InlineData("Content-Range: bytes ", "Content-Range: bytes 1")]
    [InlineData("/1048576", "/1048577")]
    [InlineData("Content-Range:", "X-Range:")]
    public async Task WrongPieces(string said, string wrong)
    {
        proxy.When(static request => request.IsBlob, new Fault { ChangeHead = head => head.Replace(said, wrong, StringComparison.OrdinalIgnoreCase) });
        Assert.Equal(Content, await inPieces.Open(proxy.Address).PullAsync(Blob));
    }

    [Fact]
    public async Task WrongLength()
    {
        proxy.When(static request => request.IsBlob, new Fault { ChangeHead = static head => head.Replace("Content-Length: 1048576", "Content-Length: 1048577", StringComparison.OrdinalIgnoreCase) });
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PullAsync(Blob));
        Assert.Equal($"blob {Blob.Digest} of {proxy.Address}/a/b has 1048577 bytes at {proxy.Address}; its descriptor names 1048576", e.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WrongBytes(bool isInPieces)
    {
        proxy.When(static request => request.IsBlob, new Fault { ChangeBody = static body => [.. body[..^1], (byte)~body[^1]] }, 1);
        RegistryRepository repository = (isInPieces ? inPieces : client).Open(proxy.Address);
        await using Stream stream = await repository.OpenBlobAsync(Blob, new BlobRead(), default);
        using var copy = new MemoryStream();
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => stream.CopyToAsync(copy));
        Assert.Contains($"blob {Blob.Digest} of {proxy.Address}/a/b: what came has another digest", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsWrongContent);
        Assert.True(copy.Length < Size); // the last bytes are kept back
    }

    [Fact]
    public async Task ABodyWithoutEnd()
    {
        proxy.When(static request => request.IsBlob, new Fault { Status = 200, IsEndless = true });
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PullAsync(Blob));
        proxy.When(static request => request.IsManifest, new Fault { Status = 200, IsEndless = true });
        await Sample.FailsAsync(ErrorKind.TooLarge, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.InRange(proxy.Sent, 0, 100 << 20);
    }

    [Fact]
    public async Task AManifestOf100Megabytes()
    {
        proxy.When(static request => request.IsManifest, new Fault { Status = 200, IsEndless = true, Headers = ["Content-Length: 104857600"] });
        EngineException e = await Sample.FailsAsync(ErrorKind.TooLarge, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Equal($"manifest for {proxy.Address}/a/b:x is too large: at most 8388608 bytes are accepted, got 104857600 bytes", e.Message);
    }

    [Fact]
    public async Task ATruncatedManifest()
    {
        proxy.When(static request => request.IsManifest, new Fault { CutAnswerAfter = 100 }, 2);
        RemoteDocument document = await client.Open(proxy.Address).GetManifestAsync("x", default);
        proxy.When(static request => request.IsManifest, new Fault { CutAnswerAfter = 100 });
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).GetManifestAsync(document.Digest.ToString(), default));
        Assert.Contains($"manifest for {proxy.Address}/a/b@{document.Digest}", e.Message, StringComparison.Ordinal);
        proxy.Forget();
        proxy.When(static request => request.IsManifest, new Fault { ChangeBody = static body => [.. body[..^1], (byte)' '] });
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).GetManifestAsync(document.Digest.ToString(), default));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(proxy.Address).GetManifestAsync("x", default));
    }

    [Fact]
    public async Task ADocumentThatIsTwoThings()
    {
        proxy.When(static request => request.IsManifest, Fault.Answer(200, """{"schemaVersion":2,"manifests":[],"layers":[]}""", $"Content-Type: {MediaTypes.OciIndex}"));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        proxy.Forget();
        proxy.When(static request => request.IsManifest, Fault.Answer(200, """{"schemaVersion":2,"manifests":[]}""", $"Content-Type: {MediaTypes.OciManifest}"));
        EngineException e = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Contains("it is called application/vnd.oci.image.manifest.v1+json, but is an index", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AStalledConnectionIsGivenUp()
    {
        using var impatient = new RegistryClient(Sample.Quick with { StallLimit = TimeSpan.FromMilliseconds(200) });
        proxy.When(static request => request.IsBlob, new Fault { StallAnswerAfter = 100_000 }, 1);
        proxy.When(static request => request.IsManifest, new Fault { StallAnswerAfter = 10 }, 1);
        Assert.Equal(Content, await impatient.Open(proxy.Address).PullAsync(Blob));
        await impatient.Open(proxy.Address).GetManifestAsync("x", default);
    }

    [Fact]
    public async Task ASlowTrickleIsNoStall()
    {
        byte[] small = Sample.Bytes(200, 3);
        await client.Open(proxy.Address).PushAsync(small);
        proxy.When(static request => request.IsBlob, new Fault { Trickle = TimeSpan.FromMilliseconds(1) });
        Assert.Equal(small, await client.Open(proxy.Address).PullAsync(Sample.Describe(small)));
    }

    [Fact]
    public async Task TooManyRequests()
    {
        proxy.When(static request => request.IsManifest || request.IsBlob, Fault.Answer(429, "", "Retry-After: 1"), 2);
        await client.Open(proxy.Address).GetManifestAsync("x", default);
        Assert.Equal(Content, await client.Open(proxy.Address).PullAsync(Blob));
        proxy.Forget();
        proxy.When(
            static request => request.IsManifest,
            Fault.Answer(429, """{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}""", "Retry-After: 3600", "ratelimit-limit: 100;w=21600", "ratelimit-remaining: 0;w=21600"));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Equal($"manifest for {proxy.Address}/a/b:x: toomanyrequests: slow down (limit 100 in 6 hours, 0 left, try again in 3600 seconds)", e.Message);
        Assert.Single(proxy.Requests, static request => request.IsManifest);
    }

    [Fact]
    public async Task FailuresThatPassAndThatDoNot()
    {
        proxy.When(static request => request.IsManifest || request.IsBlob, Fault.Answer(503), 4);
        await client.Open(proxy.Address).GetManifestAsync("x", default);
        proxy.When(static request => request.IsManifest || request.IsBlob, Fault.Answer(502, "<html>"), 3);
        Assert.Equal(Content, await inPieces.Open(proxy.Address).PullAsync(Blob));
        proxy.When(static request => request.IsManifest, new Fault { Status = 503, Headers = ["Retry-After: Thu, 01 Jan 2020 00:00:00 GMT"] });
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Contains("received unexpected HTTP status: 503", e.Message, StringComparison.Ordinal);
        proxy.Forget();
        proxy.When(static request => request.IsManifest, Fault.Error(403, "DENIED", "requested access to the resource is denied"));
        EngineException denied = await Sample.FailsAsync(ErrorKind.NotFound, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Equal(
            $"pull access denied for {proxy.Address}/a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", denied.Message);
        Assert.Single(proxy.Requests, static request => request.IsManifest);
    }

    [Fact]
    public async Task Redirects()
    {
        using var other = new FaultProxy();
        other.When(static _ => true, request => Fault.Answer(206, "", $"Content-Range: bytes 0-{(1 << 16) - 1}/{Size}") with { Body = Content[..(1 << 16)] }, 1);
        other.When(static request => request.Header("Range") is not null, static request =>
        {
            long[] range = [.. request.Header("Range")!["bytes=".Length..].Split('-').Select(static part => long.Parse(part, null))];
            return new Fault { Status = 206, Headers = [$"Content-Range: bytes {range[0]}-{range[1]}/{Size}"], Body = Content[(int)range[0]..((int)range[1] + 1)] };
        });
        proxy.When(static request => request.IsBlob, Fault.Redirect($"http://{other.OtherName}/data"));
        Assert.Equal(Content, await inPieces.Open(proxy.Address).PullAsync(Blob));
        Assert.All(other.Requests, static request => Assert.StartsWith("bytes=", request.Header("Range"), StringComparison.Ordinal));
        proxy.Forget();
        proxy.When(static request => request.IsBlob, request => Fault.Redirect(request.Target));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PullAsync(Blob));
        Assert.Contains("redirects more than 5 times", e.Message, StringComparison.Ordinal);
        proxy.Forget();
        proxy.When(static request => request.IsBlob, Fault.Redirect("file:///etc/passwd"));
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).PullAsync(Blob));
    }

    [Fact]
    public async Task ManyBlobsInPiecesTakeOneAmountOfMemory()
    {
        using var narrow = new RegistryClient(InPieces with { RangeSize = 16 << 10, RangeMemory = 64 << 10 });
        RegistryRepository repository = narrow.Open(proxy.Address);
        byte[][] all = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => repository.PullAsync(Blob)));
        Assert.All(all, static got => Assert.True(got.AsSpan().SequenceEqual(Content)));
        Assert.Equal(4, narrow.Buffers.Peak);
        Assert.Equal(0, narrow.Buffers.Rented);
    }

    [Fact]
    public async Task AStreamThatIsLeftEarlyGivesEverythingBack()
    {
        RegistryRepository repository = inPieces.Open(proxy.Address);
        await using (Stream stream = await repository.OpenBlobAsync(Blob, new BlobRead(), default))
        {
            await stream.ReadExactlyAsync(new byte[100_000]);
        }

        Assert.Equal(0, inPieces.Buffers.Rented);
        using var cancelled = new CancellationTokenSource();
        await using Stream other = await repository.OpenBlobAsync(Blob, new BlobRead { Offset = 1000 }, default);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await other.ReadExactlyAsync(new byte[Size - 1000], cancelled.Token));
    }
}
