using System.Net.Sockets;
using Berth.Linux;

namespace Berth.Network.Dns;

/// <summary>Limits of one container's resolver.</summary>
public sealed record DnsServerOptions
{
    /// <summary>Queries of one container that wait for servers elsewhere; more are answered with a failure.</summary>
    public int MaxForwards { get; init; } = 256;

    /// <summary>Open TCP connections of one container; more are closed at once.</summary>
    public int MaxConnections { get; init; } = 32;

    /// <summary>How long a TCP client has for its next query, and for taking an answer.</summary>
    public TimeSpan ConnectionTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <exception cref="ArgumentException">A value is not positive.</exception>
    public void Validate()
    {
        if (MaxForwards <= 0 || MaxConnections <= 0 || ConnectionTimeout <= TimeSpan.Zero)
        {
            throw new ArgumentException($"a resolver needs positive limits, got {this}");
        }
    }
}

/// <summary>
/// Serves the resolvers of any number of containers on sockets that were made in their namespaces: one thread answers all datagrams that can be answered at once, the
/// framework's pool does what has to wait. Dispose it after its listeners.
/// </summary>
public sealed class DnsServer : IDisposable
{
    private readonly DnsServerOptions options;
    private readonly DatagramLoop loop;

    public DnsServer(DnsServerOptions options)
    {
        options.Validate();
        this.options = options;
        loop = new DatagramLoop();
    }

    /// <summary>Serves a container until what is returned is disposed. Takes both sockets over, and closes them when it fails.</summary>
    /// <param name="udp">Bound.</param>
    /// <param name="tcp">Listening.</param>
    /// <param name="scope">What it may ask for.</param>
    /// <exception cref="LinuxException">The kernel watches no more sockets for this user.</exception>
    public DnsListener Serve(Socket udp, Socket tcp, NameScope scope)
    {
        try
        {
            return new DnsListener(udp, tcp, scope, options, loop);
        }
        catch
        {
            udp.Dispose();
            tcp.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Serve(Socket, Socket, NameScope)"/> with sockets made by system calls; takes both descriptors over.</summary>
    /// <exception cref="SocketException">One of them is no socket of a kind that is known.</exception>
    /// <exception cref="LinuxException">As there.</exception>
    public DnsListener Serve(FileDescriptor udp, FileDescriptor tcp, NameScope scope)
    {
        Socket? first = null;
        try
        {
            first = Adopt(udp);
            return Serve(first, Adopt(tcp), scope);
        }
        catch
        {
            first?.Dispose();
            udp.Dispose();
            tcp.Dispose();
            throw;
        }
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose() => loop.Dispose();

    private static Socket Adopt(FileDescriptor descriptor)
    {
        var handle = new SafeSocketHandle(descriptor.Release(), ownsHandle: true);
        try
        {
            return new Socket(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
