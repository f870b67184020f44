using System.Text;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;
using static Berth.Storage.Tests.Support.ImageArchive;

namespace Berth.Storage.Tests.Images;

public sealed class ImageLoadTests : IAsyncLifetime
{
    private static readonly byte[] First = Layer("a", "first");
    private static readonly byte[] Second = Layer("b", "second");
    private readonly TempFolder temp = new();
    private Stores stores = null!;

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
    public async Task AnArchiveOfDockerIsLoadedWithItsLayersShared()
    {
        byte[] config = Config(First, Second);
        LoadedImage loaded = Assert.Single(await LoadAsync(Docker("box:1", config, First, Second)));
        Assert.Equal(Digest.Of(config), loaded.Image.Id);
        Assert.Equal("box:1", loaded.Names.Single().Familiar);
        Assert.Equal(11, loaded.Image.Size);
        Assert.Equal(config, stores.Images.ReadDocument(loaded.Image.Id));

        byte[] other = Config(First);
        LoadedImage lower = Assert.Single(await LoadAsync(Docker("lower:1", other, First)));
        Assert.Equal(loaded.Image.ChainIds[0], lower.Image.ChainIds.Single());
        await stores.Images.RemoveAsync("box:1", false, _ => ImageUse.None, default);
        Assert.Equal([lower.Image.ChainIds[0]], stores.Snapshotter.ListLayers());
        await stores.Images.RemoveAsync("lower:1", false, _ => ImageUse.None, default);
        Assert.Empty(stores.Leftovers());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("xz")]
    [InlineData("bzip2")]
    public async Task CompressedArchivesAndLayersAreRecognisedByContent(string program)
    {
        byte[] packed = Run(program, First, "-c");
        byte[] archive = Run(program, Docker("box:1", Config(First), packed).ToArray(), "-c");
        LoadedImage loaded = Assert.Single(await stores.Images.LoadAsync(new MemoryStream(archive), null, default));
        Assert.Equal("first", ReadFile(loaded.Image, 0, "a"));
        Digest kept = loaded.Image.LayerBlobs[0];
        Assert.Equal(program is "gzip" or "zstd" ? Digest.Of(packed) : Digest.Of(First), kept);
    }

    [Fact]
    public async Task ALayoutKeepsItsDocumentsAndTheLayersBlobs()
    {
        byte[] gzip = Run("gzip", Second, "-c");
        byte[] config = Config(First, Second);
        byte[] manifest = Encoding.UTF8.GetBytes(Manifest(config, First, gzip) + "\n\n");
        ImageArchive archive = new ImageArchive().Text("oci-layout", """{"imageLayoutVersion":"1.0.0"}""")
            .Text("index.json", Index(Descriptor(MediaTypes.OciManifest, manifest, Named("docker.io/library/box:1")), Descriptor(MediaTypes.OciManifest, manifest, Named("quay.io/x/box:2"))))
            .Blob(manifest).Blob(config).Blob(gzip).Blob(First);
        LoadedImage loaded = Assert.Single(await LoadAsync(archive));
        Assert.Equal(["box:1", "quay.io/x/box:2"], loaded.Image.References.Select(name => name.Familiar));
        Assert.Equal(Digest.Of(manifest), loaded.Image.Manifest);
        Assert.Equal(manifest, stores.Images.ReadDocument(loaded.Image.Manifest));
        Assert.Equal([Digest.Of(First), Digest.Of(gzip)], loaded.Image.LayerBlobs);
    }

