using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Usage;

namespace Berth.Storage.Builds;

/// <summary>Who may use a cache at the same time.</summary>
public enum CacheUse
{
    /// <summary>Everybody.</summary>
    Shared,

    /// <summary>Nobody else: another one gets a cache of its own.</summary>
    Private,

    /// <summary>Nobody else: another one waits.</summary>
    Locked,
}

/// <summary>A cache that a step mounts.</summary>
public sealed record CacheRequest
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    /// <summary>Who else may use it meanwhile.</summary>
    public CacheUse Use { get; init; }

    /// <summary>Whether nothing can be written.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>What tells its initial content from others; empty for none. Caches of one name that begin differently are different ones.</summary>
    public string Begin { get; init; } = "";

    /// <summary>Permissions of the folder; null for 0755, or those of the initial content.</summary>
    public uint? Mode { get; init; }

    /// <summary>Its owner; null for root, or the initial content's.</summary>
    public uint? Uid { get; init; }

    /// <summary>Its group; as <see cref="Uid"/>.</summary>
    public uint? Gid { get; init; }
}

/// <summary>What is known of a cache.</summary>
/// <param name="Name">Its name in <see cref="CacheMounts"/>.</param>
/// <param name="Id">The name that steps know it by.</param>
/// <param name="Created">When it was made.</param>
/// <param name="LastUsed">When a step had it last.</param>
/// <param name="Size">Bytes that it takes on the disk.</param>
/// <param name="IsInUse">Whether a step has it now.</param>
public sealed record CacheMountInfo(string Name, string Id, DateTimeOffset Created, DateTimeOffset LastUsed, long Size, bool IsInUse)
{
    /// <summary>What it is, for people.</summary>
    public string Description => $"cache mount {Id}";
}

/// <summary>
/// Folders that steps of builds mount and that are kept between builds (<c>builds/caches</c> of the data root). They are no part of any image, and nothing depends on them: whatever is removed is made anew.
/// Their content is the steps', hostile, and no link in it is followed. Safe for concurrent use.
/// </summary>
public sealed class CacheMounts
{
    private const uint Private = 0x1C0;
    private readonly StorageRoot storage;
    private readonly StepFolders folders;
    private readonly TimeProvider clock;
    private readonly CacheUses uses = new();
    private readonly Lock making = new();

