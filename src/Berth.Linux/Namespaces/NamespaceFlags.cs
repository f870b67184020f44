namespace Berth.Linux;

/// <summary>Kinds of namespaces by the flags of clone(2), namespaces(7).</summary>
[Flags]
public enum NamespaceFlags : uint
{
    None = 0,

    /// <summary>For unshare(2) and setns(2) only: clone(2) has no room for it.</summary>
    CLONE_NEWTIME = 0x80,

    CLONE_NEWNS = 0x20000,
    CLONE_NEWCGROUP = 0x02000000,
    CLONE_NEWUTS = 0x04000000,
    CLONE_NEWIPC = 0x08000000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWPID = 0x20000000,
    CLONE_NEWNET = 0x40000000,
}
