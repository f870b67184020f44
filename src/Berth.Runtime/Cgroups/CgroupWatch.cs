using Berth.Linux;
using Berth.Linux.Events;

namespace Berth.Runtime.Cgroups;

/// <summary>How scarce memory has to be before a watch tells.</summary>
public enum MemoryPressureLevel
{
    /// <summary>v1: memory is being reclaimed. v2: some member waited for memory 5 % of a second.</summary>
    Low,

    /// <summary>v1: members swap or lose their file pages. v2: 15 %.</summary>
    Medium,

    /// <summary>v1: the kernel is about to kill. v2: all members waited at once 15 % of a second.</summary>
    Critical,
}

/// <summary>A watch on a cgroup, for an event loop. Disposing ends it.</summary>
public sealed class CgroupWatch : IDisposable
{
    private readonly Func<long> read;
    private readonly FileDescriptor[] others;

    internal CgroupWatch(FileDescriptor descriptor, PollEvents events, Func<long> read, params FileDescriptor[] others)
    {
        Descriptor = descriptor;
        Events = events;
        this.read = read;
        this.others = others;
    }

    /// <summary>To be polled; owned by the watch.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>What to poll it for: <see cref="PollEvents.In"/> or <see cref="PollEvents.Priority"/>.</summary>
    public PollEvents Events { get; }

    /// <summary>
    /// How often it has happened since the last call; 0 when nothing did, also when the descriptor told (a cgroup's end does). Does not wait.
    /// </summary>
    /// <exception cref="LinuxException">The kernel's files could not be read.</exception>
    public long Read() => read();

    /// <inheritdoc/>
    public void Dispose()
    {
        Descriptor.Dispose();
        foreach (FileDescriptor other in others)
            other.Dispose();
    }
}
