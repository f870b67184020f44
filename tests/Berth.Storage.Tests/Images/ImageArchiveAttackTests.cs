using System.Text;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Tests.Support;
using static Berth.Storage.Tests.Support.ImageArchive;

namespace Berth.Storage.Tests.Images;

/// <summary>Hostile image archives: an error that names the cause, and nothing of them left.</summary>
public sealed class ImageArchiveAttackTests : IAsyncLifetime
{
    private static readonly byte[] Good = Layer("a");
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
    public async Task Attack14_ALayerThatLeadsOutsideFailsTheLoad()
    {
        File.WriteAllText(temp["victim"], "untouched");
        foreach (byte[] layer in (byte[][])[
            new TarBuilder().File("../../../../victim", "evil").ToArray(),
            new TarBuilder().Symlink("l", temp.Path).File("l/victim", "evil").ToArray(),
            new TarBuilder().File("x").HardLink("h", "../../victim").ToArray()])
        {
            await RefusedAsync(Docker("box:1", Config(layer), layer), "is refused");
            // The same unpacked at the commit, not while it arrives: twice in one image.
            await RefusedAsync(Docker("box:1", Config(Good, layer), Good, layer), "is refused");
        }

        Assert.Equal("untouched", File.ReadAllText(temp["victim"]));
    }

    [Fact]
    public async Task Attack16_BombsAreBounded()
    {
        await RestartAsync(new TarLimits { MaxArchiveBytes = 48 << 20, MaxEntries = 1000 });
        byte[] zeros = new TarBuilder().Entry('0', "zeros", new byte[64 << 20]).ToArray();
        byte[] bomb = Run("gzip", zeros, "-c");
        await RefusedAsync(Docker("box:1", Config(zeros), bomb), "larger than");
        await RefusedAsync(Run("gzip", Docker("box:1", Config(Good), Good).File("filler", new byte[64 << 20]).ToArray(), "-c"), "larger than");
        ImageArchive many = new();
        for (int i = 0; i < 1001; i++)
        {
            many.Text("f" + i, "");
        }

        await RefusedAsync(many, "more than 1000 entries");
        await RefusedAsync(new ImageArchive().Text("manifest.json", "[" + new string(' ', 9 << 20) + "]"), "at most", ErrorKind.TooLarge);
        string layers = string.Join(',', Enumerable.Repeat("\"layer0/layer.tar\"", 501));
        await RefusedAsync(Docker("box:1", Config(Good), Good).Text("manifest.json", $$"""[{"Config":"config.json","RepoTags":null,"Layers":[{{layers}}]}]"""), "501 layers");
        byte[] deep = Config([.. Enumerable.Repeat(Good, 501)]);
        await RefusedAsync(new ImageArchive().Blob(Good).Blob(deep).Text("index.json", Index(Descriptor(MediaTypes.OciManifest, B(Manifest(deep, [.. Enumerable.Repeat(Good, 501)])))))
            .Blob(B(Manifest(deep, [.. Enumerable.Repeat(Good, 501)]))), "501 layers");
    }

    [Fact]
    public async Task Attack16_IndexesThatLieInEachOtherEnd()
    {
        byte[] inner = B(Index());
        ImageArchive archive = new();
        for (int i = 0; i < 8; i++)
        {
            archive.Blob(inner);
            inner = B(Index(Descriptor(MediaTypes.OciIndex, inner)));
        }

        await RefusedAsync(archive.Text("index.json", Encoding.UTF8.GetString(inner)), "deep");
        await RefusedAsync(new ImageArchive().Text("repositories", """{"x":{"1":"aa"}}""").Text("aa/json", """{"id":"aa","parent":"aa"}"""), "its own parent");
    }

    [Fact]
    public async Task Attack17_DigestsThatLieAreFound()
    {
        byte[] other = Layer("b");
        byte[] config = Config(Good);
        await RefusedAsync(Docker("box:1", config, other), "does not match the image's configuration");
        await RefusedAsync(Docker("box:1", config, Run("gzip", other, "-c")), "does not match the image's configuration");
        await RefusedAsync(Docker("box:1", config, Good, other), "names 1 layers, 2 came");
        await RefusedAsync(new ImageArchive().File("blobs/sha256/" + new string('a', 64), Good), "does not match its digest");
        await RefusedAsync(new ImageArchive().File("blobs/sha256/" + new string('a', 64), config), "has the digest");
        await RefusedAsync(new ImageArchive().File(new string('a', 64) + ".json", config), "has the digest");
        await RefusedAsync(new ImageArchive().File("blobs/sha256/../../x", config), "64 hexadecimal digits", prefix: "x");
        byte[] manifest = B(Manifest(config, other));
        await RefusedAsync(new ImageArchive().Blob(manifest).Blob(config).Blob(other).Text("index.json", Index(Descriptor(MediaTypes.OciManifest, manifest))), "does not match the image's configuration");
        byte[] lacks = B(Manifest(config, Good));
        await RefusedAsync(new ImageArchive().Blob(lacks).Blob(config).Text("index.json", Index(Descriptor(MediaTypes.OciManifest, lacks))), "was not received", ErrorKind.NotFound);
        byte[] whole = Docker("box:1", config, Good).ToArray();
        foreach (int length in (int[])[100, 600, 1500, 2100, whole.Length - 2000])
        {
            await RefusedAsync(whole[..length], "unexpected EOF");
        }
    }

