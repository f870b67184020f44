using System.Formats.Tar;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary><c>image copy</c> to and from engines moves what the other side lacks, which is counted on the engine's socket.</summary>
public sealed class EngineCopyTests : IClassFixture<RegistryFixture>, IDisposable
{
    private const int Large = 2_000_000;
    private const int Small = 60_000;
    private readonly RegistryFixture fixture;
    private readonly CountingSocket socket;
    private readonly Cli berth;
    private readonly string folder = Directory.CreateTempSubdirectory("be-copy-").FullName;

    public EngineCopyTests(RegistryFixture fixture)
    {
        this.fixture = fixture;
        socket = new CountingSocket(fixture.Daemon.SocketPath);
        berth = new Cli(Binaries.Berth, socket.Host, Directory.CreateDirectory(Path.Combine(folder, "docker")).FullName);
    }

    public void Dispose()
    {
        socket.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Theory, InlineData("gzip"), InlineData("zstd")]
    public async Task ASecondCopyMovesAboutTheLayerThatChanged(string packing)
    {
        (string name, Document[] images) = await TwoAsync(packing, seed: packing.Length);
        await ExpectAsync(images[0], "3 blobs copied", Large, $"{name}:index", $"host:{name}:1");
        await ExpectAsync(images[1], "2 blobs copied", Small, $"{name}:2", $"host:{name}:2");
        await ExpectAsync(images[1], "1 blob copied", 0, $"{name}:2", $"host:{name}:again");

        string other = $"{fixture.Address}/{fixture.NewRepository()}";
        await ExpectAsync(images[0], "0 blobs copied, 0B; 3 already", 0, $"host:{name}:1", $"{name}:back");
        (await fixture.Berth.RunAsync("image", "copy", $"{name}:1", other + ":1")).Expect();
        await ExpectAsync(images[1], "2 blobs copied", Small, $"host:{name}:2", other + ":2");

        await ExpectAsync(images[0], "3 blobs copied", Large, $"host:{name}:1", $"oci:{folder}/layout:1");
        await ExpectAsync(images[1], "2 blobs copied", Small, $"host:{name}:2", $"oci:{folder}/layout:2");
        await ExpectAsync(images[1], "3 blobs copied", Large, $"host:{name}:again", $"archive:{folder}/a.tar");
    }

    [Fact]
    public async Task WhatTheEngineLostMeanwhileIsSentAfterAll()
    {
        (string name, Document[] images) = await TwoAsync("gzip", seed: 20);
        await ExpectAsync(images[0], "3 blobs copied", Large, $"{name}:1", $"host:{name}:1");
        int removals = 0;
        socket.Before = async request =>
        {
            if (request.Contains("/images/load", StringComparison.Ordinal) && removals++ == 0)
                (await fixture.Berth.RunAsync("rmi", $"{name}:1")).Expect();

            return request;
        };
        await ExpectAsync(images[1], "3 blobs copied", Large, $"{name}:2", $"host:{name}:2");
        Assert.Equal(2, removals);

        // A layer that goes while an image is read from the engine.
        socket.Before = async request =>
        {
            if (request.Contains("/images/blob", StringComparison.Ordinal))
                await fixture.Berth.RunAsync("rmi", $"{name}:2");

            return request;
        };
        CommandResult failed = (await berth.RunAsync("image", "copy", $"host:{name}:2", $"oci:{folder}/gone:2")).Expect(1);
        Assert.Contains($"host:{name}:2: No such image: sha256:", failed.Error, StringComparison.Ordinal);
        Assert.EndsWith("it was there when the copy began\n", failed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnEngineThatCannotBeAskedGetsAndGivesImagesWhole()
    {
        (string name, Document[] images) = await TwoAsync("gzip", seed: 30);
        socket.Before = static request => Task.FromResult(request.Replace("/berth/images/", "/other/images/", StringComparison.Ordinal));
        await ExpectAsync(images[0], "3 blobs copied", Large, $"{name}:1", $"host:{name}:1");
        await ExpectAsync(images[1], "3 blobs copied", Large, $"{name}:2", $"host:{name}:2");
        await ExpectAsync(images[1], "3 blobs copied", Large, $"host:{name}:2", $"oci:{folder}/whole:2");
        (string packed, _) = await TwoAsync("zstd", seed: 40);
        Assert.Contains("is packed with zstd, which docker reads from version 23 on; a save unpacks it", (await berth.RunAsync("image", "copy", $"{packed}:1", $"host:{packed}:1")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains($"No such image: {name}:3", (await berth.RunAsync("image", "copy", $"host:{name}:3", $"oci:{folder}/whole")).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnImageThatWasMadeHereHasTheDigestOfItsPush()
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        using var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "zeros") { DataStream = new MemoryStream(new byte[Large]) });

        (await fixture.Berth.RunAsync(["import", "-", name], archive.ToArray())).Expect();
        socket.Take();
        string digest = (await berth.RunAsync("image", "copy", "-q", "host:" + name, $"oci:{folder}/made:1")).Expect().Line;
        Assert.InRange(socket.Take(), 1, Large / 10); // packed
        Assert.Contains("digest: " + digest, (await fixture.Berth.RunAsync("push", name)).Expect().Output, StringComparison.Ordinal);
    }

    // Tags 1 and 2 have a large layer in common, and a small one each; index is 1 beside an image for another machine.
    private async Task<(string Name, Document[] Images)> TwoAsync(string packing, int seed)
    {
        string repository = fixture.NewRepository();
        byte[] large = RegistryContent.Noise(seed, Large);
        Document first = await fixture.Content.PutImageAsync(repository, "1", ImageFormat.Oci, packing, [large, RegistryContent.Noise(seed + 1, Small)], time: DateTimeOffset.UnixEpoch);
        Document second = await fixture.Content.PutImageAsync(repository, "2", ImageFormat.Oci, packing, [large, RegistryContent.Noise(seed + 2, Small)], time: DateTimeOffset.UnixEpoch);
        Document foreign = await fixture.Content.PutImageAsync(repository, "s390x", ImageFormat.Oci, packing, [RegistryContent.Noise(seed + 3, Large)], "s390x");
        await fixture.Content.PutIndexAsync(repository, "index", ImageFormat.Oci, (first, "amd64"), (first, "arm64"), (foreign, "s390x"));
        return ($"{fixture.Address}/{repository}", [first, second]);
    }

    // What goes over the socket besides is documents and heads, and noise that gzip makes longer.
    private async Task ExpectAsync(Document image, string told, long moved, string from, string to)
    {
        socket.Take();
        CommandResult result = (await berth.RunAsync("image", "copy", from, to)).Expect();
        long bytes = socket.Take();
        Assert.Contains(image.Digest + "\n" + told, result.Output, StringComparison.Ordinal);
        long most = moved + (moved / 10) + Small + Small;
        Assert.True(bytes >= moved && bytes < most, $"{from} to {to}: {bytes} bytes went over the socket, wanted {moved} to {most}");
    }
}
