using Berth.Daemon.Options;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Storage;

namespace Berth.Daemon;

/// <summary>The end of an installation: what a root's networks have in the kernel goes; a daemon that ends leaves it, so that containers run on.</summary>
internal static class Purge
{
    /// <summary>Removes links, rules and the exception among iptables', and tells each; data stay.</summary>
    /// <exception cref="EngineException">Conflict: a daemon runs on that root; Internal: the kernel refused.</exception>
    public static void Run(DaemonOptions options, TextWriter output)
    {
        // A root that is gone has no daemon, and may have links all the same.
        using StorageRoot? root = Directory.Exists(options.DataRoot) ? StorageRoot.Open(options.DataRoot) : null;
        using var kernel = new HostNetwork(options.Kernel);
        IReadOnlyList<string> removed = kernel.Purge();
        foreach (string what in removed)
        {
            output.WriteLine("removed " + what);
        }

        if (removed.Count == 0)
        {
            output.WriteLine($"nothing to remove: the networks of {options.DataRoot} have nothing in the kernel");
        }
    }
}
