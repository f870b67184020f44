using System.Text;
using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Images;

public sealed class ImageContentsTests : IDisposable
{
    private static readonly byte[] Base = new TarBuilder().Folder("etc/").File("etc/a", "aaa").File("etc/b", "bbb").File("etc/same", "same", mtime: 5)
        .Folder("lib/").File("lib/one", "1").File("lib/two", "2").Folder("old/").File("old/x", "xx").File("etc/hosts").Symlink("link", "etc/a").File("turns", "file").ToArray();

    private static readonly byte[] Second = new TarBuilder().Folder("etc/").File("etc/a", "AAAA").File("etc/.wh.b").File("etc/same", "same", mtime: 6)
        .File(".wh.old").File("odd\nname\u202e\\x", "o").ToArray();

    private static readonly byte[] Third = new TarBuilder().Folder("lib/", mode: 0x1C0).File("lib/.wh..wh..opq").File("lib/three/deep/er", "33333").File(".wh.turns").Folder("turns/").File("turns/inner", "i").ToArray();

    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData("overlay2")]
    [InlineData("vfs")]
    public async Task ADiffNamesWhatDiffersAndWhichLayerMadeItSo(string driver)
    {
        await using Store store = await Store.OpenAsync(temp["data"], driver);
        List<string> lines = [];
        ImageChangeTotals totals = await store.Contents.CompareAsync("base", "app", change => lines.Add(Line(change)), default);
        string Layer(int n) => driver == "vfs" ? "0" : $"{n}";
        Assert.Equal(
            [
                $"C /etc/a 3>4 #{Layer(2)}",
                $"D /etc/b 3>0 #{Layer(1)}",
                $"C /lib 0>0 #{Layer(3)}",
                $"D /lib/one 1>0 #{Layer(1)}",
                $"A /lib/three 0>0 #{Layer(3)}",
                $"A /lib/three/deep 0>0 #{Layer(3)}",
                $"A /lib/three/deep/er 0>5 #{Layer(3)}",
                $"D /lib/two 1>0 #{Layer(1)}",
                $@"A /odd\x0aname\xe2\x80\xae\\x 0>1 #{Layer(2)}",
                $"D /old 0>0 #{Layer(1)}",
                $"D /old/x 2>0 #{Layer(1)}",
                $"C /turns 4>0 #{Layer(3)}",
                $"A /turns/inner 0>1 #{Layer(3)}",
            ],
            lines);
        Assert.Equal(new ImageChangeTotals(5, 3, 5, 11, 14), totals);

        lines.Clear();
        Assert.Equal(ImageChangeTotals.None, await store.Contents.CompareAsync("app", "app", change => lines.Add(Line(change)), default));
        Assert.Empty(lines);
        totals = await store.Contents.CompareAsync("app", "base", static _ => { }, default);
        Assert.Equal(new ImageChangeTotals(5, 3, 5, 14, 11), totals);
    }

    [Fact]
    public async Task AFileWithOtherContentAndTheSameStatusDiffers()
    {
        await using Store store = await Store.OpenAsync(temp["data"], "overlay2");
        await store.ImportAsync("x:1", new TarBuilder().File("f", "1234").File("g", "same"));
        await store.ImportAsync("x:2", new TarBuilder().File("f", "1235").File("g", "same"));
        List<string> lines = [];
        await store.Contents.CompareAsync("x:1", "x:2", change => lines.Add(Line(change)), default);
        Assert.Equal(["C /f 4>4 #1"], lines);
    }

    [Theory]
    [InlineData("overlay2")]
    [InlineData("vfs")]
    public async Task ATreeTellsWhatEachLayerDid(string driver)
    {
        await using Store store = await Store.OpenAsync(temp["data"], driver);
        List<string> lines = [];
        await store.Contents.WalkLayersAsync("app", 1, change => lines.Add($"{change.Layer} {Line(change)} +{change.Below}"), (layer, totals) => lines.Add($"{layer} {totals.Added} {totals.Changed} {totals.Removed}"), default);
        Assert.Equal(
            [
                "1 A /etc 0>10 #1 +4", "1 A /lib 0>2 #1 +2", "1 A /link 0>5 #1 +0", "1 A /old 0>2 #1 +1", "1 A /turns 0>4 #1 +0", "1 12 0 0",
                "2 C /etc 0>8 #2 +3", @"2 A /odd\x0aname\xe2\x80\xae\\x 0>1 #2 +0", "2 D /old 0>0 #2 +0", "2 1 3 2",
            ],
            lines.TakeWhile(static line => line[0] != '3'));
        Assert.Contains("3 C /lib 0>5 #3 +5", lines);

        lines.Clear();
        await store.Contents.WalkLayersAsync("app", 0, change => lines.Add(Line(change)), static (_, _) => { }, default);
        Assert.Empty(lines);
        await store.Contents.WalkLayersAsync("base", 9, change => lines.Add(Line(change)), static (_, _) => { }, default);
        Assert.Equal(12, lines.Count);
        Assert.Contains("A /etc/hosts 0>0 #1", lines);
        Assert.Equal(["step 0", "step 1", "step 2"], store.Contents.StepsOf("app").Select(static step => step.CreatedBy));
    }

    private static string Line(ImageChange change) => $"{(change.Kind == ChangeKind.Added ? 'A' : change.Kind == ChangeKind.Deleted ? 'D' : 'C')} {change.Path} {change.OldSize}>{change.Size} #{change.Layer}";

    private sealed class Store : IAsyncDisposable
    {
        private readonly StorageRoot root;
        private readonly Journal journal;
        private readonly ContentStore content;
        private readonly FolderSnapshotter snapshotter;
        private readonly ImageStore images;

        private Store(string path, string driver)
        {
            root = StorageRoot.Open(path);
            journal = Journal.Open(root);
            content = ContentStore.Open(root);
            snapshotter = FolderSnapshotter.Open(root, driver);
            images = ImageStore.Open(journal, content, snapshotter);
            Contents = new ImageContents(images, snapshotter);
        }

        public ImageContents Contents { get; }

        public static async Task<Store> OpenAsync(string path, string driver)
        {
            Store store = new(path, driver);
            await store.images.LoadAsync(new MemoryStream(ImageArchive.Docker("base:latest", ImageArchive.Config(Base), Base).ToArray()), null, default);
            await store.images.LoadAsync(new MemoryStream(ImageArchive.Docker("app:latest", ImageArchive.Config(Base, Second, Third), Base, Second, Third).ToArray()), null, default);
            return store;
        }

        public Task<ImageRecord> ImportAsync(string name, TarBuilder tar) => images.ImportAsync(tar.ToStream(), new ImportOptions(null, null, null, ImageReference.Parse(name)), default);

        public async ValueTask DisposeAsync()
        {
            images.Dispose();
            await snapshotter.DisposeAsync();
            content.Dispose();
            await journal.DisposeAsync();
            root.Dispose();
        }
    }
}
