using System.Text;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Images.Archives;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

public sealed class DeltaBundleTests : IDisposable
{
    private static readonly byte[] Base = ImageArchive.Layer("base", new string('b', 200_000));
    private static readonly byte[] More = ImageArchive.Layer("more", "more");
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ADeltaIsCompletedWhereItsBaseIs(bool receivedManifest)
    {
        await using Stores from = new(temp["from"]);
        await using Stores to = new(temp["to"]);
        await LoadAsync(from, "app:1", receivedManifest, Base);
        ImageRecord app = await LoadAsync(from, "app:2", receivedManifest, Base, More);
        await LoadAsync(to, "other:1", receivedManifest, Base);

        byte[] whole = await SaveAsync(from, ["app:2"]);
        byte[] delta = await SaveAsync(from, ["app:2"], "app:1");
        Assert.True(whole.Length > 200_000 && delta.Length < 20_000, $"{whole.Length} {delta.Length}");
        Assert.DoesNotContain("blobs/sha256/" + Digest.Of(Base).Hex, TarText.Names(delta));
        Assert.Contains("blobs/sha256/" + Digest.Of(More).Hex, TarText.Names(delta));

        LoadedImage loaded = (await to.Images.LoadAsync(new MemoryStream(delta), null, default)).Single();
        Assert.Equal((app.Id, app.Manifest, "app:2"), (loaded.Image.Id, loaded.Image.Manifest, loaded.Names.Single().Familiar));
        Assert.Equal(app.LayerBlobs, loaded.Image.LayerBlobs);
        Assert.Equal(whole, await SaveAsync(to, ["app:2"]));
    }

    [Fact]
    public async Task WhereTheBaseIsPackedOtherwiseTheDeltaFitsAllTheSame()
    {
        await using Stores from = new(temp["from"]);
        await using Stores to = new(temp["to"]);
        await LoadAsync(from, "app:1", true, Base);
        ImageRecord app = await LoadAsync(from, "app:2", true, Base, More);
        byte[] packed = ImageArchive.Run("gzip", Base, "-1");
        await to.Images.ImportAsync(new MemoryStream(packed), new ImportOptions(null, null, null, ImageReference.Parse("packed")), default);
        LoadedImage loaded = (await to.Images.LoadAsync(new MemoryStream(await SaveAsync(from, ["app:2"], "app:1")), null, default)).Single();
        Assert.Equal(app.Id, loaded.Image.Id);
        Assert.NotEqual(app.Manifest, loaded.Image.Manifest);
        Assert.Equal([Digest.Of(packed), Digest.Of(More)], loaded.Image.LayerBlobs);
    }

    [Fact]
    public async Task WithoutItsBaseADeltaSaysWhichItIs()
    {
        await using Stores from = new(temp["from"]);
        await using Stores to = new(temp["to"]);
        ImageRecord known = await LoadAsync(from, "app:1", true, Base);
        await LoadAsync(from, "app:2", true, Base, More);
        EngineException e = await Assert.ThrowsAsync<EngineException>(async () => await to.Images.LoadAsync(new MemoryStream(await SaveAsync(from, ["app:2"], "app:1")), null, default));
        Assert.Equal(ErrorKind.NotFound, e.Kind);
        Assert.Contains($"1 of the 2 layers of app:2 are neither in it nor here; they are those of app:1 ({known.Id}): load or pull that first", e.Message);
        Assert.Contains(Digest.Of(Base).ToString(), e.Message);
        Assert.Empty(to.Leftovers());

        e = await Assert.ThrowsAsync<EngineException>(() => SaveAsync(from, ["app:2"], "nobody"));
        Assert.Equal((ErrorKind.NotFound, "No such image: nobody:latest"), (e.Kind, e.Message));
    }

    [Fact]
    public async Task SinceItselfThereAreOnlyDocuments()
    {
        await using Stores stores = new(temp["from"]);
        ImageRecord image = await LoadAsync(stores, "app:1", true, Base, More);
        byte[] delta = await SaveAsync(stores, ["app:1"], "app:1");
        Assert.Equal(2, TarText.Names(delta).Count(static name => name.StartsWith("blobs/sha256/", StringComparison.Ordinal) && name.Length > 20));
        Assert.Equal(image.Id, (await stores.Images.LoadAsync(new MemoryStream(delta), null, default)).Single().Image.Id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatADeltaIsCompletedWithStaysUntilItsCommit(bool namesBlob)
    {
        await using Stores stores = new(temp["to"]);
        await LoadAsync(stores, "base:1", true, Base);
        byte[] config = ImageArchive.Config(Base);
        byte[]? manifest = namesBlob ? Encoding.UTF8.GetBytes(ImageArchive.Manifest(config, Base) + " ") : null;
        await using (ImageAssembly assembly = stores.Images.BeginAssembly())
        {
            ArchiveImage image = DeltaBundle.Complete(new ArchiveImage(config, manifest, [default], [ImageReference.Parse("app:1")], default), assembly, null);
            await stores.Images.RemoveAsync("base:1", force: true, static _ => ImageUse.None, default);
            Assert.Empty(stores.Images.List());
            Assert.True(stores.Snapshotter.HasLayer(Digest.Of(Base)) && stores.Content.Exists(Digest.Of(Base)));
            ImageParts parts = new() { Config = config, Manifest = image.Manifest, LayerBlobs = image.Layers, References = image.Names };
            Assert.Equal([Digest.Of(Base)], (await assembly.CommitAsync(parts, default)).LayerBlobs);
        }

        Assert.True(stores.Snapshotter.HasLayer(Digest.Of(Base)) && stores.Content.Exists(Digest.Of(Base)));
    }

    private static async Task<byte[]> SaveAsync(Stores stores, string[] names, params string[] since)
    {
        using MemoryStream output = new();
        await stores.Images.SaveAsync(names, since, output, default);
        return output.ToArray();
    }

    private static async Task<ImageRecord> LoadAsync(Stores stores, string name, bool withManifest, params byte[][] layers)
    {
        byte[] config = ImageArchive.Config(layers);
        if (!withManifest)
        {
            return (await stores.Images.LoadAsync(new MemoryStream(ImageArchive.Docker(name, config, layers).ToArray()), null, default)).Single().Image;
        }

        byte[] manifest = Encoding.UTF8.GetBytes(ImageArchive.Manifest(config, layers) + "\n");
        ImageArchive archive = new ImageArchive().Blob(config).Blob(manifest)
            .Text("index.json", ImageArchive.Index(ImageArchive.Descriptor("application/vnd.oci.image.manifest.v1+json", manifest, ImageArchive.Named("docker.io/library/" + name))));
        foreach (byte[] layer in layers)
        {
            archive.Blob(layer);
        }

        return (await stores.Images.LoadAsync(new MemoryStream(archive.ToArray()), null, default)).Single().Image;
    }
}
