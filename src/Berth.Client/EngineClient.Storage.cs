using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Api;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Client;

/// <content>What docker's API does not have: the storage as a whole.</content>
public sealed partial class EngineClient
{
    /// <summary><c>GET /berth/storage/usage</c>.</summary>
    public Task<StorageUsageAnswer> MeasureStorageAsync(CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, "/berth/storage/usage", RequestBody.None, StorageJson.Context.StorageUsageAnswer, cancellationToken);

    /// <summary><c>POST /berth/storage/check</c>, each line as it comes.</summary>
    public Task CheckStorageAsync(bool repair, bool quick, Action<StorageCheckLine> line, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/storage/check");
        path.Add("repair", repair);
        path.Add("quick", quick);
        return ReadLinesAsync(HttpMethod.Post, path.ToString(), StorageJson.Context.StorageCheckLine, line, cancellationToken);
    }

    /// <summary><c>GET /berth/images/diff</c>: what the second image has otherwise, or only which layers they have.</summary>
    public Task CompareImagesAsync(string first, string second, bool layersOnly, Action<ImageContentLine> line, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/images/diff");
        path.Add("first", first);
        path.Add("second", second);
        path.Add("layers", layersOnly);
        return ReadLinesAsync(HttpMethod.Get, path.ToString(), StorageJson.Context.ImageContentLine, line, cancellationToken);
    }

    /// <summary><c>GET /berth/images/tree</c>: what each layer changes, down to some depth of folders.</summary>
    public Task WalkImageAsync(string image, int depth, Action<ImageContentLine> line, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/images/tree");
        path.Add("name", image);
        path.Add("depth", depth.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return ReadLinesAsync(HttpMethod.Get, path.ToString(), StorageJson.Context.ImageContentLine, line, cancellationToken);
    }

    /// <summary><c>GET /berth/images/pins</c>: full names and ids that no eviction takes.</summary>
    public async Task<IReadOnlyList<string>> ListImagePinsAsync(CancellationToken cancellationToken = default) =>
        (await transport.ReadAsync(HttpMethod.Get, "/berth/images/pins", RequestBody.None, StorageJson.Context.ImagePinsAnswer, cancellationToken)).Pins;

    /// <summary><c>POST /berth/images/pin</c> or <c>/unpin</c>; returns what it was about.</summary>
    public async Task<string> PinImageAsync(string image, bool isPinned, CancellationToken cancellationToken = default)
    {
        var path = new QueryString(isPinned ? "/berth/images/pin" : "/berth/images/unpin");
        path.Add("name", image);
        ImagePinsAnswer answer = await transport.ReadAsync(HttpMethod.Post, path.ToString(), RequestBody.None, StorageJson.Context.ImagePinsAnswer, cancellationToken);
        return answer.Pins.Count > 0 ? answer.Pins[0] : image;
    }

    /// <summary><c>POST /berth/storage/evict</c>.</summary>
    /// <param name="target">A size or a part of the file system; null for the daemon's budget.</param>
    /// <param name="isDry">Whether it is only told what would go.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<EvictionAnswer> EvictImagesAsync(string? target, bool isDry, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/storage/evict");
        path.Add("to", target);
        path.Add("dry-run", isDry);
        return transport.ReadAsync(HttpMethod.Post, path.ToString(), RequestBody.None, StorageJson.Context.EvictionAnswer, cancellationToken);
    }

    /// <summary><c>GET /berth/images/manifest</c>: an image's manifest, byte for byte.</summary>
    /// <exception cref="EngineException">NotFound: no such image, or the engine knows no such question; TooLarge.</exception>
    public async Task<byte[]> ReadImageManifestAsync(string image, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/images/manifest");
        path.Add("name", image);
        using ResponseStream response = await transport.OpenAsync(HttpMethod.Get, path.ToString(), RequestBody.None, cancellationToken);
        using var content = new MemoryStream();
        byte[] block = new byte[16 << 10];
        for (int count; (count = response.Read(block)) > 0;)
        {
            content.Write(block, 0, count);
            if (content.Length > ImageDocuments.MaxDocument)
                throw new EngineException(ErrorKind.TooLarge, $"the engine's manifest of {image} has more than {ImageDocuments.MaxDocument} bytes");
        }

        return content.ToArray();
    }

    /// <summary><c>GET /berth/images/blob</c>: a blob of an image, from a byte on.</summary>
    public Task<ResponseStream> OpenImageBlobAsync(string image, Digest blob, long offset, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/images/blob");
        path.Add("name", image);
        path.Add("digest", blob.ToString());
        path.Add("offset", offset == 0 ? null : offset.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return transport.OpenAsync(HttpMethod.Get, path.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary><c>POST /berth/images/missing</c>: those of the blobs that no image there has as a layer.</summary>
    /// <exception cref="EngineException">NotFound: the engine knows no such question.</exception>
    public async Task<IReadOnlyList<string>> FindMissingBlobsAsync(IEnumerable<Digest> blobs, CancellationToken cancellationToken = default)
    {
        var asked = new ImageBlobList { Blobs = [.. blobs.Select(static blob => blob.ToString())] };
        return (await transport.ReadAsync(HttpMethod.Post, "/berth/images/missing", RequestBody.Json(asked, StorageJson.Context.ImageBlobList), StorageJson.Context.ImageBlobList, cancellationToken)).Blobs;
    }

    private async Task ReadLinesAsync<T>(HttpMethod method, string path, JsonTypeInfo<T> type, Action<T> use, CancellationToken cancellationToken)
    {
        using ResponseStream response = await transport.OpenAsync(method, path, RequestBody.None, cancellationToken);
        response.ReadLines(text =>
        {
            try
            {
                if (JsonSerializer.Deserialize(text, type) is { } line)
                    use(line);
            }
            catch (JsonException exception)
            {
                throw new EngineConnectionException("a line of the daemon's answer is not JSON", exception);
            }
        });
    }
}
