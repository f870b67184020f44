using System.Text.Json;
using Berth.Api;
using Berth.Model;

namespace Berth.Client;

/// <summary>A file in a container as the archive operations describe it (header X-Docker-Container-Path-Stat).</summary>
/// <param name="Name">Last part of its path.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">Go's fs.FileMode: permissions in the low nine bits, the kind in the high ones.</param>
/// <param name="LinkTarget">Where a symbolic link points; empty for all others.</param>
public sealed record ContainerPathStat(string Name, long Size, uint Mode, string LinkTarget)
{
    private const uint Folder = 1u << 31;
    private const uint Link = 1u << 27;
    private const uint Device = 1u << 26;

    public bool IsFolder => (Mode & Folder) != 0;

    public bool IsDevice => (Mode & Device) != 0;

    public bool IsLink => (Mode & Link) != 0;
}

public sealed partial class EngineClient
{
    private const string StatHeader = "X-Docker-Container-Path-Stat";

    /// <summary>Loads images from an archive, which is read to its end; what was loaded is told as it goes.</summary>
    public async Task LoadImagesAsync(Stream archive, bool quiet, IReadOnlyList<string> platforms, Action<JsonMessage> progress, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/load");
        path.Add("quiet", quiet ? "1" : "0");
        foreach (string platform in platforms)
            path.Add("platform", platform);

        await SettleVersionAsync(cancellationToken);
        using ResponseStream response = await transport.OpenAsync(
            HttpMethod.Post, path.ToString(), RequestBody.Of(archive, "application/x-tar"), cancellationToken);
        ReadMessages(response, progress);
    }

    /// <summary>Images with their names as one archive.</summary>
    public Task<ResponseStream> SaveImagesAsync(IEnumerable<string> images, IReadOnlyList<string> platforms, CancellationToken cancellationToken = default) =>
        SaveImagesAsync(images, platforms, [], cancellationToken);

    /// <summary>The same without the layers that the images <paramref name="since"/> have; an engine that does not know of it sends all.</summary>
    public Task<ResponseStream> SaveImagesAsync(IEnumerable<string> images, IReadOnlyList<string> platforms, IReadOnlyList<string> since, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/get");
        foreach (string image in images)
            path.Add("names", image);

        foreach (string platform in platforms)
            path.Add("platform", platform);

        foreach (string image in since)
            path.Add("since", image);

        return transport.OpenAsync(HttpMethod.Get, path.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary>What a path in a container is; a symbolic link is not followed.</summary>
    public async Task<ContainerPathStat> StatContainerPathAsync(string container, string path, CancellationToken cancellationToken = default)
    {
        try
        {
            return await StatOnceAsync(container, path, cancellationToken);
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.InvalidArgument)
        {
            // An answer to HEAD has no text that could tell of an older daemon.
            await SettleVersionAsync(cancellationToken);
            return await StatOnceAsync(container, path, cancellationToken);
        }
    }

    private async Task<ContainerPathStat> StatOnceAsync(string container, string path, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Head, ArchivePath(container, path), RequestBody.None, cancellationToken);
        return ReadStat(response);
    }

    /// <summary>A file or folder of a container as a tar archive, with what it is.</summary>
    public async Task<(ResponseStream Archive, ContainerPathStat Stat)> OpenContainerArchiveAsync(string container, string path, CancellationToken cancellationToken = default)
    {
        HttpResponseMessage response = await transport.SendAsync(HttpMethod.Get, ArchivePath(container, path), RequestBody.None, cancellationToken);
        try
        {
            return (EngineTransport.ToStream(response, cancellationToken), ReadStat(response));
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Unpacks a tar archive, read to its end, in a folder of a container. A file never takes the place of a folder nor the reverse.</summary>
    /// <param name="keepOwners">Whether owners are the archive's, not the container's user.</param>
    public async Task PutContainerArchiveAsync(string container, string folder, Stream archive, bool keepOwners, CancellationToken cancellationToken = default)
    {
        await SettleVersionAsync(cancellationToken);
        await transport.ReadBytesAsync(HttpMethod.Put, PutPath(container, folder, keepOwners), RequestBody.Of(archive, "application/x-tar"), cancellationToken);
    }

    /// <summary>The same with an archive that is written as it is sent; <paramref name="write"/> is called once, on this thread.</summary>
    /// <param name="length">How much it will write, exactly; null where that is not known. The daemon takes a body of a known length with one copy less.</param>
    public async Task PutContainerArchiveAsync(string container, string folder, Action<Stream> write, long? length, bool keepOwners, CancellationToken cancellationToken = default)
    {
        await SettleVersionAsync(cancellationToken);
        await transport.ReadBytesAsync(HttpMethod.Put, PutPath(container, folder, keepOwners), RequestBody.Of(write, "application/x-tar", length), cancellationToken);
    }

    private static string PutPath(string container, string folder, bool keepOwners) =>
        ArchivePath(container, folder) + "&noOverwriteDirNonDir=true" + (keepOwners ? "&copyUIDGID=true" : "");

    private static string ArchivePath(string container, string path) => $"/containers/{Segment(container)}/archive?path={Uri.EscapeDataString(path)}";

    private static ContainerPathStat ReadStat(HttpResponseMessage response)
    {
        try
        {
            if (!response.Headers.TryGetValues(StatHeader, out IEnumerable<string>? values))
                throw new JsonException("the header is missing");

            using JsonDocument document = JsonDocument.Parse(Convert.FromBase64String(values.First()));
            JsonElement stat = document.RootElement;
            return new ContainerPathStat(
                stat.GetProperty("name").GetString() ?? "",
                stat.GetProperty("size").GetInt64(),
                stat.GetProperty("mode").GetUInt32(),
                stat.TryGetProperty("linkTarget", out JsonElement target) ? target.GetString() ?? "" : "");
        }
        catch (Exception exception) when (exception is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            throw new EngineException(ErrorKind.Internal, $"the daemon's answer has no valid {StatHeader}: {exception.Message}", exception);
        }
    }
}
