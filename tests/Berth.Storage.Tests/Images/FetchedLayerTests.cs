using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

/// <summary>Layers that come from a registry.</summary>
public sealed class FetchedLayerTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task MoreLayersThanCanBePutOnEachOtherAreRefusedBeforeOneIsReceived()
    {
        await using Stores stores = new(temp["data"]);
        await using ImageAssembly assembly = stores.Images.BeginAssembly();
        byte[][] layers = [.. Enumerable.Range(0, 501).Select(static i => BitConverter.GetBytes(i))];
        EngineException e = Assert.Throws<EngineException>(() => assembly.UseLayers(ImageArchive.Config(layers)));
        Assert.Equal((ErrorKind.InvalidArgument, "the image cannot be used: it has 501 layers, at most 500 can be put on each other"), (e.Kind, e.Message));
        Assert.Equal(500, assembly.UseLayers(ImageArchive.Config(layers[..500])).IsHere.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatASourceSentIsKeptUnlessItIsSomethingElse(bool isWrong)
    {
        await using Stores stores = new(temp["data"]);
        await using ImageAssembly assembly = stores.Images.BeginAssembly();
        byte[] layer = ImageArchive.Layer("file", new string('x', 200_000));
        var blob = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Of(layer), Size = layer.Length };
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => assembly.FetchLayerAsync(
            blob, (_, _) => Task.FromResult<Stream>(new Broken(layer[..100_000], new EngineException(ErrorKind.Unavailable, "no more") { IsWrongContent = isWrong })), default));
        Assert.Equal("no more", e.Message);
        Assert.Equal(isWrong ? [] : [100_000L], Directory.GetFiles(temp["data/content/partial"]).Select(static path => new FileInfo(path).Length));
        Assert.Equal(blob.Digest, (await assembly.FetchLayerAsync(blob, (offset, _) => Task.FromResult<Stream>(new MemoryStream(layer[(int)offset..])), default)).Blob);
    }

    private sealed class Broken(byte[] content, Exception end) : ReadOnlyStream
    {
        private readonly MemoryStream inner = new(content);

        public override int Read(Span<byte> buffer) => inner.Read(buffer) is > 0 and var count ? count : throw end;
    }
}
