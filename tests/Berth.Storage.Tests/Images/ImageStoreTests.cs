using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

public sealed class ImageStoreTests : IAsyncLifetime
{
    private readonly TempFolder temp = new();
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
    public async Task AnImportIsAnOciImageAndSurvivesARestart()
    {
        byte[] tar = new TarBuilder().File("hello", "hello").Symlink("link", "x").ToArray();
        ImageRunConfig run = new() { Cmd = ["sh"], Env = ["A=b"] };
        ImageRecord image = await Images.ImportAsync(new MemoryStream(tar), new ImportOptions(run, "made by a test", null, ImageReference.Parse("box")), default);
        Assert.Equal(6, image.Size);
        Assert.Equal("box:latest", image.References.Single().Familiar);

        await RestartAsync();
        ImageRecord found = Images.Resolve("box");
        Assert.Equal(image.Id, found.Id);
        Assert.Equal("sh", found.Config.Config!.Cmd!.Single());
        Assert.Equal("made by a test", found.Config.History!.Single().Comment);
        Assert.Equal(Platform.Host.Architecture, found.Config.Architecture);
        Assert.NotNull(found.LastTagged);
        ImageManifest manifest = JsonSerializer.Deserialize(stores.Content.ReadDocument(found.Manifest), ManifestJsonContext.Default.ImageManifest)!;
        Assert.Equal(MediaTypes.OciLayer, manifest.Layers.Single().MediaType);
        Assert.Equal(Digest.Of(tar), manifest.Layers.Single().Digest);
        Assert.Equal(tar, stores.Content.ReadDocument(manifest.Layers[0].Digest));
        Assert.Equal([Digest.Of(tar)], found.Config.Rootfs.DiffIds);
    }

    [Fact]
    public async Task GzipIsRecognisedAndKeptAsReceived()
    {
        byte[] tar = new TarBuilder().File("hello", new string('x', 3_000_000)).ToArray();
        byte[] gzip = [.. Gzip(tar), 0, 0, 0];
        ImageRecord image = await Images.ImportAsync(new MemoryStream(gzip), new ImportOptions(null, null, null, null), default);
        Assert.Equal([Digest.Of(tar)], image.ChainIds);
        ImageManifest manifest = JsonSerializer.Deserialize(stores.Content.ReadDocument(image.Manifest), ManifestJsonContext.Default.ImageManifest)!;
        Assert.Equal((MediaTypes.OciLayerGzip, Digest.Of(gzip), gzip.Length), (manifest.Layers[0].MediaType, manifest.Layers[0].Digest, manifest.Layers[0].Size));
        Assert.Equal(3_000_000, image.Size);
    }

