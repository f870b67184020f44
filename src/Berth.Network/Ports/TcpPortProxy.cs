using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Ports;

/// <summary>
/// Passes the connections to one port on to a container: bytes in order, ends of one direction as such, resets as resets. An idle connection has no buffer; a
/// slow reader slows its writer down.
/// </summary>
internal sealed class TcpPortProxy : IAsyncDisposable
{
    private readonly Socket listening;
    private readonly IPEndPoint target;
    private readonly PortProxyOptions options;
    private readonly CancellationTokenSource ending = new();
    private readonly SemaphoreSlim places;
    private readonly ConcurrentDictionary<Task, byte> connections = new();
    private readonly Task accepting;

    /// <param name="listening">A socket that listens; closed with this.</param>
    /// <param name="target">The container's port.</param>
    /// <param name="options">The bounds.</param>
    public TcpPortProxy(Socket listening, IPEndPoint target, PortProxyOptions options)
    {
        this.listening = listening;
        this.target = target;
        this.options = options;
        places = new SemaphoreSlim(options.MaxConnections);
        accepting = Task.Run(AcceptAsync, CancellationToken.None);
    }

    /// <summary>Stops accepting and resets the connections that are left.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        listening.Dispose();
        await accepting;
        await Task.WhenAll(connections.Keys);
        places.Dispose();
        ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await places.WaitAsync(ending.Token);
                bool isGiven = false;
                try
                {
                    Socket client = await listening.AcceptAsync(ending.Token);
                    isGiven = true;
                    Task serving = ServeAsync(client);
                    connections[serving] = 0;
                    _ = serving.ContinueWith(done => connections.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                }
                finally
                {
                    if (!isGiven)
                    {
                        places.Release();
                    }
                }
            }
            catch (Exception error) when (ending.IsCancellationRequested && error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(100); // no descriptors or memory left just now, or a client that went before it was accepted
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        Socket? container = null;
        try
        {
            await Task.Yield(); // the next client need not wait until this one is connected
            container = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            Prepare(client);
            Prepare(container);
            using (var time = CancellationTokenSource.CreateLinkedTokenSource(ending.Token))
            {
                time.CancelAfter(options.ConnectTimeout);
                await container.ConnectAsync(target, time.Token);
            }

            using var failing = CancellationTokenSource.CreateLinkedTokenSource(ending.Token);
            await Task.WhenAll(PassAsync(client, container, failing), PassAsync(container, client, failing));
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            // One side was reset or cannot be reached, or all of this ends: the other side learns it by a reset.
            Reset(client);
            Reset(container);
        }
        finally
        {
            client.Dispose();
            container?.Dispose();
            places.Release();
        }
    }

    private async Task PassAsync(Socket from, Socket to, CancellationTokenSource failing)
    {
        try
        {
            while (true)
            {
                await from.ReceiveAsync(Memory<byte>.Empty, failing.Token); // until there is something, without a buffer for it
                byte[] buffer = ArrayPool<byte>.Shared.Rent(options.BufferSize);
                try
                {
                    int count = await from.ReceiveAsync(buffer.AsMemory(0, options.BufferSize), failing.Token);
                    if (count == 0)
                    {
                        to.Shutdown(SocketShutdown.Send); // the other direction goes on
                        return;
                    }

                    for (int sent = 0; sent < count;)
                    {
                        sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), failing.Token);
                    }
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        }
        catch
        {
            await failing.CancelAsync(); // the other direction has no use any more
            throw;
        }
    }

    // A peer that vanished without a word must not keep its place.
    private static void Prepare(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 15);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
    }

    private static void Reset(Socket? socket)
    {
        try
        {
            if (socket is not null)
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
            }
        }
        catch (SocketException)
        {
            // Gone already.
        }
    }
}
