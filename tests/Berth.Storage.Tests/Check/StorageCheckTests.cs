using System.Diagnostics;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Check;
using Berth.Storage.Images;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Check;

/// <summary>Every kind of thing is damaged by hand: a check names it, and repairs it or says why not.</summary>
public sealed class StorageCheckTests : IAsyncLifetime
{
    private static readonly byte[] Lower = LowerLayer();
    private static readonly byte[] Upper = UpperLayer();
    private readonly TempFolder temp = new();
    private readonly Users users = new();
    private readonly List<StorageFinding> found = [];
    private Stores stores = null!;
    private ImageRecord image = null!;

    public async Task InitializeAsync()
    {
        stores = new Stores(temp["data"]);
        image = await LoadAsync();
    }

    public async Task DisposeAsync()
    {
        await stores.DisposeAsync();
        temp.Dispose();
    }

    [Fact]
    public async Task WhatIsWholeIsClean()
    {
        users.Add("box", image);
        stores.Snapshotter.Prepare(users.List()[0].Id, image.ChainIds);
        StorageCheckSummary summary = await CheckAsync(repair: false);
        Assert.Empty(found);
        Assert.Equal((1, 4, 2, 1, 0), (summary.Images, summary.Blobs, summary.Layers, summary.Containers, summary.UnprovenLayers));
        Assert.True(summary.BytesRead > Lower.Length + Upper.Length);
        Assert.Equal(0, (await CheckAsync(repair: true)).Removed);
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("content", "printf X | dd of=etc/lower bs=1 seek=2 conv=notrunc 2>/dev/null", "/etc/lower\" has other content, from byte 2")]
    [InlineData("length", "printf more >> etc/lower", "/etc/lower\" has 14 bytes instead of 10")]
    [InlineData("deleted", "rm etc/lower", "/etc/lower\" is missing")]
    [InlineData("folder", "rm -r etc", "is missing, with the folder")]
    [InlineData("mode", "chmod 600 etc/lower", "/etc/lower\" has the permissions 600 instead of 644")]
    [InlineData("mode of a folder", "chmod 700 etc", "/etc\" has the permissions 700 instead of 755")]
    [InlineData("owner", "chown 5:6 etc/owned", "/etc/owned\" belongs to 5:6 instead of 7:8")]
    [InlineData("link", "ln -sfn /etc/shadow link", "/link\" leads to \"/etc/shadow\" instead of \"etc/lower\"")]
    [InlineData("hard link", "cp --remove-destination etc/lower etc/hard", "/etc/hard\" is no hard link to etc/lower")]
    [InlineData("type", "rm etc/lower; mkdir etc/lower", "/etc/lower\" is of another type")]
    [InlineData("added", "echo x > etc/added", "/etc/added\" is in no archive of the layer")]
    [InlineData("added folder", "mkdir -p new/below; touch new/below/x", "is in no archive of the layer")]
    [InlineData("attribute", "attribute user.key other etc/owned", "/etc/owned\" has another value of the attribute user.key")]
    [InlineData("attribute added", "attribute user.more x etc/lower", "/etc/lower\" has the attribute user.more, which it should not")]
    [InlineData("attribute lost", "cp etc/owned x; rm etc/owned; mv x etc/owned; chown 7:8 etc/owned", "/etc/owned\" lacks the attribute user.key")]
    [InlineData("implied folder", "chmod 777 var", "/var\" has the permissions 777")]
    [InlineData("opaque", "attribute trusted.overlay.opaque y etc", "/etc\" hides what lies below it, which it should not")]
    [InlineData("outside", "rm -r etc; ln -s /etc etc", "/etc")]
    public async Task ADamagedLayerIsNamedAndUnpackedAgain(string what, string command, string expected)
    {
        Assert.NotEmpty(what);
        string hosts = File.ReadAllText("/etc/passwd");
        Shell(LayerFolder(0), command);
        StorageCheckSummary summary = await CheckAsync(repair: false);
        Assert.Equal(1, summary.Broken);
        StorageFinding finding = Assert.Single(found);
        Assert.Equal((FindingKind.DamagedLayer, image.ChainIds[0].ToString()), (finding.Kind, finding.Subject));
        Assert.Contains(expected, finding.Text);
        Assert.Equal(["box:1"], finding.Images);

        await CheckAsync(repair: true);
        Assert.Equal(FindingState.Repaired, Assert.Single(found).State);
        await CheckAsync(repair: false);
        Assert.Empty(found);
        Assert.Equal(hosts, File.ReadAllText("/etc/passwd"));
    }

