namespace Berth.Network.Ports;

/// <summary>Bounds of what this process passes on to containers.</summary>
public sealed record PortProxyOptions
{
    /// <summary>Connections of one port at a time; more wait in the kernel's queue until one ends.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>How many connections the kernel keeps waiting; it takes its own limit (net.core.somaxconn) when that is less.</summary>
    public int Backlog { get; init; } = 4096;

    /// <summary>How long a container may take to accept a connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Bytes that are under way at most in each direction of a connection, beside what the kernel keeps.</summary>
    public int BufferSize { get; init; } = 64 << 10;

    /// <summary>Peers of one UDP port at a time; a new one takes the place of the one silent for longest.</summary>
    public int MaxSessions { get; init; } = 1024;

    /// <summary>How long a UDP peer is remembered after its last datagram in either direction, as docker does.</summary>
    public TimeSpan SessionTimeout { get; init; } = TimeSpan.FromSeconds(90);
}
