using Berth.Linux;
using Berth.Linux.Netlink;

namespace Berth.Network.Drivers;

/// <summary>
/// Removes links while nobody waits: for a bridge the kernel needs 40 to 50 ms, until no processor can see it any more. One after the other, on a thread that is there as
/// long as there is one to remove. Disposing waits for all of them. Safe for concurrent use.
/// </summary>
internal sealed class LinkRemovals(HostNetworkOptions options) : IDisposable
{
    private readonly Lock sync = new();
    private readonly LinkedList<Removal> waiting = [];
    private readonly Dictionary<string, Removal> underWay = new(StringComparer.Ordinal); // those that wait, and the one that is being done
    private bool hasThread;

    /// <summary>Begins to remove a link. What the kernel refuses is reported: the next daemon tries it again, as for any link of ours that has no record.</summary>
    public void Begin(LinkInfo link)
    {
        lock (sync)
        {
            var removal = new Removal(link);
            waiting.AddLast(removal);
            underWay[link.Name] = removal;
            if (hasThread)
            {
                return;
            }

            hasThread = true;
        }

        try
        {
            new Thread(RemoveAll) { Name = "link removal", IsBackground = true }.Start();
        }
        catch (OutOfMemoryException)
        {
            RemoveAll(); // the system has no thread left: who asked waits
        }
    }

    /// <summary>Returns when no link of this name is about to be removed. It comes before others that wait.</summary>
    public void WaitFor(string name)
    {
        Removal? removal;
        lock (sync)
        {
            if (underWay.TryGetValue(name, out removal) && waiting.Remove(removal))
            {
                waiting.AddFirst(removal);
            }
        }

        removal?.Done.Task.Wait();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task[] left;
        lock (sync)
        {
            left = [.. underWay.Values.Select(static removal => removal.Done.Task)];
        }

        Task.WaitAll(left);
    }

    private void RemoveAll()
    {
        while (true)
        {
            Removal removal;
            lock (sync)
            {
                if (waiting.First is not { } next)
                {
                    hasThread = false;
                    return;
                }

                removal = next.Value;
                waiting.RemoveFirst();
            }

            Remove(removal.Link);
            lock (sync)
            {
                if (underWay.GetValueOrDefault(removal.Link.Name) == removal)
                {
                    underWay.Remove(removal.Link.Name);
                }
            }

            removal.Done.SetResult();
        }
    }

    private void Remove(LinkInfo link)
    {
        try
        {
            using NetlinkSocket route = HostLinks.Open(options, NetlinkFamily.NETLINK_ROUTE); // that of others would wait with it
            Links.Delete(route, link.Index);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // Somebody else was faster.
        }
#pragma warning disable CA1031 // Nothing may end this thread: the daemon would end with it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            options.Report?.Invoke($"the link {link.Name} of a network that was removed stays until the daemon starts again: {e.Message}");
        }
    }

    private sealed class Removal(LinkInfo link)
    {
        public LinkInfo Link => link;
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
