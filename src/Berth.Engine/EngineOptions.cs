using Berth.Model;

namespace Berth.Engine;

/// <summary>Where an engine keeps things and what it runs.</summary>
public sealed record EngineOptions
{
    private const int MaxSocketPath = 107;
    private const int SocketNameLength = 45;

    /// <summary>Absolute folder that survives reboots.</summary>
    public string DataRoot { get; init; } = "/var/lib/berth";

    /// <summary>Absolute folder that may vanish at a reboot; short, since unix socket paths end at 107 bytes.</summary>
    public string ExecRoot { get; init; } = "/run/berth";

    /// <summary>The berth-runtime executable.</summary>
    public required string RuntimePath { get; init; }

    /// <summary>Whether containers that say nothing about it have an init.</summary>
    public bool Init { get; init; }

    /// <summary>The folder of the bundles of running containers.</summary>
    public string BundlesFolder => Path.Combine(ExecRoot, "bundles");

    /// <summary>The folder of the shims' sockets.</summary>
    public string ShimsFolder => Path.Combine(ExecRoot, "shims");

    /// <summary>The bundle of a container.</summary>
    public string Bundle(ContainerId id) => Path.Combine(BundlesFolder, id.ToString());

    /// <summary>The socket of a container's shim.</summary>
    public string ShimSocket(ContainerId id) => Path.Combine(ShimsFolder, id.ToString()[..32] + ".sock");

    /// <summary>Checks every value.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> naming the value and what is wanted.</exception>
    public void Validate()
    {
        if (!Path.IsPathRooted(DataRoot))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"data root \"{DataRoot}\" must be an absolute path");
        }

        if (!Path.IsPathRooted(ExecRoot) || ExecRoot.Length + SocketNameLength > MaxSocketPath)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"exec root \"{ExecRoot}\" must be an absolute path of at most {MaxSocketPath - SocketNameLength} characters");
        }

        if (!File.Exists(RuntimePath))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the runtime \"{RuntimePath}\" does not exist; berth-runtime is looked for beside berthd");
        }
    }
}
