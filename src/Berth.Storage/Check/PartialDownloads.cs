using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Usage;

namespace Berth.Storage.Check;

/// <summary>What unfinished downloads left in <c>content/partial</c> for a later attempt.</summary>
public static class PartialDownloads
{
    private const string Folder = "content/partial";

    /// <summary>Removes those that nobody is going on with at this moment; a later attempt begins anew. Synchronous.</summary>
    /// <param name="root">The data root, which is this process's.</param>
    /// <returns>Bytes on the disk that came back.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static long RemoveUnused(StorageRoot root)
    {
        using FileDescriptor folder = Paths.OpenFolder(root.PathOf(Folder));
        IReadOnlySet<string> used = NamesInUse(root);
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(root.PathOf(Folder)).Where(path => !used.Contains(Path.GetFileName(path))).ToList())
        {
            bytes += AllocatedSize.Of(path, CancellationToken.None);
            FolderTree.Delete(folder, System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path)));
        }

        return bytes;
    }

    /// <summary>Those that are being written, or read before they are gone on with: this process, the root's only one, has them open.</summary>
    internal static IReadOnlySet<string> NamesInUse(StorageRoot root)
    {
        string prefix = root.PathOf(Folder) + "/";
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (string descriptor in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            try
            {
                if (new FileInfo(descriptor).LinkTarget is { } target && target.StartsWith(prefix, StringComparison.Ordinal))
                {
                    names.Add(target[prefix.Length..]);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Closed in between.
            }
        }

        return names;
    }
}
