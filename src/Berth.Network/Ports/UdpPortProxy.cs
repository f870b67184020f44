using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Berth.Linux.Sockets;

namespace Berth.Network.Ports;

/// <summary>
/// Passes the datagrams to one port on to a container, and its answers back: a socket for each peer, so that the container can tell them apart. Answers come from
/// the address that the peer sent to. What cannot be sent at once is lost, as datagrams are.
/// </summary>
internal sealed class UdpPortProxy : IAsyncDisposable
{
    private const int MaxDatagram = 65_535;
    private static readonly IPEndPoint AnyPeer = new(IPAddress.IPv6Any, 0);
    private readonly Socket socket;
    private readonly IPEndPoint target;
    private readonly PortProxyOptions options;
    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentDictionary<SessionKey, Session> sessions = new();
    private readonly ConcurrentDictionary<Task, byte> answering = new();
    private readonly Timer sweeper;
    private readonly Task receiving;

    /// <param name="socket">A bound socket of IPv6; closed with this.</param>
    /// <param name="target">The container's port.</param>
    /// <param name="options">The bounds.</param>
    public UdpPortProxy(Socket socket, IPEndPoint target, PortProxyOptions options)
    {
        this.socket = socket;
        this.target = target;
        this.options = options;
        sweeper = new Timer(_ => Sweep(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        receiving = Task.Run(ReceiveAsync, CancellationToken.None);
    }

    internal int SessionCount => sessions.Count;

    /// <summary>Forgets all peers.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await receiving;
        await sweeper.DisposeAsync();
        foreach (SessionKey key in sessions.Keys)
        {
            Forget(key);
        }

        await Task.WhenAll(answering.Keys);
        socket.Dispose();
        ending.Dispose();
    }

    private async Task ReceiveAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await WaitAsync(socket, ending.Token);
                byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxDatagram);
                try
                {
                    SocketReceiveMessageFromResult got = await socket.ReceiveMessageFromAsync(buffer.AsMemory(0, MaxDatagram), SocketFlags.None, AnyPeer, ending.Token);
                    var key = new SessionKey((IPEndPoint)got.RemoteEndPoint, got.PacketInformation.Address ?? IPAddress.IPv6Any, got.PacketInformation.Interface); // of this family's kind
                    PassOn(key, buffer.AsSpan(0, got.ReceivedBytes));
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(10); // an earlier answer that could not be delivered, or no descriptors left just now
            }
        }
    }

    private void PassOn(SessionKey key, ReadOnlySpan<byte> datagram)
    {
        if (!sessions.TryGetValue(key, out Session? session))
        {
            session = Open(key);
        }

        session.Touch();
        try
        {
            session.Container.Send(datagram);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // No room, nobody there just now, or a session that has just been forgotten.
        }
    }

    private Session Open(SessionKey key)
    {
        if (sessions.Count >= options.MaxSessions)
        {
            Forget(sessions.MinBy(static pair => pair.Value.LastUse).Key);
        }

        var container = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            container.Connect(target);
            container.Blocking = false;
        }
        catch
        {
            container.Dispose();
            throw;
        }

        var session = new Session(key, container);
        sessions[key] = session;
        if (sessions.Count == 1)
        {
            StartSweeping();
        }

        Task task = Task.Run(() => AnswerAsync(session), CancellationToken.None);
        answering[task] = 0;
        _ = task.ContinueWith(done => answering.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return session;
    }

    private async Task AnswerAsync(Session session)
    {
        while (!session.IsDisposed)
        {
            try
            {
                await WaitAsync(session.Container, CancellationToken.None); // ends with the socket
                byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxDatagram);
                try
                {
                    int count = await session.Container.ReceiveAsync(buffer.AsMemory(0, MaxDatagram));
                    session.Touch();
                    int scope = session.Key.HostAddress.IsIPv6LinkLocal ? session.Key.Interface : 0;
                    _ = PortSocket.TrySendFrom((int)socket.SafeHandle.DangerousGetHandle(), buffer.AsSpan(0, count), session.Key.Peer, session.Key.HostAddress, scope); // lost, as any datagram may be
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
            catch (Exception error) when (session.IsDisposed && error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(10); // the container refused the last datagram; it may take the next
            }
        }
    }

    private void Sweep()
    {
        long oldest = Environment.TickCount64 - (long)options.SessionTimeout.TotalMilliseconds;
        foreach ((SessionKey key, Session session) in sessions)
        {
            if (session.LastUse < oldest)
            {
                Forget(key);
            }
        }

        if (sessions.IsEmpty)
        {
            sweeper.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (!sessions.IsEmpty)
            {
                StartSweeping(); // one came in between
            }
        }
    }

    private void StartSweeping()
    {
        TimeSpan period = options.SessionTimeout / 2;
        sweeper.Change(period, period);
    }

    private void Forget(SessionKey key)
    {
        if (sessions.TryRemove(key, out Session? session))
        {
            session.Dispose();
        }
    }

    // Until there is a datagram, without taking it: nobody silent has a buffer.
    private static async ValueTask WaitAsync(Socket socket, CancellationToken cancellationToken) =>
        await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.Peek, cancellationToken);

    /// <summary>Who sends to which of the host's addresses.</summary>
    private sealed record SessionKey(IPEndPoint Peer, IPAddress HostAddress, int Interface);

    /// <summary>One peer's socket.</summary>
    private sealed class Session(SessionKey key, Socket container) : IDisposable
    {
        private long lastUse = Environment.TickCount64;
        private volatile bool isDisposed;

        public SessionKey Key { get; } = key;

        public Socket Container { get; } = container;

        public bool IsDisposed => isDisposed;

        /// <summary>Milliseconds since the host's start.</summary>
        public long LastUse => Volatile.Read(ref lastUse);

        public void Touch() => Volatile.Write(ref lastUse, Environment.TickCount64);

        public void Dispose()
        {
            isDisposed = true;
            Container.Dispose();
        }
    }
}