    [Fact]
    public async Task CutOrDamagedGzipIsAnErrorAndLeavesNothing()
    {
        byte[] noise = new byte[1_000_000];
        new Random(1).NextBytes(noise);
        byte[] gzip = Gzip(new TarBuilder().Entry('0', "noise", noise).ToArray());
        foreach (int length in (int[])[20, 1000, 500_000, .. Enumerable.Range(gzip.Length - 30, 30)])
        {
            EngineException e = await Assert.ThrowsAsync<EngineException>(() => Images.ImportAsync(new MemoryStream(gzip[..length]), new ImportOptions(null, null, null, null), default));
            Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
            Assert.Contains("truncated", e.Message);
            Assert.Empty(stores.Leftovers());
        }

        gzip[500_000] ^= 0xFF;
        Assert.Equal(ErrorKind.InvalidArgument, (await Assert.ThrowsAsync<EngineException>(() => Images.ImportAsync(new MemoryStream(gzip), new ImportOptions(null, null, null, null), default))).Kind);
        Assert.Empty(stores.Leftovers());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("xz")]
    [InlineData("bzip2")]
    public async Task EveryCompressionIsReadAndCutsAreFound(string program)
    {
        byte[] noise = new byte[300_000];
        new Random(1).NextBytes(noise);
        byte[] tar = new TarBuilder().Entry('0', "noise", noise).File("text", new string('x', 2_000_000)).ToArray();
        // Two streams one after the other are one, as with the formats' own tools.
        byte[] packed = [.. ImageArchive.Run(program, tar[..1_000_000], "-c"), .. ImageArchive.Run(program, tar[1_000_000..], "-c")];
        ImageRecord image = await Images.ImportAsync(new MemoryStream(packed), new ImportOptions(null, null, null, null), default);
        Assert.Equal([Digest.Of(tar)], image.Config.Rootfs.DiffIds);
        Assert.Equal(2_300_000, image.Size);
        await Images.RemoveAsync(image.Id.Hex, false, _ => ImageUse.None, default);

        byte[] single = ImageArchive.Run(program, tar, "-c");
        foreach (int length in (int[])[25, 50, 5000, single.Length / 2, single.Length - 20, single.Length - 1])
        {
            EngineException e = await Assert.ThrowsAsync<EngineException>(() => Images.ImportAsync(new MemoryStream(single[..length]), new ImportOptions(null, null, null, null), default));
            Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
            Assert.Contains("truncated", e.Message);
        }

        single[single.Length / 2] ^= 0xFF;
        Assert.Equal(ErrorKind.InvalidArgument, (await Assert.ThrowsAsync<EngineException>(() => Images.ImportAsync(new MemoryStream(single), new ImportOptions(null, null, null, null), default))).Kind);
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task AnInputThatFailsHalfWayLeavesNothing()
    {
        byte[] tar = new TarBuilder().Entry('0', "big", new byte[4_000_000]).ToArray();
        await Assert.ThrowsAsync<IOException>(() => Images.ImportAsync(new FailingStream(tar, 1_000_000, new IOException("connection reset")), new ImportOptions(null, null, null, null), default));
        using CancellationTokenSource cancel = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Images.ImportAsync(new FailingStream(tar, 1_000_000, null, cancel), new ImportOptions(null, null, null, null), cancel.Token));
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task ResolveFindsNamesIdsAndPrefixes()
    {
        ImageRecord image = await ImportAsync("box:1", "a");
        foreach (string name in (string[])["box:1", "docker.io/library/box:1", image.Id.ToString(), image.Id.Hex, image.Id.Hex[..12], "sha256:" + image.Id.Hex[..7]])
        {
            Assert.Equal(image.Id, Images.Resolve(name).Id);
        }

        foreach ((string name, string message) in ((string, string)[])[
            ("nosuchimage", "No such image: nosuchimage:latest"), ("box", "No such image: box:latest"), ("sha256:" + new string('a', 64), "No such image: sha256:" + new string('a', 64))])
        {
            EngineException e = Assert.Throws<EngineException>(() => Images.Resolve(name));
            Assert.Equal((ErrorKind.NotFound, message), (e.Kind, e.Message));
        }

        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => Images.Resolve("Bad!")).Kind);
        Assert.Equal("image name cannot be blank", Assert.Throws<EngineException>(() => Images.Resolve("")).Message);
    }

    [Fact]
    public async Task TagMovesANameFromOneImageToAnother()
    {
        ImageRecord first = await ImportAsync("box", "a");
        ImageRecord second = await ImportAsync("box", "b");
        Assert.Empty(Images.Resolve(first.Id.Hex).References);
        await Images.TagAsync(first, ImageReference.Parse("box"), default);
        await Images.TagAsync(first, ImageReference.Parse("quay.io/x/y:z"), default);
        await RestartAsync();
        Assert.Equal(["box:latest", "quay.io/x/y:z"], Images.Resolve("box").References.Select(r => r.Familiar));
        Assert.Empty(Images.Resolve(second.Id.Hex).References);
    }

    [Fact]
    public async Task RemovingTheOnlyNameDeletesImageAndLayer()
    {
        ImageRecord image = await ImportAsync("box", "a");
        IReadOnlyList<ImageRemoval> removals = await Images.RemoveAsync("box", false, _ => ImageUse.None, default);
        Assert.Equal([new("box:latest", null), new(null, image.Id.ToString()), new(null, image.ChainIds[0].ToString())], removals);
        Assert.Empty(stores.Leftovers());
        await RestartAsync();
        Assert.Empty(Images.List());
        Assert.Equal("No such image: box:latest", (await Assert.ThrowsAsync<EngineException>(() => Images.RemoveAsync("box", false, _ => ImageUse.None, default))).Message);
    }

    [Fact]
    public async Task RemovalFollowsDockersRules()
    {
        ImageRecord image = await ImportAsync("stt:one", "a");
        await Images.TagAsync(image, ImageReference.Parse("stt:two"), default);
        string id = image.Id.Hex[..12];
        ContainerId container = ContainerId.Create();
        ImageUse stopped = new([], [container]);
        ImageUse running = new([container], []);

        await ConflictAsync(id, false, ImageUse.None, $"conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories");
        Assert.Equal([new("stt:two", null)], await Images.RemoveAsync("stt:two", false, _ => stopped, default));
        await ConflictAsync("stt:one", false, stopped, $"conflict: unable to remove repository reference \"stt:one\" (must force) - container {container.Short} is using its referenced image {id}");
        await ConflictAsync(id, false, stopped, $"conflict: unable to delete {id} (must be forced) - image is being used by stopped container {container.Short}");
        await ConflictAsync(id, true, running, $"conflict: unable to delete {id} (cannot be forced) - image is being used by running container {container.Short}");
        Assert.Equal([new("stt:one", null)], await Images.RemoveAsync("stt:one", true, _ => running, default));
        Assert.Equal(image.Id, Images.Resolve(id).Id);

        await Images.TagAsync(image, ImageReference.Parse("stt:one"), default);
        await Images.TagAsync(image, ImageReference.Parse("other/x:1"), default);
        Assert.Equal(
            [new("other/x:1", null), new("stt:one", null), new(null, image.Id.ToString()), new(null, image.ChainIds[0].ToString())],
            (await Images.RemoveAsync(id, true, _ => stopped, default)).OrderBy(r => r.Untagged ?? "z" + (r.Deleted == image.ChainIds[0].ToString())));
    }

    [Fact]
    public async Task ALayerOutlivesItsImageWhileAContainerStandsOnIt()
    {
        ImageRecord image = await ImportAsync("box", "a");
        ContainerId container = ContainerId.Create();
        stores.Snapshotter.Prepare(container, image.ChainIds);
        IReadOnlyList<ImageRemoval> removals = await Images.RemoveAsync("box", true, _ => new ImageUse([], [container]), default);
        Assert.Equal([new("box:latest", null), new(null, image.Id.ToString())], removals);
        await RestartAsync();
        await Images.CollectLayersAsync(default);
        Assert.True(stores.Snapshotter.HasLayer(image.ChainIds[0]));
        stores.Snapshotter.Remove(container);
        await Images.CollectLayersAsync(default);
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task ImagesShareALayerAndTheLastTakesItAway()
    {
        ImageRecord first = await ImportAsync("one", "same");
        ImageRecord second = await ImportAsync("two", "same");
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(first.ChainIds, second.ChainIds);
        Assert.Equal(2, (await Images.RemoveAsync("one", false, _ => ImageUse.None, default)).Count);
        Assert.Equal(3, (await Images.RemoveAsync("two", false, _ => ImageUse.None, default)).Count);
        Assert.Empty(stores.Leftovers());
    }

    [Fact]
    public async Task WhatACrashBeforeTheRecordLeftIsGoneAtTheNextStart()
    {
        ImageRecord image = await ImportAsync("box", "a");
        byte[] before = File.ReadAllBytes(temp["data/metadata/journal"]);
        await ImportAsync("lost", "b");
        await stores.DisposeAsync();
        File.WriteAllBytes(temp["data/metadata/journal"], before);
        stores = new Stores(temp["data"]);
        Assert.Equal(image.Id, Assert.Single(Images.List()).Id);
        Assert.Equal(4, stores.Leftovers().Count);
    }

    [Fact]
    public async Task ConcurrentImportsTagsAndRemovals()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
        {
            for (int round = 0; round < 5; round++)
            {
                ImageRecord image = await ImportAsync($"box:{i}", "content " + (i % 3));
                await Images.TagAsync(image, ImageReference.Parse($"alias:{i}"), default);
                await Images.RemoveAsync($"box:{i}", false, _ => ImageUse.None, default);
                await Images.RemoveAsync($"alias:{i}", false, _ => ImageUse.None, default);
            }
        })));
        Assert.Empty(Images.List());
        Assert.Empty(stores.Leftovers());
        await RestartAsync();
        Assert.Empty(Images.List());
    }

    [Fact]
    public async Task RealArchivesGetTheSizeThatDockerShows()
    {
        Directory.CreateDirectory(temp["tree/d"]);
        File.WriteAllText(temp["tree/d/f"], "hello\n");
        using (Process shell = Process.Start("sh", ["-c", $"cd {temp["tree"]} && ln -s f d/link && ln d/f d/hard && tar -cf ../t.tar ."]))
        {
            shell.WaitForExit();
        }

        using FileStream tar = File.OpenRead(temp["t.tar"]);
        Assert.Equal(7, (await Images.ImportAsync(tar, new ImportOptions(null, null, null, null), default)).Size);
    }

    private static byte[] Gzip(byte[] content)
    {
        MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return output.ToArray();
    }

    private async Task ConflictAsync(string name, bool force, ImageUse use, string message)
    {
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => Images.RemoveAsync(name, force, _ => use, default));
        Assert.Equal((ErrorKind.Conflict, message), (e.Kind, e.Message));
    }

    private Task<ImageRecord> ImportAsync(string name, string content) =>
        Images.ImportAsync(new TarBuilder().File("f", content).ToStream(), new ImportOptions(null, null, null, ImageReference.Parse(name)), default);

    private async Task RestartAsync()
    {
        await stores.DisposeAsync();
        stores = new Stores(temp["data"]);
    }

    // Gives some bytes, then fails, or is cancelled and waits.
    private sealed class FailingStream(byte[] content, int good, Exception? error, CancellationTokenSource? cancel = null) : MemoryStream(content)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position + buffer.Length > good)
            {
                if (error is not null)
                {
                    throw error;
                }

                await cancel!.CancelAsync();
                cancellationToken.ThrowIfCancellationRequested();
            }

            return await base.ReadAsync(buffer, cancellationToken);
        }
    }
}
