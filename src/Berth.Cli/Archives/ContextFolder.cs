using System.Text;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Cli.Archives;

/// <summary>A build's folder, and where its Dockerfile lies.</summary>
/// <param name="Folder">The folder without links.</param>
/// <param name="Dockerfile">The Dockerfile relative to it, with two dots in front if it lies outside; null where it comes from elsewhere.</param>
internal sealed record ContextFolder(string Folder, string? Dockerfile)
{
    private const string DefaultName = "Dockerfile";

    /// <summary>Whether the Dockerfile is none of the folder's files.</summary>
    public bool IsOutside => Dockerfile is not null && Dockerfile.StartsWith("../", StringComparison.Ordinal);

    /// <summary>Resolves what a command line names.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="dockerfile">A path relative to <paramref name="from"/>; empty for the folder's own, null where it comes from elsewhere.</param>
    /// <param name="from">Where a relative path begins.</param>
    /// <exception cref="CommandFailedException">One of them is not there, in docker's words.</exception>
    public static ContextFolder Resolve(string folder, string? dockerfile, string from)
    {
        string root = RealPath(GoPath.Clean(Path.Combine(Environment.CurrentDirectory, folder)), "context path");
        if (!Stat(root)!.Value.IsFolder) // was there a moment ago; gone now, it is an error as well
            throw Failed($"context must be a directory: {root}");

        if (dockerfile is null)
            return new ContextFolder(root, null);

        string path = dockerfile.Length > 0 ? GoPath.Clean(Path.Combine(from, dockerfile)) : Path.Combine(root, DefaultName);
        if (dockerfile.Length == 0 && Stat(path) is null && Stat(Path.Combine(root, "dockerfile")) is not null)
            path = Path.Combine(root, "dockerfile");

        return new ContextFolder(root, Path.GetRelativePath(root, RealPath(path, "Dockerfile path")));
    }

    /// <summary>The failure that a build cannot begin for.</summary>
    public static CommandFailedException Failed(string reason) => new("unable to prepare context: " + reason, exitCode: 1);

    private static string RealPath(string path, string what)
    {
        try
        {
            using FileDescriptor file = Paths.Open(path, OpenFlags.O_PATH);
            return Encoding.UTF8.GetString(Paths.ReadLink(Paths.WorkingFolder, Encoding.ASCII.GetBytes(Paths.OfDescriptor(file))));
        }
        catch (LinuxException exception)
        {
            string reason = exception.Errno == Errno.ENOENT ? $"lstat {FirstMissing(path)}: no such file or directory" : exception.Message;
            throw Failed($"unable to evaluate symlinks in {what}: {reason}");
        }
    }

    private static string FirstMissing(string path)
    {
        for (int slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            if (Stat(path[..slash]) is null)
                return path[..slash];
        }

        return path;
    }

    private static FileStatus? Stat(string path) =>
        FileStatusCalls.TryStat(Paths.WorkingFolder, Encoding.UTF8.GetBytes(path), out FileStatus status) ? status : null;
}
