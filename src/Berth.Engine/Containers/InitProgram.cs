using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>
/// The program that is the first process of containers with an init: a copy of berth-runtime in the data root. It is bound into containers, read-only; what runs
/// outside of them is never the same file, whatever a container with CAP_SYS_ADMIN does to that mount. Safe for concurrent use.
/// </summary>
internal sealed class InitProgram(EngineOptions options)
{
    private const UnixFileMode ReadAndExecute =
        UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly Lock sync = new();
    private string? path;

    /// <summary>Its path. The copy is made with the first call of a daemon's life, so that it never outlives an update; containers that run keep the one that they have.</summary>
    /// <exception cref="EngineException">Internal: it cannot be written.</exception>
    public string GetPath()
    {
        lock (sync)
        {
            return path ??= Copy();
        }
    }

    private string Copy()
    {
        string result = Path.Combine(options.DataRoot, "docker-init"), beside = result + ".new";
        try
        {
            File.Delete(beside);
            File.Copy(options.RuntimePath, beside);
            File.SetUnixFileMode(beside, ReadAndExecute);
            File.Move(beside, result, overwrite: true);
            return result;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"the init of containers, {result}, cannot be written: {e.Message}", e);
        }
    }
}