    [Theory]
    [InlineData("rm etc/gone", "the mark of a deleted file is missing")]
    [InlineData("mknod etc/other c 0 0", "/etc/other\" marks a file of a layer below as deleted, which the archive does not")]
    [InlineData("mv var v; mkdir -m 755 var; mv v/* var/; rmdir v", "/var\" should hide what lies below it, and does not")]
    public async Task MarksOfDeletionsAreCompared(string command, string expected)
    {
        Shell(LayerFolder(1), command);
        await CheckAsync(repair: true);
        StorageFinding finding = Assert.Single(found);
        Assert.Equal((FindingState.Repaired, image.ChainIds[1].ToString()), (finding.State, finding.Subject));
        Assert.Contains(expected, finding.Text);
        await CheckAsync(repair: false);
        Assert.Empty(found);
    }

    [Fact]
    public async Task ALostLayerIsUnpackedAgainFoundAtOnceOrAfterARestart()
    {
        Shell(temp["data"], $"rm -r snapshots/layers/{image.ChainIds[1].Hex}");
        await CheckAsync(repair: true);
        Assert.Equal((FindingKind.MissingLayer, FindingState.Repaired), (found[0].Kind, found[0].State));
        Shell(temp["data"], $"rm -r snapshots/layers/{image.ChainIds[0].Hex}");
        await RestartAsync();
        await CheckAsync(repair: true);
        Assert.Equal((FindingKind.MissingLayer, FindingState.Repaired), (found[0].Kind, found[0].State));
        Shell(temp["data"], $"rm -r snapshots/layers/{image.ChainIds[0].Hex}/fs");
        await CheckAsync(repair: true);
        Assert.Equal((FindingKind.MissingLayer, FindingState.Repaired), (found[0].Kind, found[0].State));
        await CheckAsync(repair: false);
        Assert.Empty(found);
        stores.Snapshotter.Prepare(ContainerId.Create(), image.ChainIds);
    }

    [Fact]
    public async Task UnderARunningContainerNothingIsExchanged()
    {
        users.Add("box", image);
        users.Running = true;
        stores.Snapshotter.Prepare(users.List()[0].Id, image.ChainIds);
        Shell(LayerFolder(0), "chmod 600 etc/lower");
        await CheckAsync(repair: true);
        StorageFinding finding = Assert.Single(found);
        Assert.Equal((FindingState.Broken, "box"), (finding.State, finding.Containers.Single()));
        Assert.Contains("runs", finding.Text);
        Assert.Contains("stop the containers", finding.Advice);
        users.Running = false;
        await CheckAsync(repair: true);
        Assert.Equal(FindingState.Repaired, Assert.Single(found).State);
    }

    [Fact]
    public async Task ADamagedBlobIsPutAsideSoThatTheNextLoadBringsItAnew()
    {
        string blob = temp[$"data/content/blobs/sha256/{Digest.Of(Upper).Hex}"];
        Flip(blob, 600);
        await CheckAsync(repair: false);
        StorageFinding finding = Assert.Single(found);
        Assert.Equal((FindingKind.DamagedBlob, FindingState.Broken), (finding.Kind, finding.State));
        Assert.Contains("its content has the digest sha256:", finding.Text);
        Assert.Contains("pull or load the image again", finding.Advice);
        Assert.True(File.Exists(blob));

        await CheckAsync(repair: true);
        Assert.Equal(FindingState.Broken, Assert.Single(found).State);
        Assert.False(File.Exists(blob));
        Assert.True(File.Exists(temp[$"data/content/damaged/{Digest.Of(Upper).Hex}"]));
        await CheckAsync(repair: false);
        Assert.Equal(FindingKind.MissingBlob, Assert.Single(found).Kind);

        await LoadAsync();
        Assert.True(File.Exists(blob));
        await CheckAsync(repair: true);
        Assert.Empty(found);
        Assert.False(File.Exists(temp[$"data/content/damaged/{Digest.Of(Upper).Hex}"]));
    }

