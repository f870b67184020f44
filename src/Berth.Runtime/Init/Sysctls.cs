using Berth.Linux;

namespace Berth.Runtime.Init;

/// <summary>Which kernel settings a container may have of its own: those that its new namespaces carry (docker's and the OCI runtimes' list).</summary>
internal static class Sysctls
{
    private static readonly string[] IpcKeys =
        ["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"];

    /// <summary>The file of a setting, from the root of proc.</summary>
    /// <exception cref="ArgumentException">It is not the container's own: setting it would change the host.</exception>
    public static string PathOf(string key, NamespaceFlags ownNamespaces)
    {
        // Both "net.ipv4.conf.eth0/1.x" and the form with slashes exist: the first separator decides, as in sysctl(8).
        int separator = key.AsSpan().IndexOfAny('.', '/');
        string dotted = separator > 0 && key[separator] == '/' ? Swap(key) : key;
        bool own = IpcKeys.Contains(dotted) || dotted.StartsWith("fs.mqueue.", StringComparison.Ordinal)
            ? ownNamespaces.HasFlag(NamespaceFlags.CLONE_NEWIPC)
            : dotted.StartsWith("net.", StringComparison.Ordinal)
                ? ownNamespaces.HasFlag(NamespaceFlags.CLONE_NEWNET)
                : dotted is "kernel.domainname" && ownNamespaces.HasFlag(NamespaceFlags.CLONE_NEWUTS);
        if (dotted is "kernel.hostname")
            throw new ArgumentException($"sysctl \"{key}\" is not allowed, as it conflicts with the \"hostname\" field");
        string path = Swap(dotted);
        if (!own || path.Split('/').Any(static part => part is "" or "." or ".."))
            throw new ArgumentException($"sysctl \"{key}\" is not in a separate kernel namespace");
        return "sys/" + path;
    }

    private static string Swap(string key) => string.Create(key.Length, key, static (span, text) =>
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = text[i] switch { '.' => '/', '/' => '.', char c => c };
    });
}