    /// <param name="storage">Where they are.</param>
    /// <param name="folders">Where they are made, and deleted.</param>
    /// <param name="clock">Tells when.</param>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public CacheMounts(StorageRoot storage, StepFolders folders, TimeProvider clock)
    {
        this.storage = storage;
        this.folders = folders;
        this.clock = clock;
        try
        {
            storage.MakeFolders("builds/caches");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"the folder {storage.PathOf("builds/caches")} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Makes a cache ready to be mounted, once it may be used; others are kept out, as was asked, until the result is disposed.</summary>
    /// <param name="request">Which.</param>
    /// <param name="begin">What a new one begins with, a folder; null for nothing.</param>
    /// <param name="owner">The step: one that has a cache may have it again.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="EngineException">InvalidArgument: the initial content is no folder; Internal when the disk refuses.</exception>
    public async Task<PreparedMount> OpenAsync(CacheRequest request, SelectedFiles? begin, object owner, CancellationToken cancellationToken)
    {
        string name = NameOf(request);
        string taken = await uses.TakeAsync(name, request.Use, owner, cancellationToken);
        try
        {
            await Task.Run(() => Prepare(taken, request, begin, cancellationToken), cancellationToken);
            return PreparedMount.Bind(storage.PathOf("builds/caches", taken, "fs"), request.IsReadOnly, () => uses.Release(taken));
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            uses.Release(taken);
            throw new EngineException(ErrorKind.Internal, $"the cache {PrintableText.Of(request.Id)} of a build's step cannot be used: {e.Message}", e);
        }
        catch
        {
            uses.Release(taken);
            throw;
        }
    }

    /// <summary>What tells caches apart, and the order in which a step with several has to open them, so that no two steps wait for each other.</summary>
    public static string NameOf(CacheRequest request) =>
        Digest.Of(Encoding.UTF8.GetBytes($"{request.Begin}\n{request.Mode}:{request.Uid}:{request.Gid}\n{request.Id}")).Hex;

    /// <summary>All caches, in no order. Reads the names and sizes of all that is in them.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public IReadOnlyList<CacheMountInfo> List()
    {
        List<CacheMountInfo> result = [];
        try
        {
            foreach (string path in Directory.EnumerateDirectories(storage.PathOf("builds/caches")))
            {
                string name = Path.GetFileName(path);
                CacheRecord record = ReadRecord(name) ?? new CacheRecord { Id = name };
                result.Add(new CacheMountInfo(name, record.Id, record.Created, record.LastUsed, SizeOf(name), uses.IsUsed(name)));
            }
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"the caches of builds cannot be listed: {e.Message}", e);
        }

        return result;
    }

    /// <summary>Removes a cache.</summary>
    /// <param name="name"><see cref="CacheMountInfo.Name"/>.</param>
    /// <returns>The bytes that went; null when a step has it, or there is none of the name.</returns>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public long? Remove(string name)
    {
        if (name.Length == 0 || name.Contains('/', StringComparison.Ordinal) || name is "." or ".." || !uses.TryTake(name))
        {
            return null;
        }

        try
        {
            using FileDescriptor all = Paths.OpenFolder(storage.PathOf("builds/caches"));
            long size = SizeOf(name);
            folders.Take(all, name);
            return size;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the cache {name} cannot be removed: {e.Message}", e);
        }
        finally
        {
            uses.Release(name);
        }
    }

    private long SizeOf(string name) => AllocatedSize.Of(storage.PathOf("builds/caches", name), CancellationToken.None);

    private void Prepare(string name, CacheRequest request, SelectedFiles? begin, CancellationToken cancellationToken)
    {
        lock (making)
        {
            if (!Directory.Exists(storage.PathOf("builds/caches", name, "fs")))
            {
                Make(name, request, begin, cancellationToken);
            }

            DateTimeOffset now = clock.GetUtcNow();
            CacheRecord record = (ReadRecord(name) ?? new CacheRecord { Id = request.Id, Created = now }) with { LastUsed = now };
            string path = storage.PathOf("builds/caches", name, "record");
            File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(record, CacheJsonContext.Default.CacheRecord));
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    private void Make(string name, CacheRequest request, SelectedFiles? begin, CancellationToken cancellationToken)
    {
        if (begin is not null && begin.Kind != "dir")
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the source of the cache {PrintableText.Of(request.Id)} is no folder");
        }

        using StepFolder folder = folders.Make();
        Paths.MakeFolder(folder.Folder, "cache"u8, Private);
        using (FileDescriptor cache = Paths.Open(folder.Folder, "cache"u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW))
        {
            if (begin is not null)
            {
                begin.WriteTo(cache, "fs", cancellationToken);
            }
            else
            {
                Paths.MakeFolder(cache, "fs"u8, Private);
                FileAttributeCalls.SetMode(cache, "fs"u8, 0x1ED);
            }

            using FileDescriptor top = Paths.Open(cache, "fs"u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW);
            FileAttributeCalls.SetOwner(top, request.Uid ?? uint.MaxValue, request.Gid ?? uint.MaxValue); // the largest number: as it is
            if (request.Mode is { } mode)
            {
                FileAttributeCalls.SetMode(top, mode);
            }
        }

        using FileDescriptor all = Paths.OpenFolder(storage.PathOf("builds/caches"));
        if (FileStatusCalls.TryStat(all, Encoding.ASCII.GetBytes(name), out _))
        {
            folders.Take(all, name); // without its folder: a power cut has taken it
        }

        Paths.Rename(folder.Folder, "cache"u8, all, Encoding.ASCII.GetBytes(name), noReplace: true);
    }

    private CacheRecord? ReadRecord(string name)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(storage.PathOf("builds/caches", name, "record")), CacheJsonContext.Default.CacheRecord);
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null; // cut off by a crash: what it says is for lists alone
        }
    }
}

/// <summary>What is kept beside a cache's files.</summary>
internal sealed record CacheRecord
{
    public string Id { get; init; } = "";

    public DateTimeOffset Created { get; init; }

    public DateTimeOffset LastUsed { get; init; }
}

[JsonSerializable(typeof(CacheRecord))]
internal sealed partial class CacheJsonContext : JsonSerializerContext;
