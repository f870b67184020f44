using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

public sealed class ImagePackingTests : IAsyncLifetime
{
    private readonly TempFolder temp = new();
    private readonly byte[] lower = new TarBuilder().File("big", new string('x', 3_000_000)).ToArray();
    private readonly byte[] upper = new TarBuilder().File("small", "small").ToArray();
    private Stores stores = null!;

    private ImageStore Images => stores.Images;

    public Task InitializeAsync()
    {
        stores = new Stores(temp["data"]);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await stores.DisposeAsync();
        temp.Dispose();
    }

    [Fact]
    public async Task PlainLayersArePackedForAllImagesThatShareThem()
    {
        ImageRecord below = await MakeAsync("below", null, lower);
        ImageRecord above = await MakeAsync("above", null, lower, upper);
        List<PackProgress> told = [];
        ImageRecord packed = await Images.PackAsync(above, told.Add, default);
        Assert.Equal(new PackProgress(Digest.Of(upper), upper.Length, upper.Length), told[^1]);
        Assert.Equal(above.Id, packed.Id);
        Assert.NotEqual(above.Manifest, packed.Manifest);
        ImageManifest manifest = ReadManifest(packed);
        Assert.All(manifest.Layers, static layer => Assert.Equal(MediaTypes.OciLayerGzip, layer.MediaType));
        Assert.Equal(packed.LayerBlobs, manifest.Layers.Select(static layer => layer.Digest));
        Assert.Equal(manifest.Layers.Select(static layer => layer.Size), packed.LayerBlobs.Select(stores.Content.Size));
        Assert.Equal(packed.LayerBlobs[0], Images.Resolve("below").LayerBlobs.Single());
        Assert.Equal(["above:latest"], packed.References.Select(static name => name.Familiar));
        Assert.False(stores.Content.Exists(Digest.Of(lower)));
        Assert.False(stores.Content.Exists(below.Manifest));
        Assert.Equal(packed, await Images.PackAsync(above, null, default));
        Assert.Equal(6, stores.Content.List().Count()); // two layers, two configurations, two manifests

        await stores.DisposeAsync();
        stores = new Stores(temp["data"]);
        Assert.Equal(packed.LayerBlobs, Images.Resolve("above").LayerBlobs);
        ImageRecord later = await MakeAsync("later", null, lower, upper, upper);
        Assert.Equal(packed.LayerBlobs[0], (await Images.PackAsync(later, null, default)).LayerBlobs[0]);
    }

    [Fact]
    public async Task WhatCameWithAManifestStaysAsItCame()
    {
        byte[] config = Config(lower);
        byte[] manifest = ImagePlan.MakeManifest(config, [new LayerBlob(Digest.Of(lower), lower.Length, MediaTypes.OciLayer)]);
        ImageRecord received = await MakeAsync("received", manifest, lower);
        Assert.True(received.ManifestIsReceived);
        Assert.Same(received, await Images.PackAsync(received, null, default));
        ImageRecord above = await Images.PackAsync(await MakeAsync("above", null, lower, upper), null, default);
        Assert.Equal(Digest.Of(lower), above.LayerBlobs[0]);
        Assert.NotEqual(Digest.Of(upper), above.LayerBlobs[1]);
        Assert.Equal([MediaTypes.OciLayer, MediaTypes.OciLayerGzip], ReadManifest(above).Layers.Select(static layer => layer.MediaType));
    }

    [Fact]
    public async Task WhoReadsThePlainLayerReadsItToItsEnd()
    {
        ImageRecord image = await MakeAsync("held", null, lower);
        await using (await Images.HoldAsync(image, default))
        {
            await Images.PackAsync(image, null, default);
            Assert.True(stores.Content.Exists(Digest.Of(lower)));
        }

        Assert.False(stores.Content.Exists(Digest.Of(lower)));
    }

