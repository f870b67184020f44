using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Terminal;

namespace Berth.Runtime.Init;

/// <summary>Opens a pseudo terminal of a running container's devpts.</summary>
internal static class ContainerTerminal
{
    private const uint PtmxMajor = 5, PtmxMinor = 2;

    /// <summary>Opens <c>/dev/pts/ptmx</c>, after making sure that it is one: the container may have put anything there.</summary>
    /// <exception cref="LinuxException">Not there.</exception>
    /// <exception cref="InvalidDataException">Something else is there.</exception>
    public static PseudoTerminal Open(FileDescriptor root)
    {
        using FileDescriptor pinned = Paths.Open(
            root, "dev/pts/ptmx"u8, OpenFlags.O_PATH, resolve: ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS | ResolveFlags.RESOLVE_NO_SYMLINKS);
        FileStatus status = FileStatusCalls.Stat(pinned);
        if (status.Type != FileTypes.S_IFCHR || status.DeviceMajor != PtmxMajor || status.DeviceMinor != PtmxMinor
            || FileSystemKind.Of(pinned) != FileSystemKind.DEVPTS_SUPER_MAGIC)
            throw new InvalidDataException("/dev/pts/ptmx in the container is not the multiplexer of a devpts");
        return PseudoTerminal.Open(ProcFiles.Reopen(pinned, OpenFlags.O_RDWR | OpenFlags.O_NOCTTY));
    }
}
