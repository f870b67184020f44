using Berth.Storage.Content;
using Berth.Storage.Usage;

namespace Berth.Storage.Check;

/// <summary>What unfinished downloads left in <c>content/partial</c> for a later attempt.</summary>
public static class PartialDownloads
{
    private const string Folder = "content/partial";

    /// <summary>How long one may wait for its pull to be repeated.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromDays(7);

    /// <summary>Removes those that nobody is going on with at this moment; a later attempt begins anew. Synchronous.</summary>
    /// <param name="root">The data root, which is this process's.</param>
    /// <param name="content">Its blobs: the store whose writers go on with downloads.</param>
    /// <returns>Bytes on the disk that came back.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static long RemoveUnused(StorageRoot root, ContentStore content) => Remove(root, content, static _ => false);

    /// <summary>The same of those alone that nobody has gone on with for <see cref="LongestWait"/>.</summary>
    /// <inheritdoc cref="RemoveUnused"/>
    public static long RemoveOld(StorageRoot root, ContentStore content, DateTimeOffset now) => Remove(root, content, path => now.UtcDateTime - File.GetLastWriteTimeUtc(path) <= LongestWait);

    private static long Remove(StorageRoot root, ContentStore content, Func<string, bool> stays)
    {
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(root.PathOf(Folder)).Where(path => !stays(path)).ToList())
        {
            long size = AllocatedSize.Of(path, CancellationToken.None);
            bytes += content.TryDeletePartial(Path.GetFileName(path), () => stays(path)) ? size : 0;
        }

        return bytes;
    }
}