    [Fact]
    public async Task ALostBlobIsNamedAndALoadBringsItBack()
    {
        File.Delete(temp[$"data/content/blobs/sha256/{Digest.Of(Lower).Hex}"]);
        StorageCheckSummary summary = await CheckAsync(repair: true);
        Assert.Equal((FindingKind.MissingBlob, FindingState.Broken), (Assert.Single(found).Kind, found[0].State));
        Assert.Equal(["box:1"], found[0].Images);
        Assert.Equal(1, summary.Broken);
        await LoadAsync();
        Assert.Equal(0, (await CheckAsync(repair: false)).Broken);
    }

    [Fact]
    public async Task WhereBlobAndLayerAreBrokenNothingIsTouchedButTheBlobsName()
    {
        Flip(temp[$"data/content/blobs/sha256/{Digest.Of(Lower).Hex}"], 600);
        Shell(temp["data"], $"rm -r snapshots/layers/{image.ChainIds[0].Hex}/fs");
        StorageCheckSummary summary = await CheckAsync(repair: true);
        Assert.Equal(2, summary.Broken);
        Assert.Contains("nor is its archive whole", found.Single(static finding => finding.Kind == FindingKind.MissingLayer).Text);
        await LoadAsync();
        Assert.Equal(1, (await CheckAsync(repair: true)).Repaired);
        await CheckAsync(repair: false);
        Assert.Empty(found);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnImageWithoutConfigurationIsNamedAndWholeAgainWhenItComesAgain(bool isDamaged)
    {
        string config = temp[$"data/content/blobs/sha256/{image.Id.Hex}"];
        if (isDamaged)
        {
            Flip(config, 30);
        }
        else
        {
            File.Delete(config);
        }

        await RestartAsync();
        ImageRecord damaged = stores.Images.Resolve("box:1");
        Assert.True(damaged.IsConfigLost);
        Assert.Equal(image.ChainIds, damaged.ChainIds);
        Assert.Equal(1, (await CheckAsync(repair: true)).Broken);
        Assert.Equal((image.Id.ToString(), "box:1"), (found[0].Subject, found[0].Images.Single()));
        Assert.False((await LoadAsync()).IsConfigLost);
        Assert.Equal("sh", stores.Images.Resolve("box:1").Config.Config!.Cmd!.Single());
        Assert.Equal(0, (await CheckAsync(repair: false)).Broken);
        await RestartAsync();
        Assert.False(stores.Images.Resolve("box:1").IsConfigLost);
    }

    [Fact]
    public async Task DocumentsThatWereMadeHereAreMadeAgain()
    {
        ImageRecord imported = await stores.Images.ImportAsync(new TarBuilder().File("a", "b").ToStream(), new ImportOptions(null, "made here", null, ImageReference.Parse("made")), default);
        File.Delete(temp[$"data/content/blobs/sha256/{imported.Manifest.Hex}"]);
        Flip(temp[$"data/content/blobs/sha256/{imported.Id.Hex}"], 20);
        await CheckAsync(repair: false);
        Assert.Equal(2, found.Count);
        StorageCheckSummary summary = await CheckAsync(repair: true);
        Assert.Equal((0, 2), (summary.Broken, summary.Repaired));
        await CheckAsync(repair: false);
        Assert.Empty(found);
    }

    [Fact]
    public async Task ABrokenLinkToTheLayerBelowIsWrittenAnew()
    {
        string link = temp[$"data/snapshots/layers/{image.ChainIds[1].Hex}/parent"];
        foreach (string text in (string[])["", "nonsense", image.ChainIds[1].Hex])
        {
            File.Delete(link);
            if (text.Length > 0)
            {
                File.CreateSymbolicLink(link, text);
            }

            await RestartAsync();
            await CheckAsync(repair: false);
            Assert.Equal((FindingKind.LayerParent, FindingState.Broken), (Assert.Single(found).Kind, found[0].State));
            await CheckAsync(repair: true);
            Assert.Equal(FindingState.Repaired, Assert.Single(found).State);
            await CheckAsync(repair: false);
            Assert.Empty(found);
            Assert.Equal(image.ChainIds[0].Hex, new FileInfo(link).LinkTarget);
        }

        Assert.False(stores.Snapshotter.TryRetireLayer(image.ChainIds[0]));
    }

    [Fact]
    public async Task AContainersFoldersAreLookedAt()
    {
        users.Add("box", image);
        users.Add("lost", image);
        ContainerId id = users.List()[0].Id;
        stores.Snapshotter.Prepare(id, image.ChainIds);
        File.Delete(temp[$"data/snapshots/containers/{id}/parent"]);
        await CheckAsync(repair: true);
        Assert.Equal([("box", FindingState.Repaired), ("lost", FindingState.Broken)], found.Select(static finding => (finding.Containers.Single(), finding.State)).Order());
        Assert.Contains("what it wrote is lost", found.Single(static finding => finding.State == FindingState.Broken).Text);
    }

    [Fact]
    public async Task WhatNothingNeedsIsToldAndRemoved()
    {
        byte[] blob = Encoding.ASCII.GetBytes(new string('x', 10_000));
        File.WriteAllBytes(temp[$"data/content/blobs/sha256/{Digest.Of(blob).Hex}"], blob);
        File.WriteAllText(temp["data/content/blobs/sha256/notes.txt"], "by hand");
        Directory.CreateDirectory(temp[$"data/snapshots/layers/{Digest.Of(blob).Hex}/fs"]);
        Directory.CreateDirectory(temp["data/snapshots/containers/odd"]);
        Directory.CreateDirectory(temp["data/content/partial"]);
        string old = temp[$"data/content/partial/{Digest.Of(blob).Hex}"], young = temp[$"data/content/partial/{Digest.Of("y"u8).Hex}"];
        File.WriteAllBytes(old, blob);
        File.WriteAllBytes(young, blob);
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow - TimeSpan.FromDays(8));

        StorageCheckSummary summary = await CheckAsync(repair: false);
        Assert.Equal((0, 5), (summary.Broken, summary.Leftovers));
        Assert.True(summary.LeftoverBytes >= 20_000);
        Assert.Equal([FindingKind.OrphanBlob, FindingKind.OrphanBlob, FindingKind.OrphanContainer, FindingKind.OrphanLayer, FindingKind.PartialDownload], found.Select(static finding => finding.Kind).Order(StringComparer.Ordinal));
        summary = await CheckAsync(repair: true);
        Assert.Equal((0, 5), (summary.Leftovers, summary.Removed));
        await CheckAsync(repair: false);
        Assert.Empty(found);
        Assert.True(File.Exists(young));
        Assert.False(File.Exists(old));
    }

