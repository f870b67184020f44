using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>
/// Removes links while nobody waits: for a bridge the kernel needs 40 to 50 ms, until no processor can see it any more. One after the other, on a thread that is there as
/// long as there is one to remove. Disposing waits for all of them. Safe for concurrent use.
/// </summary>
internal sealed class LinkRemovals(HostNetworkOptions options) : IDisposable
{
    private readonly Lock sync = new();
    private readonly Queue<(LinkInfo Link, TaskCompletionSource Done)> waiting = new();
    private readonly Dictionary<string, Task> underWay = new(StringComparer.Ordinal);
    private bool hasThread;

    /// <summary>Begins to remove a link. What the kernel refuses is reported: the next daemon tries it again, as for any link of ours that has no record.</summary>
    public void Begin(LinkInfo link)
    {
        var done = new TaskCompletionSource();
        lock (sync)
        {
            waiting.Enqueue((link, done));
            underWay[link.Name] = done.Task;
            if (hasThread)
            {
                return;
            }

            hasThread = true;
        }

        new Thread(RemoveAll) { Name = "link removal", IsBackground = true }.Start();
    }

    /// <summary>Returns when no link of this name is about to be removed.</summary>
    public void WaitFor(string name)
    {
        Task? removal;
        lock (sync)
        {
            removal = underWay.GetValueOrDefault(name);
        }

        removal?.Wait();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task[] left;
        lock (sync)
        {
            left = [.. underWay.Values];
        }

        Task.WaitAll(left);
    }

    private void RemoveAll()
    {
        while (true)
        {
            LinkInfo link;
            TaskCompletionSource done;
            lock (sync)
            {
                if (!waiting.TryDequeue(out (LinkInfo Link, TaskCompletionSource Done) next))
                {
                    hasThread = false;
                    return;
                }

                (link, done) = next;
            }

            Remove(link);
            lock (sync)
            {
                if (underWay.GetValueOrDefault(link.Name) == done.Task)
                {
                    underWay.Remove(link.Name);
                }
            }

            done.SetResult();
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
        catch (Exception e) when (e is LinuxException or EngineException)
        {
            options.Report?.Invoke($"the link {link.Name} of a network that was removed stays until the daemon starts again: {e.Message}");
        }
    }
}