    [Fact]
    public async Task OfAnIndexThePlatformsImageIsLoaded()
    {
        byte[] config = Config(First);
        byte[] manifest = Encoding.UTF8.GetBytes(Manifest(config, First));
        byte[] foreign = Encoding.UTF8.GetBytes(Manifest(Config(Second), Second));
        byte[] index = Encoding.UTF8.GetBytes(Index(
            Descriptor(MediaTypes.OciManifest, foreign, ForPlatform("linux", "s390x")),
            Descriptor(MediaTypes.OciManifest, manifest, ForPlatform("linux", Platform.Host.Architecture)),
            Descriptor(MediaTypes.OciManifest, "attestation"u8.ToArray(), ForPlatform("unknown", "unknown"))));
        ImageArchive archive = new ImageArchive().Text("index.json", Index(Descriptor(MediaTypes.OciIndex, index, Named("box:1")))).Blob(index).Blob(manifest).Blob(config).Blob(First);
        Assert.Equal(Digest.Of(config), Assert.Single(await LoadAsync(archive)).Image.Id);
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => stores.Images.LoadAsync(new MemoryStream(archive.ToArray()), new Platform("linux", "ppc64le"), default));
        Assert.Equal((ErrorKind.NotFound, $"the archive has no image for linux/ppc64le; it has linux/s390x, linux/{Platform.Host.Architecture}"), (e.Kind, e.Message));
    }

    [Fact]
    public async Task SymlinkedLayersAndArchivesFromBeforeManifestsAreRead()
    {
        byte[] config = Config(First, First);
        ImageArchive linked = new ImageArchive().File("one/layer.tar", First).Symlink("two/layer.tar", "../one/layer.tar").File("c.json", config)
            .Text("manifest.json", """[{"Config":"c.json","RepoTags":null,"Layers":["one/layer.tar","two/layer.tar"]}]""");
        LoadedImage loaded = Assert.Single(await LoadAsync(linked));
        Assert.Empty(loaded.Names);
        Assert.Equal(2, loaded.Image.ChainIds.Count);

        ImageArchive legacy = new ImageArchive().Text("repositories", """{"old":{"1":"bb"}}""")
            .Text("aa/json", """{"id":"aa","created":"2014-01-01T00:00:00Z","container_config":{"Cmd":["/bin/sh","-c","make"]},"architecture":"amd64","os":"linux"}""").File("aa/layer.tar", First)
            .Text("bb/json", """{"id":"bb","parent":"aa","created":"2015-01-01T00:00:00Z","config":{"Cmd":["run"]},"architecture":"amd64","os":"linux"}""").File("bb/layer.tar", Second);
        LoadedImage old = Assert.Single(await LoadAsync(legacy));
        Assert.Equal("old:1", old.Names.Single().Familiar);
        Assert.Equal("run", old.Image.Config.Config!.Cmd!.Single());
        Assert.Equal(["/bin/sh -c make", null], old.Image.Config.History!.Select(step => step.CreatedBy));
        Assert.Equal("second", ReadFile(old.Image, 1, "b"));
    }

    [Fact]
    public async Task WhatIsSavedIsLoadedAgainTheSame()
    {
        byte[] gzip = Run("gzip", Second, "-c");
        byte[] zstd = Run("zstd", First, "-c");
        ImageRecord one = Assert.Single(await LoadAsync(Docker("box:1", Config(First, Second), First, gzip))).Image;
        ImageRecord two = Assert.Single(await LoadAsync(Docker("zs:1", Config(First), zstd))).Image;
        await stores.Images.TagAsync(one, ImageReference.Parse("quay.io/x/box:2"), default);
        byte[] saved = await SaveAsync("box", "quay.io/x/box:2", two.Id.Hex[..12]);
        Assert.Equal(
            ["blobs/", "blobs/sha256/", "index.json", "manifest.json", "oci-layout", "repositories"],
            TarText.Names(saved).Where(name => !name.StartsWith("blobs/sha256/") || name.EndsWith('/')));

        await using Stores others = new(temp["other"]);
        IReadOnlyList<LoadedImage> loaded = await others.Images.LoadAsync(new MemoryStream(saved), null, default);
        Assert.Equal([one.Id, two.Id], loaded.Select(image => image.Image.Id));
        Assert.Equal(["box:1", "quay.io/x/box:2"], loaded[0].Names.Select(name => name.Familiar));
        Assert.Empty(loaded[1].Names);
        Assert.Equal(one.Manifest, loaded[0].Image.Manifest);
        Assert.Equal(one.LayerBlobs, loaded[0].Image.LayerBlobs);
        Assert.Equal([Digest.Of(First)], loaded[1].Image.LayerBlobs);

        // Without manifest.json it still is a layout.
        byte[] layout = Run("tar", saved, "--delete", "-f", "-", "manifest.json", "repositories");
        await using Stores third = new(temp["third"]);
        Assert.Equal([one.Id, two.Id], (await third.Images.LoadAsync(new MemoryStream(layout), null, default)).Select(image => image.Image.Id));
    }

    [Fact]
    public async Task LoadingWhatIsThereAlreadyOnlyAddsNames()
    {
        ImageArchive archive = Docker("box:1", Config(First), First);
        ImageRecord one = Assert.Single(await LoadAsync(archive)).Image;
        byte[] saved = await SaveAsync("box:1");
        await stores.Images.RemoveAsync("box:1", false, _ => ImageUse.None, default);
        await LoadAsync(archive);
        int before = stores.Leftovers().Count;
        ImageRecord again = Assert.Single(await stores.Images.LoadAsync(new MemoryStream(saved), null, default)).Image;
        Assert.Equal(one.Id, again.Id);
        Assert.Equal(before, stores.Leftovers().Count);
    }

    [Fact]
    public async Task AnArchiveWithoutImagesSaysSo()
    {
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => LoadAsync(new ImageArchive().Text("hello", "world")));
        Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        Assert.StartsWith("the archive holds no image", e.Message);
        Assert.Equal("No such image: nothing:latest", (await Assert.ThrowsAsync<EngineException>(() => SaveAsync("nothing"))).Message);
    }

    [Fact]
    public async Task SavingGoesOnWhileTheImageIsRemoved()
    {
        byte[] big = new TarBuilder().Entry('0', "big", Noise(8 << 20)).ToArray();
        await LoadAsync(Docker("box:1", Config(big), big));
        using GatedStream output = new();
        Task saving = stores.Images.SaveAsync(["box:1"], output, default);
        await output.Started.Task;
        await stores.Images.RemoveAsync("box:1", false, _ => ImageUse.None, default);
        output.Gate.SetResult();
        await saving;
        Assert.Empty(stores.Leftovers());
        Assert.Equal("box:1", Assert.Single(await stores.Images.LoadAsync(new MemoryStream(output.ToArray()), null, default)).Names.Single().Familiar);
    }

    [Fact]
    public async Task ConcurrentLoadsOfOneImageLeaveOneAndRemovalsNeverBreakIt()
    {
        byte[] archive = Docker("box:1", Config(First, Second), First, Second).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (int round = 0; round < 6; round++)
            {
                ImageRecord image = Assert.Single(await stores.Images.LoadAsync(new MemoryStream(archive), null, default)).Image;
                try
                {
                    using MemoryStream saved = new();
                    await stores.Images.SaveAsync([image.Id.Hex], saved, default);
                    await stores.Images.RemoveAsync(image.Id.Hex, true, _ => ImageUse.None, default);
                }
                catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
                {
                    // Another was faster.
                }
            }
        })));
        if (stores.Images.List().Count > 0)
        {
            await stores.Images.RemoveAsync("box:1", true, _ => ImageUse.None, default);
        }

        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task AFullDiskIsAClearErrorAndItsSpaceComesBack()
    {
        Directory.CreateDirectory(temp["small"]);
        Run("mount", [], "-t", "tmpfs", "-o", "size=12m", "none", temp["small"]);
        try
        {
            await using (Stores small = new(temp["small"]))
            {
                byte[] big = new TarBuilder().Entry('0', "big", Noise(8 << 20)).ToArray();
                for (int i = 0; i < 3; i++)
                {
                    EngineException e = await Assert.ThrowsAsync<EngineException>(() => small.Images.LoadAsync(new MemoryStream(Docker("box:1", Config(big), big).ToArray()), null, default));
                    Assert.Equal(ErrorKind.Internal, e.Kind);
                    Assert.Contains("no space left", e.Message);
                    Assert.Empty(small.Leftovers());
                    for (int wait = 0; wait < 500 && Directory.GetFileSystemEntries(temp["small/snapshots/trash"]).Length > 0; wait++)
                    {
                        await Task.Delay(10);
                    }
                }

                byte[] fits = new TarBuilder().Entry('0', "fits", Noise(4 << 20)).ToArray();
                Assert.Single(await small.Images.LoadAsync(new MemoryStream(Docker("box:1", Config(fits), fits).ToArray()), null, default));
            }

            await using Stores again = new(temp["small"]);
            Assert.Single(again.Images.List());
        }
        finally
        {
            Run("umount", [], temp["small"]);
        }
    }

    private static byte[] Noise(int length)
    {
        byte[] noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }

    private string ReadFile(ImageRecord image, int layer, string name) => File.ReadAllText(temp[$"data/snapshots/layers/{image.ChainIds[layer].Hex}/fs/{name}"]);

    private Task<IReadOnlyList<LoadedImage>> LoadAsync(ImageArchive archive) => stores.Images.LoadAsync(new MemoryStream(archive.ToArray()), null, default);

    private async Task<byte[]> SaveAsync(params string[] names)
    {
        using MemoryStream output = new();
        await stores.Images.SaveAsync(names, output, default);
        return output.ToArray();
    }

    private sealed class GatedStream : MemoryStream
    {
        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Started.TrySetResult();
            await Gate.Task;
            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
