using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Cli.Archives;

/// <summary>One end of a copy: a path, and what is there.</summary>
/// <param name="Path">Its end says whether a folder or what is in it is meant.</param>
/// <param name="Exists">Whether anything is there.</param>
/// <param name="IsFolder">Whether that is a folder.</param>
/// <param name="Name">The name that the user gave when a link was followed to another one.</param>
internal sealed record CopyEnd(string Path, bool Exists, bool IsFolder, string? Name = null)
{
    private const int MaximumLinks = 10;

    /// <summary>A local source. Links on the way are followed; the last part only with <paramref name="followLink"/>.</summary>
    public static CopyEnd LocalSource(string path, bool followLink)
    {
        (string resolved, string? name) = followLink ? GoPath.Rebase(path, RealPath(path)) : ResolveFolder(path);
        FileStatus status = Stat(resolved) ?? throw Missing("lstat", resolved);
        return new CopyEnd(resolved, Exists: true, status.IsFolder, name);
    }

    /// <summary>A local target. A link there is followed; of a target that does not exist the folder has to.</summary>
    public static CopyEnd LocalTarget(string path)
    {
        string original = path;
        FileStatus? status = Stat(path);
        for (int links = 0; status is { Type: FileTypes.S_IFLNK }; links++)
        {
            if (links > MaximumLinks)
                throw new CommandFailedException($"too many symlinks in \"{original}\"", exitCode: 1);

            string target = Encoding.UTF8.GetString(Paths.ReadLink(Paths.WorkingFolder, Encoding.UTF8.GetBytes(path)));
            path = target.StartsWith('/') ? target : GoPath.Join(GoPath.Split(path).Folder, target);
            status = Stat(path);
        }

        if (status is { } there)
            return new CopyEnd(path, Exists: true, there.IsFolder);

        string folder = GoPath.Split(path).Folder;
        if (!Directory.Exists(folder))
            throw File.Exists(folder) ? new CommandFailedException("not a directory", exitCode: 1) : Missing("stat", folder);

        return new CopyEnd(path, Exists: false, IsFolder: false);
    }

    /// <summary>An absolute local path with the end that was given.</summary>
    public static string Absolute(string path) => GoPath.KeepEnd(GoPath.Clean(path.StartsWith('/') ? path : Environment.CurrentDirectory + "/" + path), path);

    private static (string Path, string? Name) ResolveFolder(string path)
    {
        int slash = path.LastIndexOf('/');
        string folder = slash <= 0 ? "/" : RealPath(path[..slash]);
        string resolved = (folder == "/" ? "" : folder) + "/" + path[(slash + 1)..];
        return (resolved, path.EndsWith('/') && GoPath.Base(path) != GoPath.Base(resolved) ? GoPath.Base(path) : null);
    }

    /// <summary>The path without links.</summary>
    private static string RealPath(string path)
    {
        try
        {
            using FileDescriptor file = Paths.Open(path, OpenFlags.O_PATH);
            return Encoding.UTF8.GetString(Paths.ReadLink(Paths.WorkingFolder, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}"))));
        }
        catch (LinuxException exception) when (exception.Errno == Errno.ENOENT)
        {
            throw Missing("lstat", path.Length > 1 ? path.TrimEnd('/') : path);
        }
    }

    /// <summary>What is at a path; a link counts as itself unless the path ends in a slash.</summary>
    private static FileStatus? Stat(string path) =>
        FileStatusCalls.TryStat(Paths.WorkingFolder, Encoding.UTF8.GetBytes(path), out FileStatus status) ? status : null;

    private static CommandFailedException Missing(string call, string path) => new($"{call} {path}: no such file or directory", exitCode: 1);
}

/// <summary>Into which folder an archive is unpacked, and what its first name becomes there (null where it stays).</summary>
internal sealed record CopyPlan(string Folder, string? Name)
{
    /// <summary>docker's rules: into an existing folder, over an existing file, or under a new name.</summary>
    /// <exception cref="CommandFailedException">A folder over a file, or a target that must be a folder and does not exist.</exception>
    public static CopyPlan Make(CopyEnd source, CopyEnd target)
    {
        if (target is { Exists: true, IsFolder: true })
            return new CopyPlan(target.Path, null);

        if (target.Exists && source.IsFolder)
            throw new CommandFailedException("cannot copy directory", exitCode: 1);

        if (!target.Exists && !source.IsFolder && GoPath.NamesFolder(target.Path))
            throw new CommandFailedException("no such directory", exitCode: 1);

        (string folder, string name) = GoPath.Split(target.Path);
        return new CopyPlan(folder, name);
    }
}
