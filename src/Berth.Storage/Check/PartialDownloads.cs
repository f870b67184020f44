using Berth.Storage.Content;
using Berth.Storage.Usage;

namespace Berth.Storage.Check;

/// <summary>What unfinished downloads left in <c>content/partial</c> for a later attempt.</summary>
public static class PartialDownloads
{
    private const string Folder = "content/partial";

    /// <summary>Removes those that nobody is going on with at this moment; a later attempt begins anew. Synchronous.</summary>
    /// <param name="root">The data root, which is this process's.</param>
    /// <param name="content">Its blobs: the store whose writers go on with downloads.</param>
    /// <returns>Bytes on the disk that came back.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static long RemoveUnused(StorageRoot root, ContentStore content)
    {
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(root.PathOf(Folder)).ToList())
        {
            long size = AllocatedSize.Of(path, CancellationToken.None);
            bytes += content.TryDeletePartial(Path.GetFileName(path)) ? size : 0;
        }

        return bytes;
    }
}