    [Fact]
    public async Task Attack17_AmbiguousDocumentsAreRefused()
    {
        byte[] config = Config(Good);
        byte[] both = B(Manifest(config, Good)[..^1] + ""","manifests":[]}""");
        await RefusedAsync(new ImageArchive().Blob(both).Blob(config).Blob(Good).Text("index.json", Index(Descriptor(MediaTypes.OciManifest, both))), "claims to be an index");
        byte[] manifest = B(Manifest(config, Good));
        byte[] index = B(Index(Descriptor(MediaTypes.OciManifest, manifest))[..^1] + ""","layers":[]}""");
        await RefusedAsync(new ImageArchive().Blob(index).Blob(manifest).Blob(config).Blob(Good).Text("index.json", Index(Descriptor(MediaTypes.OciIndex, index))), "claims to be an image manifest");
        await RefusedAsync(new ImageArchive().Blob(manifest).Blob(config).Blob(Good).Text("index.json", Index(Descriptor(MediaTypes.OciIndex, manifest))), "claims to be an image manifest");
        byte[] odd = B(Manifest(config, Good).Replace(MediaTypes.OciManifest, MediaTypes.OciConfig));
        await RefusedAsync(new ImageArchive().Blob(odd).Blob(config).Blob(Good).Text("index.json", Index(Descriptor(MediaTypes.OciManifest, odd))), "media type");
    }

    [Fact]
    public async Task Attack19_NamesOfTheArchiveNeverReachAFileSystem()
    {
        byte[] config = Config(Good);
        File.WriteAllBytes(temp["outside.json"], config);
        foreach (string name in (string[])["../outside.json", temp["outside.json"], "x/../../outside.json"])
        {
            await RefusedAsync(new ImageArchive().File("l.tar", Good).Text("manifest.json", $$"""[{"Config":"{{name}}","RepoTags":null,"Layers":["l.tar"]}]"""), "is refused");
            await RefusedAsync(new ImageArchive().File(name, config), "is refused");
            await RefusedAsync(new ImageArchive().Symlink("c.json", name), "is refused");
        }

        ImageArchive loop = new ImageArchive().Symlink("a", "b").Symlink("b", "a").Text("manifest.json", """[{"Config":"a","RepoTags":null,"Layers":[]}]""");
        await RefusedAsync(loop, "lacks the configuration");
        TarBuilder device = new TarBuilder().Device('3', "manifest.json", 1, 3);
        await RefusedAsync(device.ToArray(), "files, folders and links");
    }

    [Fact]
    public async Task Attack19_OddTagsAreRefused()
    {
        foreach (string tag in (string[])["UPPER:1", "box", "box@sha256:" + new string('a', 64), "../x:1", "a:b:c", ""])
        {
            await RefusedAsync(Docker(tag, Config(Good), Good), "");
        }
    }

    private static byte[] B(string text) => Encoding.UTF8.GetBytes(text);

    private async Task RestartAsync(TarLimits limits)
    {
        await stores.DisposeAsync();
        stores = new Stores(temp["data"], limits);
    }

    private Task RefusedAsync(ImageArchive archive, string wanted, ErrorKind kind = ErrorKind.InvalidArgument, string? prefix = null) =>
        prefix is null ? RefusedAsync(archive.ToArray(), wanted, kind) : RefusedAsync(archive.ToArray(), "", kind);

    private async Task RefusedAsync(byte[] archive, string wanted, ErrorKind kind = ErrorKind.InvalidArgument)
    {
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => stores.Images.LoadAsync(new MemoryStream(archive), null, default));
        Assert.Contains(wanted, e.Message);
        Assert.Equal(kind, e.Kind);
        Assert.Empty(stores.Images.List());
        Assert.Empty(stores.Leftovers());
    }
}