    [Fact]
    public async Task GivenUpItLeavesTheImageAsItWas()
    {
        ImageRecord image = await MakeAsync("kept", null, lower);
        IReadOnlyList<string> before = stores.Leftovers();
        using CancellationTokenSource stop = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Images.PackAsync(image, _ => stop.Cancel(), stop.Token));
        Assert.Same(image, Images.Resolve("kept"));
        Assert.Equal(before, stores.Leftovers());
        await Images.RemoveAsync("kept", force: false, static _ => ImageUse.None, default);
        Assert.Equal(ErrorKind.NotFound, (await Assert.ThrowsAsync<EngineException>(() => Images.PackAsync(image, null, default))).Kind);
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task ADamagedLayerIsNotPackedAndStopsNoOtherImage()
    {
        ImageRecord image = await MakeAsync("good", null, lower);
        ImageRecord other = await MakeAsync("damaged", null, lower, upper);
        using (FileStream blob = File.OpenWrite(temp[$"data/content/blobs/sha256/{Digest.Of(upper).Hex}"]))
        {
            blob.Position = 600;
            blob.WriteByte(0xFF);
        }

        EngineException e = await Assert.ThrowsAsync<EngineException>(() => Images.PackAsync(other, null, default));
        Assert.Equal((ErrorKind.Internal, true), (e.Kind, e.Message.Contains($"layer {Digest.Of(upper)} is damaged on the disk", StringComparison.Ordinal)));
        Assert.Same(other, Images.Resolve("damaged"));
        stores.Content.Delete(Digest.Of(upper)); // as a repair leaves it
        ImageRecord packed = await Images.PackAsync(image, null, default);
        Assert.NotEqual(Digest.Of(lower), packed.LayerBlobs[0]);
        Assert.Same(other, Images.Resolve("damaged"));
        Assert.True(stores.Content.Exists(Digest.Of(lower)));
    }

    [Fact]
    public async Task ASaveAndALoadKeepWhatWasMadeHere()
    {
        await MakeAsync("first", null, lower);
        using MemoryStream archive = new();
        await Images.SaveAsync(["first"], archive, default);
        ImageRecord packed = await Images.PackAsync(Images.Resolve("first"), null, default);
        archive.Position = 0;
        Assert.Equal(packed.Manifest, (await Images.LoadAsync(archive, null, default))[0].Image.Manifest);
        await Images.RemoveAsync("first", force: true, static _ => ImageUse.None, default);
        archive.Position = 0;
        ImageRecord loaded = (await Images.LoadAsync(archive, null, default))[0].Image;
        Assert.Equal(Digest.Of(lower), loaded.LayerBlobs.Single());
        Assert.Equal(packed.Manifest, (await Images.PackAsync(loaded, null, default)).Manifest);
    }

    [Fact]
    public async Task ManyAtOnceGiveOneResult()
    {
        ImageRecord image = await MakeAsync("many", null, lower, upper);
        ImageRecord[] packed = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Images.PackAsync(image, null, default)));
        Assert.All(packed, one => Assert.Equal(packed[0].Manifest, one.Manifest));
        Assert.Equal(4, stores.Content.List().Count());
    }

    private static byte[] Config(params byte[][] layers) => JsonSerializer.SerializeToUtf8Bytes(
        new ImageConfig { Architecture = "amd64", Os = "linux", Rootfs = new ImageRootfs { DiffIds = [.. layers.Select(static layer => Digest.Of(layer))] } }, ImageConfigJsonContext.Default.ImageConfig);

    private ImageManifest ReadManifest(ImageRecord image) => ImagePlan.ReadManifest(stores.Content.ReadDocument(image.Manifest));

    private async Task<ImageRecord> MakeAsync(string name, byte[]? manifest, params byte[][] layers)
    {
        await using ImageAssembly assembly = Images.BeginAssembly();
        List<Digest> blobs = [];
        foreach (byte[] layer in layers)
        {
            blobs.Add((await assembly.ReceiveLayerAsync(new MemoryStream(layer), default, null, default)).Blob);
        }

        return await assembly.CommitAsync(
            new ImageParts { Config = Config(layers), Manifest = manifest, LayerBlobs = blobs, References = [ImageReference.Parse(name).WithDefaultTag()] }, default);
    }
}
