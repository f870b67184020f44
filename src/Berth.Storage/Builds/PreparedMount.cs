using System.Globalization;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Builds;

/// <summary>A mount that a step can have now: what its source needs is there until this is disposed. The runtime performs it.</summary>
public sealed class PreparedMount : IDisposable
{
    private Action? release;

    internal PreparedMount(Mount mount, Action release)
    {
        Mount = mount;
        this.release = release;
    }

    /// <summary>The mount; its destination is empty, as the step's business.</summary>
    public Mount Mount { get; }

    /// <summary>Memory.</summary>
    /// <param name="size">Bytes that it may take; null for no limit of its own.</param>
    /// <param name="isReadOnly">Whether nothing can be written.</param>
    public static PreparedMount Memory(long? size, bool isReadOnly)
    {
        List<string> options = ["nosuid"];
        if (size is { } bytes)
        {
            options.Add(string.Create(CultureInfo.InvariantCulture, $"size={bytes}"));
        }

        if (isReadOnly)
        {
            options.Add("ro");
        }

        return new PreparedMount(new Mount("tmpfs", "tmpfs", "", options), static () => { });
    }

    /// <summary>A read-only file whose content is in memory alone: no path of the host leads to it, and it is on no disk.</summary>
    /// <param name="content">Its bytes.</param>
    /// <param name="mode">Its permissions.</param>
    /// <param name="uid">Its owner.</param>
    /// <param name="gid">Its group.</param>
    /// <exception cref="EngineException">Internal: the kernel refuses.</exception>
    public static PreparedMount File(ReadOnlySpan<byte> content, uint mode, uint uid, uint gid)
    {
        FileDescriptor? file = null;
        try
        {
            file = MemoryFile.Create("berth-step");
            FileData.Write(file, content);
            FileAttributeCalls.SetOwner(file, uid, gid);
            FileAttributeCalls.SetMode(file, mode);
            FileDescriptor held = file;
            return new PreparedMount(new Mount("bind", PathOf(held), "", ["bind", "rprivate", "ro", "nosuid", "nodev"]), held.Dispose);
        }
        catch (LinuxException e)
        {
            file?.Dispose();
            throw new EngineException(ErrorKind.Internal, $"a file in memory for a build's step cannot be made: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();

    internal static PreparedMount Bind(string source, bool isReadOnly, Action release) =>
        new(new Mount("bind", source, "", isReadOnly ? ["rbind", "rprivate", "rro", "nodev"] : ["rbind", "rprivate", "nodev"]), release);

    private static string PathOf(FileDescriptor file) => Paths.OfProcess(Environment.ProcessId, string.Create(CultureInfo.InvariantCulture, $"fd/{file.Number}"));
}
