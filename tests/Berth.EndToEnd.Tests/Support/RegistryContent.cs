using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>The documents of one generation of image formats.</summary>
public sealed record ImageFormat(string Manifest, string Index, string Config, string LayerPrefix)
{
    public static ImageFormat Oci { get; } = new(
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar");

    public static ImageFormat Docker { get; } = new(
        "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar");

    public string Layer(string packing) => LayerPrefix + (packing == "none" ? "" : this == Oci ? "+" + packing : "." + packing);
}

/// <summary>A document in a registry.</summary>
public sealed record Document(string MediaType, byte[] Content)
{
    public string Digest => RegistryContent.DigestOf(Content);

    public JsonNode Json => JsonNode.Parse(Content) ?? throw new InvalidOperationException("a document is an object");
}

/// <summary>A registry's content, written and read by plain requests, without any client of ours.</summary>
public sealed class RegistryContent(string address) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://{address}/v2/"), Timeout = TimeSpan.FromSeconds(60) };

    public static string DigestOf(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    public void Dispose() => http.Dispose();

    /// <summary>Puts an image of some layers there, each with one file, under a tag; what the tag leads to.</summary>
    /// <param name="packing">gzip, zstd or none.</param>
    /// <param name="layers">The content of each layer's file.</param>
    /// <param name="architecture">What the image says it is for.</param>
    /// <param name="time">Of the files; null for now, so that a layer is like no other.</param>
    public async Task<Document> PutImageAsync(string repository, string tag, ImageFormat format, string packing, IReadOnlyList<byte[]> layers, string architecture = "amd64", DateTimeOffset? time = null)
    {
        var descriptors = new JsonArray();
        var diffIds = new JsonArray();
        for (int i = 0; i < layers.Count; i++)
        {
            byte[] tar = MakeTar($"file{i}", layers[i], time ?? DateTimeOffset.UtcNow);
            diffIds.Add((JsonNode)DigestOf(tar));
            byte[] blob = await PackAsync(tar, packing);
            descriptors.Add((JsonNode)await PutBlobAsync(repository, format.Layer(packing), blob));
        }

        var config = new JsonObject
        {
            ["architecture"] = architecture,
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Cmd"] = new JsonArray("/file0") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = diffIds },
        };
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = format.Manifest,
            ["config"] = await PutBlobAsync(repository, format.Config, Encoding.UTF8.GetBytes(config.ToJsonString())),
            ["layers"] = descriptors,
        };
        return await PutDocumentAsync(repository, tag, format.Manifest, manifest);
    }

    /// <summary>Puts an index of manifests there that the repository has.</summary>
    public Task<Document> PutIndexAsync(string repository, string tag, ImageFormat format, params (Document Manifest, string Architecture)[] entries) => PutDocumentAsync(repository, tag, format.Index, new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = format.Index,
        ["manifests"] = new JsonArray(
        [
            .. entries.Select(static entry => new JsonObject
            {
                ["mediaType"] = entry.Manifest.MediaType,
                ["digest"] = entry.Manifest.Digest,
                ["size"] = entry.Manifest.Content.Length,
                ["platform"] = new JsonObject { ["architecture"] = entry.Architecture, ["os"] = "linux" },
            }),
        ]),
    });

    /// <summary>Puts a document there as it is.</summary>
    public async Task<Document> PutDocumentAsync(string repository, string tag, string mediaType, JsonObject content)
    {
        var document = new Document(mediaType, Encoding.UTF8.GetBytes(content.ToJsonString()));
        using var body = new ByteArrayContent(document.Content) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } };
        using HttpResponseMessage answer = await http.PutAsync($"{repository}/manifests/{tag}", body);
        Assert.True(answer.StatusCode == HttpStatusCode.Created, $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        return document;
    }

    /// <summary>Puts a blob there; its descriptor.</summary>
    public async Task<JsonObject> PutBlobAsync(string repository, string mediaType, byte[] content)
    {
        using HttpResponseMessage begun = await http.PostAsync($"{repository}/blobs/uploads/", null);
        Uri location = begun.Headers.Location ?? throw new InvalidOperationException($"no place to upload to: {begun.StatusCode}");
        var builder = new UriBuilder(new Uri(http.BaseAddress!, location)); // as made
        builder.Query = $"{builder.Query.TrimStart('?')}&digest={Uri.EscapeDataString(DigestOf(content))}";
        using var body = new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };
        using HttpResponseMessage answer = await http.PutAsync(builder.Uri, body);
        Assert.True(answer.StatusCode == HttpStatusCode.Created, $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = DigestOf(content), ["size"] = content.Length };
    }

    /// <summary>Whether a repository has a blob.</summary>
    public async Task<bool> HasBlobAsync(string repository, string digest)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, $"{repository}/blobs/{digest}");
        using HttpResponseMessage answer = await http.SendAsync(request);
        return answer.IsSuccessStatusCode;
    }

    /// <summary>What a tag or digest leads to, byte for byte.</summary>
    public async Task<Document> GetAsync(string repository, string reference)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{repository}/manifests/{reference}");
        foreach (string type in (string[])[ImageFormat.Oci.Manifest, ImageFormat.Oci.Index, ImageFormat.Docker.Manifest, ImageFormat.Docker.Index])
        {
            request.Headers.TryAddWithoutValidation("Accept", type);
        }

        using HttpResponseMessage answer = await http.SendAsync(request);
        byte[] content = await answer.Content.ReadAsByteArrayAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{repository}:{reference}: {answer.StatusCode}: {Encoding.UTF8.GetString(content)}");
        return new Document(answer.Content.Headers.ContentType?.MediaType ?? "", content);
    }

    /// <summary>Bytes that do not compress, the same for the same seed.</summary>
    public static byte[] Noise(int seed, int length)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static byte[] MakeTar(string name, byte[] content, DateTimeOffset time)
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)0b111_101_101, ModificationTime = time, DataStream = new MemoryStream(content) });
        }

        return result.ToArray();
    }

    private static async Task<byte[]> PackAsync(byte[] tar, string packing)
    {
        if (packing == "none")
        {
            return tar;
        }

        if (packing == "gzip")
        {
            using var result = new MemoryStream();
            await using (var gzip = new GZipStream(result, CompressionLevel.Fastest, leaveOpen: true))
            {
                await gzip.WriteAsync(tar);
            }

            return result.ToArray();
        }

        await using var zstd = new CliSession(new System.Diagnostics.ProcessStartInfo("zstd", ["-q", "-c"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
        await zstd.WriteAsync(tar);
        zstd.CloseInput();
        return (await zstd.WaitAsync(TimeSpan.FromSeconds(30))).Expect().OutputBytes;
    }
}
