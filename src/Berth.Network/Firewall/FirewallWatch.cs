using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Files;
using Berth.Linux.Netlink;
using Berth.Linux.Processes;

namespace Berth.Network.Firewall;

/// <summary>Calls, on a thread of its own, when somebody else has changed rules that matter; not for changes that were made by our own socket.</summary>
internal sealed class FirewallWatch : IDisposable
{
    // Two programs that undo each other's work shall not do so all the time.
    private const int PauseMilliseconds = 200;
    private readonly NetlinkMonitor monitor;
    private readonly FileDescriptor stop = EventCounter.Create();
    private readonly uint own;
    private readonly Func<NftEvent, bool> matters;
    private readonly Action changed;
    private readonly Thread thread;
    private bool isDisposed;

    /// <param name="monitor">Of the ruleset, in the namespace of the rules; disposed with this.</param>
    /// <param name="own">The port of the socket whose changes do not count.</param>
    /// <param name="matters">Whether a change does.</param>
    /// <param name="changed">What to do then. It looks itself what is the case, and throws nothing.</param>
    public FirewallWatch(NetlinkMonitor monitor, uint own, Func<NftEvent, bool> matters, Action changed)
    {
        this.monitor = monitor;
        this.own = own;
        this.matters = matters;
        this.changed = changed;
        thread = new Thread(Run) { IsBackground = true, Name = "firewall" };
        thread.Start();
    }

    /// <summary>Ends the thread, and waits for it; not while holding what its call needs.</summary>
    public void Dispose()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        Span<byte> one = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(one, 1ul);
        FileData.Write(stop, one);
        thread.Join();
        stop.Dispose();
        monitor.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            (_, bool isOver) = DescriptorPoll.WaitReadable(monitor.Descriptor.Number, stop.Number, -1);
            if (isOver)
            {
                return;
            }

            if (!HasChanged())
            {
                continue;
            }

            changed();
            if (DescriptorPoll.WaitReadable(stop.Number, -1, PauseMilliseconds).First)
            {
                return;
            }
        }
    }

    private bool HasChanged()
    {
        try
        {
            return monitor.Read().Any(Matters);
        }
        catch (LinuxException)
        {
            // What was told is lost: as if everything had changed.
            return true;
        }
    }

    private bool Matters(NetlinkEvent told) => told is EventsLost || (told is NftEvent change && change.Origin != own && matters(change));
}