    [Fact]
    public async Task ADownloadThatIsGoneOnWithStays()
    {
        string left = temp["data/content/partial/" + Digest.Of("left"u8).Hex];
        File.WriteAllText(left, new string('x', 5000));
        using (Stream writer = stores.Content.ResumeWriter(Digest.Of("going on"u8)))
        {
            writer.Write("going"u8);
            File.SetLastWriteTimeUtc(temp["data/content/partial/" + Digest.Of("going on"u8).Hex], DateTime.UtcNow - TimeSpan.FromDays(30));
            await CheckAsync(repair: true);
            Assert.Empty(found);
            Assert.True(PartialDownloads.RemoveUnused(stores.Root, stores.Content) >= 5000);
            Assert.Equal([Digest.Of("going on"u8).Hex], Directory.GetFiles(temp["data/content/partial"]).Select(Path.GetFileName));
        }

        Assert.False(File.Exists(left));
    }

    [Fact]
    public void AnOldDownloadGoesUnlessItIsGoneOnWith()
    {
        string[] names = [.. new[] { "old", "young", "going on" }.Select(static text => Digest.Of(Encoding.UTF8.GetBytes(text)).Hex)];
        foreach (string name in names)
        {
            File.WriteAllText(temp["data/content/partial/" + name], "left");
            File.SetLastWriteTimeUtc(temp["data/content/partial/" + name], DateTime.UtcNow - TimeSpan.FromDays(name == names[1] ? 6 : 8));
        }

        using Stream writer = stores.Content.ResumeWriter(Digest.Of("going on"u8));
        Assert.InRange(PartialDownloads.RemoveOld(stores.Root, stores.Content, DateTimeOffset.UtcNow), 1, 1 << 20);
        Assert.Equal(names[1..].Order(StringComparer.Ordinal), Directory.GetFiles(temp["data/content/partial"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ADownloadThatWasOnlyBegunOrWaitsForItsRecordStays()
    {
        Digest digest = Digest.Of("whole"u8);
        string path = temp["data/content/partial/" + digest.Hex];
        using (var first = stores.Content.ResumeWriter(digest))
        {
            first.Keeps = true;
        }

        Assert.True(File.Exists(path));
        using (var second = stores.Content.ResumeWriter(digest))
        {
            PartialDownloads.RemoveUnused(stores.Root, stores.Content);
            Assert.True(File.Exists(path));
            File.Delete(path); // by somebody else
        }

        using (var third = stores.Content.ResumeWriter(digest))
        {
            third.Write("whole"u8);
            third.Publish(digest);
            File.WriteAllText(path, "left"); // the published one's name is free again
            PartialDownloads.RemoveUnused(stores.Root, stores.Content);
            Assert.False(File.Exists(path));
        }

        Assert.True(stores.Content.Exists(digest));
    }

    [Fact]
    public async Task AQuickCheckSeesWhatIsMissingAndLengths()
    {
        File.Delete(temp[$"data/content/blobs/sha256/{Digest.Of(Lower).Hex}"]);
        File.AppendAllText(temp[$"data/content/blobs/sha256/{Digest.Of(Upper).Hex}"], "x");
        Shell(LayerFolder(0), "rm etc/lower etc/hard");
        StorageCheckSummary summary = await CheckAsync(repair: false, quick: true);
        Assert.Equal(3, summary.Broken);
        Assert.Contains(found, static finding => finding.Kind == FindingKind.DamagedLayer && finding.Text.Contains("bytes instead of"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AManifestThatLiesAboutASizeIsToldAndItsLayerStays(bool quick)
    {
        byte[] lie = Encoding.UTF8.GetBytes(ImageArchive.Manifest(ImageArchive.Config(Lower, Upper), Lower, Upper).Replace($"\"size\":{Upper.Length}", $"\"size\":{Upper.Length - 1}", StringComparison.Ordinal));
        File.WriteAllBytes(temp[$"data/content/blobs/sha256/{Digest.Of(lie).Hex}"], lie);
        ImageEntry entry = ImageJournal.ReadImage("", stores.Journal.Read(ImageJournal.Images).Single().Value);
        await stores.Journal.CommitAsync([ImageJournal.Put(image.Id, entry with { Manifest = Digest.Of(lie) })], default);
        await RestartAsync();

        await CheckAsync(repair: true, quick);
        StorageFinding finding = Assert.Single(found);
        Assert.Equal((FindingKind.Document, FindingState.Broken, image.Id.ToString()), (finding.Kind, finding.State, finding.Subject));
        Assert.Contains($"{Digest.Of(Upper)} has {Upper.Length - 1} bytes; it has {Upper.Length}", finding.Text);
        Assert.Equal(["box:1"], finding.Images);
        Assert.True(stores.Content.Exists(Digest.Of(Upper)));
    }

    [Fact]
    public async Task WhileImagesComeAndGoNothingIsFound()
    {
        using CancellationTokenSource enough = new();
        Task work = Task.Run(async () =>
        {
            for (int i = 0; !enough.IsCancellationRequested; i++)
            {
                await stores.Images.ImportAsync(new TarBuilder().File("a" + i, new string('b', 100_000)).ToStream(), new ImportOptions(null, null, null, ImageReference.Parse("gone")), default);
                await stores.Images.RemoveAsync("gone", force: true, static _ => ImageUse.None, default);
            }
        });
        for (int i = 0; i < 10; i++)
        {
            await CheckAsync(repair: i % 2 == 1);
            Assert.Empty(found);
        }

        await enough.CancelAsync();
        await work;
        await CheckAsync(repair: false);
        Assert.Empty(found);
        Assert.Equal(2, stores.Snapshotter.ListLayers().Count);
    }

    [Fact]
    public async Task AnArchiveWithRepeatedNamesIsJudgedByWhatItComesTo()
    {
        byte[] layer = new TarBuilder().File("x", "first").File("link", "y").HardLink("hard", "x").File("x", "second").Folder("link").File("link/below", "z").ToArray();
        await stores.Images.ImportAsync(new MemoryStream(layer), new ImportOptions(null, null, null, ImageReference.Parse("odd")), default);
        await CheckAsync(repair: false);
        Assert.Empty(found);
        ImageRecord odd = stores.Images.Resolve("odd");
        File.WriteAllText(temp[$"data/snapshots/layers/{odd.ChainIds[0].Hex}/fs/link/below"], "Z");
        await CheckAsync(repair: true);
        Assert.Equal(FindingState.Repaired, Assert.Single(found).State);
        await CheckAsync(repair: false);
        Assert.Empty(found);
    }

    private static byte[] LowerLayer() => new TarBuilder()
        .Folder("etc/").File("etc/lower", "0123456789").HardLink("etc/hard", "etc/lower").File("etc/gone", "x").File("etc/other", "y")
        .Pax("SCHILY.xattr.user.key", "value").File("etc/owned", "mine", uid: 7, gid: 8)
        .Symlink("link", "etc/lower").File("var/lib/implied", "z").Device('3', "null", 1, 3).ToArray();

    private static byte[] UpperLayer() => new TarBuilder().Folder("etc/").File("etc/.wh.gone").Folder("var/").File("var/.wh..wh..opq").File("var/new", new string('n', 3000)).ToArray();

    private static void Flip(string file, int offset)
    {
        byte[] content = File.ReadAllBytes(file);
        content[offset] ^= 1;
        File.WriteAllBytes(file, content);
    }

    private static void Shell(string folder, string command)
    {
        if (command.Split(' ') is ["attribute", var attribute, var value, var file])
        {
            using FileDescriptor holder = Paths.OpenFolder(Path.GetDirectoryName(Path.Combine(folder, file))!);
            ExtendedAttributes.Set(holder, Encoding.UTF8.GetBytes(Path.GetFileName(file)), attribute, Encoding.UTF8.GetBytes(value));
            return;
        }

        using Process process = Process.Start(new ProcessStartInfo("/bin/sh", ["-ec", command]) { WorkingDirectory = folder })!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private string LayerFolder(int index) => temp[$"data/snapshots/layers/{image.ChainIds[index].Hex}/fs"];

    private async Task<ImageRecord> LoadAsync()
    {
        byte[] config = ImageArchive.Config(Lower, Upper);
        ImageArchive archive = new ImageArchive().Blob(config).Blob(Lower).Blob(Upper);
        string manifest = ImageArchive.Manifest(config, Lower, Upper);
        archive.Blob(Encoding.UTF8.GetBytes(manifest))
            .Text("index.json", ImageArchive.Index(ImageArchive.Descriptor("application/vnd.oci.image.manifest.v1+json", Encoding.UTF8.GetBytes(manifest), ImageArchive.Named("docker.io/library/box:1"))))
            .Text("oci-layout", """{"imageLayoutVersion":"1.0.0"}""");
        return (await stores.Images.LoadAsync(new MemoryStream(archive.ToArray()), null, default))[0].Image;
    }

    private async Task RestartAsync()
    {
        await stores.DisposeAsync();
        stores = new Stores(temp["data"]);
    }

    private async Task<StorageCheckSummary> CheckAsync(bool repair, bool quick = false)
    {
        found.Clear();
        using StorageCheck check = new(stores.Root, stores.Journal, stores.Content, stores.Snapshotter, stores.Images, users);
        return await check.RunAsync(new StorageCheckOptions(repair, quick), found.Add, static _ => { }, default);
    }

    private sealed class Users : ILayerUsers
    {
        private readonly List<CheckedContainer> containers = [];

        public bool Running { get; set; }

        public void Add(string name, ImageRecord image) => containers.Add(new CheckedContainer(ContainerId.Create(), name, image.Id, image.ChainIds));

        public IReadOnlyList<CheckedContainer> List() => containers;

        public Task<IDisposable?> TryHoldAsync(Digest chainId, CancellationToken cancellationToken) => Task.FromResult<IDisposable?>(Running ? null : new MemoryStream());
    }
}
