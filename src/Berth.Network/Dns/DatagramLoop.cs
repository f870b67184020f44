using System.Collections.Concurrent;
using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;

namespace Berth.Network.Dns;

/// <summary>
/// The one thread that reads the datagrams of all containers: a query that can be answered at once is, without a way through the thread pool, whose threads
/// the daemon's other work may hold up. In each round one datagram of each container is served, so that none keeps the others waiting.
/// </summary>
internal sealed class DatagramLoop : IDisposable
{
    private const ulong StopToken = 0;
    private readonly ConcurrentDictionary<ulong, DnsListener> listeners = new();
    private readonly EventPoll poll = new(capacity: 64);
    private readonly FileDescriptor stop = EventCounter.Create();
    private readonly byte[] query = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
    private readonly byte[] response = GC.AllocateUninitializedArray<byte>(AnswerCache.MaxAnswer, pinned: true);
    private readonly Thread thread;
    private ulong lastToken = StopToken;

    public DatagramLoop()
    {
        poll.Add(stop.Number, PollEvents.In, StopToken);
        thread = new Thread(Run) { IsBackground = true, Name = "dns" };
        thread.Start();
    }

    /// <summary>Reads <paramref name="socket"/> for <paramref name="listener"/> from now on.</summary>
    /// <returns>What <see cref="Remove"/> takes.</returns>
    /// <exception cref="LinuxException">ENOSPC: more watches than the user may have (epoll(7)); then nothing is left of it.</exception>
    public ulong Add(Socket socket, DnsListener listener)
    {
        ulong token = Interlocked.Increment(ref lastToken);
        listeners[token] = listener;
        try
        {
            poll.Add((int)socket.SafeHandle.DangerousGetHandle(), PollEvents.In, token); // epoll_ctl(2) may come while another thread waits
        }
        catch
        {
            listeners.TryRemove(token, out _);
            throw;
        }

        return token;
    }

    /// <summary>Stops reading a socket that is still open. A datagram that is being served may yet call its listener.</summary>
    public void Remove(Socket socket, ulong token)
    {
        listeners.TryRemove(token, out _);
        poll.Remove((int)socket.SafeHandle.DangerousGetHandle());
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        Span<byte> one = stackalloc byte[sizeof(ulong)];
        BitConverter.TryWriteBytes(one, 1UL);
        Errno errno = DescriptorIo.TryWrite(stop.Number, one, out _);
        if (errno != Errno.None)
        {
            throw new LinuxException(errno, "write", "eventfd");
        }

        thread.Join();
        poll.Dispose();
        stop.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            int count = poll.Wait(timeoutMilliseconds: -1);
            for (int i = 0; i < count; i++)
            {
                ulong token = poll[i].Token;
                if (token == StopToken)
                {
                    return;
                }

                if (listeners.TryGetValue(token, out DnsListener? listener))
                {
                    listener.ServeDatagram(query, response);
                }
            }
        }
    }
}
