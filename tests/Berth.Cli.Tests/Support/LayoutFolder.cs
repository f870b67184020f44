using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Cli.Tests.Support;

/// <summary>An OCI layout made by hand: an image of two platforms under the tag <c>multi</c>, each also under its architecture's name.</summary>
internal sealed class LayoutFolder
{
    private readonly JsonArray index = [];

    public LayoutFolder(string path)
    {
        Root = path;
        Directory.CreateDirectory(Path.Combine(path, "blobs", "sha256"));
        (string Digest, int Size)[] images = [Image("amd64", null), Image("arm64", "v8")];
        var list = new JsonArray();
        foreach (((string digest, int size), string architecture) in images.Zip(["amd64", "arm64"]))
        {
            list.Add(Descriptor("manifest", digest, size, ("platform", new JsonObject { ["architecture"] = architecture, ["os"] = "linux" })));
            index.Add(Descriptor("manifest", digest, size, ("annotations", new JsonObject { ["org.opencontainers.image.ref.name"] = architecture })));
        }

        (Index, int length) = Put(Encoding.UTF8.GetBytes(new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = Type("index"), ["manifests"] = list }.ToJsonString()));
        index.Add(Descriptor("index", Index, length, ("annotations", new JsonObject { ["org.opencontainers.image.ref.name"] = "multi" })));
        File.WriteAllText(Path.Combine(path, "index.json"), new JsonObject { ["schemaVersion"] = 2, ["manifests"] = index.DeepClone() }.ToJsonString());
        File.WriteAllText(Path.Combine(path, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
    }

    public string Root { get; }

    /// <summary>The digest of <c>multi</c>.</summary>
    public string Index { get; }

    public List<string> Layers { get; } = [];

    public string PathOf(string digest) => Path.Combine(Root, "blobs", digest.Replace(':', '/'));

    private static string Type(string kind) => $"application/vnd.oci.image.{kind}.v1+json";

    private static JsonObject Descriptor(string kind, string digest, int size, params (string Name, JsonNode Value)[] others)
    {
        var descriptor = new JsonObject { ["mediaType"] = kind == "layer" ? "application/vnd.oci.image.layer.v1.tar" : Type(kind), ["digest"] = digest, ["size"] = size };
        foreach ((string name, JsonNode value) in others)
            descriptor[name] = value;

        return descriptor;
    }

    private (string Digest, int Size) Image(string architecture, string? variant)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "file-" + architecture) { DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(100_000)) });

        (string layer, int length) = Put(tar.ToArray());
        Layers.Add(layer);
        var config = new JsonObject { ["architecture"] = architecture, ["os"] = "linux", ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(layer) } };
        if (variant is not null)
            config["variant"] = variant;

        (string digest, int size) = Put(Encoding.UTF8.GetBytes(config.ToJsonString()));
        return Put(Encoding.UTF8.GetBytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = Type("manifest"),
            ["config"] = Descriptor("config", digest, size),
            ["layers"] = new JsonArray(Descriptor("layer", layer, length)),
        }.ToJsonString()));
    }

    private (string Digest, int Size) Put(byte[] content)
    {
        string digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));
        File.WriteAllBytes(PathOf(digest), content);
        return (digest, content.Length);
    }
}
