using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>
/// Asks one server once. Each query has a socket of its own, so that its port is random too, and the socket is connected, so that the kernel drops what others send:
/// who wants to forge an answer has to guess port and id, and to forge the server's address.
/// </summary>
internal static class UpstreamExchange
{
    // Answers to other questions that are passed over before a server is taken for one that talks nonsense, or for somebody who is guessing.
    private const int MaxStrays = 32;

    /// <summary>Over UDP, and over TCP when the answer does not fit into a datagram.</summary>
    /// <returns>The answer to exactly this query.</returns>
    /// <exception cref="SocketException">The server cannot be reached or hung up.</exception>
    /// <exception cref="InvalidDataException">It talks nonsense.</exception>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    public static async Task<UpstreamAnswer> AskAsync(UpstreamQuery query, IPEndPoint server, CancellationToken cancellationToken)
    {
        query.Renew();
        byte[] answer = await AskDatagramAsync(query, server, cancellationToken);
        if (!DnsHeader.TryRead(answer, out DnsHeader header) || header.IsTruncated)
        {
            answer = await AskStreamAsync(query, server, cancellationToken);
            DnsHeader.TryRead(answer, out header);
        }

        return new UpstreamAnswer(answer, header.Code);
    }

    private static async Task<byte[]> AskDatagramAsync(UpstreamQuery query, IPEndPoint server, CancellationToken cancellationToken)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancellationToken);
        await socket.SendAsync(query.Message, cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(4096);
        try
        {
            for (int strays = 0; strays < MaxStrays; strays++)
            {
                int length = await socket.ReceiveAsync(buffer, cancellationToken);
                if (query.IsAnswered(buffer.AsSpan(0, length)))
                {
                    return buffer[..length];
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        throw new InvalidDataException($"{server} answered {MaxStrays} times to what it was not asked");
    }

    private static async Task<byte[]> AskStreamAsync(UpstreamQuery query, IPEndPoint server, CancellationToken cancellationToken)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancellationToken);
        byte[] message = new byte[2 + query.Message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(message, (ushort)query.Message.Length);
        query.Message.CopyTo(message, 2);
        for (int sent = 0; sent < message.Length;)
        {
            sent += await socket.SendAsync(message.AsMemory(sent), cancellationToken);
        }

        byte[] head = new byte[2];
        await ReceiveAllAsync(socket, head, server, cancellationToken);
        byte[] answer = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
        await ReceiveAllAsync(socket, answer, server, cancellationToken);
        return query.IsAnswered(answer) ? answer : throw new InvalidDataException($"{server} answered over TCP to what it was not asked");
    }

    private static async Task ReceiveAllAsync(Socket socket, Memory<byte> buffer, IPEndPoint server, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int count = await socket.ReceiveAsync(buffer, cancellationToken);
            buffer = count > 0 ? buffer[count..] : throw new InvalidDataException($"{server} hung up within an answer");
        }
    }
}
