using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Shims;

/// <summary>What a shim must know besides the OCI configuration; <c>shim.json</c> of a bundle, written by the engine before Prepare.</summary>
public sealed record ShimConfig
{
    /// <summary>The name of the file in the bundle.</summary>
    public const string FileName = "shim.json";

    /// <summary>The container's id.</summary>
    public required string Id { get; init; }

    /// <summary>False: the process reads the null device. Without meaning for a terminal's output.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>Whether the end of the first attached input closes the process's standard input.</summary>
    public bool StdinOnce { get; init; }

    /// <summary>docker's <c>user[:group]</c>, looked up inside the root file system; null: the OCI configuration's numbers.</summary>
    public string? User { get; init; }

    /// <summary>Whether the OCI configuration's process is the engine's own init, see <see cref="Host.ContainerStart.HasInit"/>.</summary>
    public bool HasInit { get; init; }

    /// <summary>The root file system's mounts; empty: the folder named by the OCI configuration as it is.</summary>
    public IReadOnlyList<Mount> RootfsMounts { get; init; } = [];

    /// <summary>
    /// A file with variables of the process besides those of the OCI configuration, <c>NAME=value</c> and a zero byte each, that may not be in a file on a disk: one in memory, named
    /// by a path in /proc, read at Prepare. Null: there are none.
    /// </summary>
    public string? EnvironmentFile { get; init; }

    /// <summary>The log in docker's json-file format; null: none is kept.</summary>
    public string? LogPath { get; init; }

    /// <summary>The most bytes that <see cref="LogAttributes"/> may take as JSON.</summary>
    public const int LogAttributesLimit = 64 * 1024;

    /// <summary>What every record of the log carries as <c>attrs</c>; null or empty for nothing.</summary>
    public IReadOnlyDictionary<string, string>? LogAttributes { get; init; }

    /// <summary>A log file that has reached this many bytes is rotated at the end of the record; 0 or less: never.</summary>
    public long LogMaxBytes { get; init; } = 10_000_000;

    /// <summary>How many files a log has in total (<c>x</c>, <c>x.1</c>, ...); at least 1.</summary>
    public int LogMaxFiles { get; init; } = 3;

    /// <summary>Where the exit status is written durably, see <see cref="ExitStatusFile"/>.</summary>
    public required string ExitFile { get; init; }

    /// <summary>The shim's socket; at most 107 bytes, in a folder that only the engine's user can enter.</summary>
    public required string SocketPath { get; init; }
}

/// <summary>A process to add to a running container.</summary>
public sealed record ExecConfig
{
    /// <summary>The process; <see cref="ProcessSpec.Terminal"/> asks for a terminal.</summary>
    public required ProcessSpec Process { get; init; }

    /// <summary>docker's <c>user[:group]</c>; null: the process's numbers.</summary>
    public string? User { get; init; }

    /// <summary>False: the process reads the null device. The end of its first attached input always closes its standard input.</summary>
    public bool OpenStdin { get; init; }
}

/// <summary>What a shim knows about its container.</summary>
public sealed record ShimState
{
    /// <summary>The container's id; empty while the shim is idle.</summary>
    public required string Id { get; init; }

    /// <summary>The first process's id in the host's numbering; 0 before the start.</summary>
    public int Pid { get; init; }

    /// <summary>When the process was started; null before that.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How it ended; null while it has not.</summary>
    public ExitStatus? Exit { get; init; }

    /// <summary>The exec sessions that exist: all that have not ended, and the last hundred that have.</summary>
    public IReadOnlyList<ExecState> Execs { get; init; } = [];

    /// <summary>The last failure to write the log, and what was lost by it; null when nothing was.</summary>
    public string? LogError { get; init; }
}

/// <summary>What a shim knows about an exec session.</summary>
/// <param name="Id">The session's id.</param>
/// <param name="Config">What was asked.</param>
/// <param name="Pid">The process's id in the host's numbering; 0 before its start.</param>
/// <param name="Running">Whether it was started and has not ended.</param>
/// <param name="Exit">How it ended; null while it has not.</param>
public sealed record ExecState(string Id, ExecConfig Config, int Pid, bool Running, ExitStatus? Exit);

/// <summary>JSON of the shim's files and messages.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ShimConfig))]
[JsonSerializable(typeof(ExecConfig))]
[JsonSerializable(typeof(ShimState))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
public sealed partial class ShimJsonContext : JsonSerializerContext;
