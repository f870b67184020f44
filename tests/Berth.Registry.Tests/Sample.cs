using System.Text;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Registry.Tests;

/// <summary>Blobs and an image to push and pull, and a client that does not wait long.</summary>
internal static class Sample
{
    public static readonly RegistryOptions Quick = new() { Backoff = TimeSpan.FromMilliseconds(1), MaxBackoff = TimeSpan.FromSeconds(2), CertificateFolders = [] };

    public static byte[] Bytes(int count, int seed = 1)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static Descriptor Describe(byte[] content, string type = MediaTypes.OciLayer) => new() { MediaType = type, Digest = Digest.Of(content), Size = content.Length };

    public static Func<long, Stream> Open(byte[] content) => offset => new MemoryStream(content, (int)offset, content.Length - (int)offset);

    public static ImageReference Name(string address, string path = "a/b") => ImageReference.Parse($"{address}/{path}");

    public static RegistryRepository Open(this RegistryClient client, string address, string path = "a/b", RegistryCredential? credential = null) =>
        client.Open(Name(address, path), credential ?? RegistryCredential.None);

    public static Task<BlobPush> PushAsync(this RegistryRepository repository, byte[] content, params string[] mountFrom) =>
        repository.PushBlobAsync(Describe(content), Open(content), mountFrom, null, default);

    public static async Task<byte[]> PullAsync(this RegistryRepository repository, Descriptor blob, BlobRead? read = null)
    {
        await using Stream stream = await repository.OpenBlobAsync(blob, read ?? new BlobRead(), default);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        return copy.ToArray();
    }

    /// <summary>Pushes an image of one layer under the tag.</summary>
    public static async Task<(byte[] Manifest, byte[] Layer)> PushImageAsync(this RegistryRepository repository, string tag)
    {
        byte[] layer = Bytes(5000);
        byte[] config = """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"""u8.ToArray();
        await repository.PushAsync(layer);
        await repository.PushAsync(config);
        byte[] manifest = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{"mediaType":"{{MediaTypes.OciConfig}}","digest":"{{Digest.Of(config)}}","size":{{config.Length}}},"layers":[{"mediaType":"{{MediaTypes.OciLayer}}","digest":"{{Digest.Of(layer)}}","size":{{layer.Length}}}]}""");
        await repository.PushManifestAsync(tag, MediaTypes.OciManifest, manifest, default);
        return (manifest, layer);
    }

    public static async Task<EngineException> FailsAsync(ErrorKind kind, Func<Task> act)
    {
        EngineException e = await Assert.ThrowsAsync<EngineException>(act);
        Assert.True(e.Kind == kind, $"wanted {kind}, got {e.Kind}: {e.Message}");
        return e;
    }
}

/// <summary>One docker-registry for a class of tests.</summary>
public sealed class PlainRegistry : IDisposable
{
    private readonly Berth.Tests.Registries.DockerRegistry registry = Berth.Tests.Registries.DockerRegistry.Start();

    public string Address => registry.Address;

    public void Dispose() => registry.Dispose();
}
