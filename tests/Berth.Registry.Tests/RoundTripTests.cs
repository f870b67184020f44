using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Registry.Tests;

/// <summary>With docker-registry itself.</summary>
public sealed class RoundTripTests(PlainRegistry registry) : IClassFixture<PlainRegistry>, IDisposable
{
    private readonly RegistryClient client = new(Sample.Quick);

    public void Dispose() => client.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData(20_000_000)] // more than what goes in one request
    public async Task BlobsThatArePushedArePulled(int size)
    {
        RegistryRepository repository = client.Open(registry.Address, "blobs");
        byte[] content = Sample.Bytes(size);
        List<long> sent = [];
        BlobPush pushed = await repository.PushBlobAsync(Sample.Describe(content), Sample.Open(content), [], sent.Add, default);
        Assert.Equal(BlobPushOutcome.Uploaded, pushed.Outcome);
        Assert.Equal(size, sent.LastOrDefault());
        Assert.Equal(BlobPushOutcome.Existed, (await repository.PushAsync(content)).Outcome);
        List<long> received = [];
        Assert.Equal(content, await repository.PullAsync(Sample.Describe(content), new BlobRead { Received = received.Add }));
        Assert.Equal(size, received.LastOrDefault());
        Assert.Equal(content[(size / 2)..], await repository.PullAsync(Sample.Describe(content), new BlobRead { Offset = size / 2 }));
    }

    [Fact]
    public async Task BlobsOfAnotherRepositoryAreMounted()
    {
        byte[] content = Sample.Bytes(1000, 2);
        await client.Open(registry.Address, "mount/first").PushAsync(content);
        BlobPush pushed = await client.Open(registry.Address, "mount/second").PushAsync(content, "mount/none", "mount/first");
        Assert.Equal(new BlobPush(BlobPushOutcome.Mounted, "mount/first"), pushed);
        Assert.True(await client.Open(registry.Address, "mount/second").HasBlobAsync(Digest.Of(content), default));
        Assert.Equal(BlobPushOutcome.Uploaded, (await client.Open(registry.Address, "mount/third").PushAsync(Sample.Bytes(1000, 3), "mount/none")).Outcome);
    }

    [Fact]
    public async Task ImagesAreFoundByTagAndDigest()
    {
        RegistryRepository repository = client.Open(registry.Address, "image");
        (byte[] manifest, _) = await repository.PushImageAsync("v1");
        Digest digest = Digest.Of(manifest);
        foreach (string name in (string[])["v1", digest.ToString()])
        {
            RemoteDocument document = await repository.GetManifestAsync(name, default);
            Assert.Equal((digest, MediaTypes.OciManifest), (document.Digest, document.MediaType));
            Assert.Equal(manifest, document.Content);
            Descriptor found = Assert.IsType<Descriptor>(await repository.FindManifestAsync(name, default));
            Assert.Equal((digest, (long)manifest.Length, MediaTypes.OciManifest), (found.Digest, found.Size, found.MediaType));
        }

        await repository.PushManifestAsync("v2", MediaTypes.OciManifest, manifest, default);
        Assert.Equal(["v1", "v2"], await repository.ListTagsAsync(default));
        await repository.DeleteManifestAsync(digest, default);
        Assert.Null(await repository.FindManifestAsync("v1", default));
        await Sample.FailsAsync(ErrorKind.NotFound, () => repository.DeleteManifestAsync(digest, default));
    }

    [Fact]
    public async Task WhatIsMissingIsNamedInDockersWords()
    {
        RegistryRepository repository = client.Open(registry.Address, "missing");
        await repository.PushImageAsync("there");
        EngineException tag = await Sample.FailsAsync(ErrorKind.NotFound, () => repository.GetManifestAsync("gone", default));
        Assert.Equal($"manifest for {registry.Address}/missing:gone not found: manifest unknown: manifest unknown", tag.Message);
        Descriptor blob = Sample.Describe(Sample.Bytes(10, 9));
        EngineException lost = await Sample.FailsAsync(ErrorKind.NotFound, () => repository.PullAsync(blob));
        Assert.Contains($"blob {blob.Digest} of {registry.Address}/missing: blob unknown", lost.Message, StringComparison.Ordinal);
        EngineException tags = await Sample.FailsAsync(ErrorKind.NotFound, () => client.Open(registry.Address, "nobody").ListTagsAsync(default));
        Assert.Contains("name unknown: repository name not known to registry", tags.Message, StringComparison.Ordinal);
        EngineException refused = await Assert.ThrowsAsync<EngineException>(() => repository.PushManifestAsync(
            "x", MediaTypes.OciManifest, System.Text.Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"config":{"mediaType":"a","digest":"{{blob.Digest}}","size":10},"layers":[]}"""), default));
        Assert.True(refused.Message.Contains(blob.Digest.ToString(), StringComparison.Ordinal), refused.Message);
    }

    [Fact]
    public async Task ManyTagsComeInPages()
    {
        RegistryRepository repository = client.Open(registry.Address, "tags");
        (byte[] manifest, _) = await repository.PushImageAsync("t000");
        await Parallel.ForEachAsync(Enumerable.Range(1, 149), async (i, _) => await repository.PushManifestAsync($"t{i:000}", MediaTypes.OciManifest, manifest, default));
        Assert.Equal(Enumerable.Range(0, 150).Select(static i => $"t{i:000}"), (await repository.ListTagsAsync(default)).Order());
    }

    [Fact]
    public async Task ASourceThatIsNotWhatItsDescriptorSaysIsNotSent()
    {
        RegistryRepository repository = client.Open(registry.Address, "short");
        byte[] content = Sample.Bytes(1000, 4);
        Descriptor longer = Sample.Describe(content) with { Size = 2000 };
        EngineException e = await Sample.FailsAsync(ErrorKind.Internal, () => repository.PushBlobAsync(longer, Sample.Open(content), [], null, default));
        Assert.Contains("only 1000 of the 2000 bytes", e.Message, StringComparison.Ordinal);
        Descriptor other = Sample.Describe(Sample.Bytes(1000, 5));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => repository.PushBlobAsync(other, Sample.Open(content), [], null, default));
        Assert.False(await repository.HasBlobAsync(other.Digest, default));
        await Assert.ThrowsAsync<EngineException>(() => repository.PushBlobAsync(other, static _ => throw new IOException("the disk is gone"), [], null, default));
    }

    [Fact]
    public async Task NobodyListening()
    {
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open("127.0.0.1:1").GetManifestAsync("x", default));
        Assert.Contains("Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", e.Message, StringComparison.Ordinal);
    }
}
