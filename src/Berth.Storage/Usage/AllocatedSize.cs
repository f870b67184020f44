using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Layers.Trees;

namespace Berth.Storage.Usage;

/// <summary>What something occupies on the disk.</summary>
internal static class AllocatedSize
{
    /// <summary>Bytes of the blocks of a file, or of a folder with all that it holds, hard links once; 0 for what is not there (any more).</summary>
    public static long Of(string path, CancellationToken cancellationToken)
    {
        try
        {
            if (!FileDetailsCalls.TryGet(Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(path), out FileDetails details) || !details.Status.IsFolder)
            {
                return details.AllocatedBytes;
            }

            using SizeWalk walk = new(path, cancellationToken);
            return walk.Run();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return 0;
        }
    }
}
