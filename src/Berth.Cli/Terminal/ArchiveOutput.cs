using Berth.Cli.Flags;
using Berth.Client;
using Berth.Linux.Terminal;

namespace Berth.Cli.Terminal;

/// <summary>Where <c>export</c> and <c>save</c> put their archive: stdout, or a file that appears under its name only when it is complete.</summary>
internal sealed class ArchiveOutput : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly Stream stream;
    private readonly string? path;
    private readonly string? temporary;

    private ArchiveOutput(Stream stream, string? path, string? temporary)
    {
        this.stream = stream;
        this.path = path;
        this.temporary = temporary;
    }

    /// <summary>Writes an archive there, see <see cref="Open"/>; the exit status.</summary>
    public static async Task<int> ReceiveAsync(CliContext context, string path, string failure, Func<Task<ResponseStream>> request)
    {
        using ArchiveOutput target = Open(context, path, failure);
        using ResponseStream archive = await request();
        target.CopyFrom(archive);
        return 0;
    }

    /// <summary>Opens the target before anything is asked of the daemon; nothing is written yet.</summary>
    /// <param name="path">A file, or empty for stdout.</param>
    /// <param name="failure">What the error begins with.</param>
    /// <exception cref="CommandFailedException">It cannot be written, or stdout is a terminal.</exception>
    public static ArchiveOutput Open(CliContext context, string path, string failure)
    {
        if (path.Length == 0)
        {
            return LocalTerminal.IsTerminal(1)
                ? throw new CommandFailedException("cowardly refusing to save to a terminal. Use the -o flag or redirect", exitCode: 1)
                : new ArchiveOutput(context.Out.Bytes, null, null);
        }

        if (Problem(path) is { } problem)
            throw new CommandFailedException($"{failure}: {problem}", exitCode: 1);

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!; // not the root, which is a folder
        string hidden = Path.Combine(folder, $".berth-{Path.GetRandomFileName()}");
        try
        {
            var file = new FileStream(hidden, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            return new ArchiveOutput(file, path, hidden);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{failure}: open {path}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    /// <summary>Copies everything and gives the file its name.</summary>
    public void CopyFrom(ResponseStream archive)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        int count;
        while ((count = archive.Read(buffer)) > 0)
            Write(buffer.AsSpan(0, count));

        if (path is null)
            return;

        stream.Dispose();
        File.Move(temporary!, path, overwrite: true); // both are set or neither
    }

    public void Dispose()
    {
        if (temporary is null)
            return;

        stream.Dispose();
        File.Delete(temporary); // nothing is there when it was moved
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
        }
        catch (IOException exception) when (path is not null)
        {
            throw new CommandFailedException($"write {path}: {exception.Message}", exitCode: 1);
        }
    }

    /// <summary>Why a path cannot become the file; null when it can.</summary>
    private static string? Problem(string path)
    {
        string? folder = Path.GetDirectoryName(path.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : path);
        if (!string.IsNullOrEmpty(folder) && !Directory.Exists(folder))
            return $"invalid output path: stat {folder}: no such file or directory";

        if (Directory.Exists(path))
            return "cannot write to a directory";

        return File.Exists(path) && !File.GetAttributes(path).HasFlag(FileAttributes.ReparsePoint) && IsDevice(path) ? "cannot write to a character device file" : null;
    }

    private static bool IsDevice(string path) =>
        (Linux.Files.FileStatusCalls.Stat(Linux.Files.Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(path)).Type & Linux.Files.FileTypes.S_IFMT) == Linux.Files.FileTypes.S_IFCHR;
}
