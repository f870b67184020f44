using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>
/// Asks one server once. Each query has a socket of its own, so that its port is random too, and the socket is connected, so that the kernel drops what others send:
/// who wants to forge an answer has to guess port, id and spelling, and to forge the server's address. The first message that looks like a guess ends the exchange over
/// UDP: over TCP there is nothing to guess.
/// </summary>
internal static class UpstreamExchange
{
    // Messages that are no answer at all that are passed over before a server is taken for one that talks nonsense, or for somebody who is guessing.
    private const int MaxStrays = 32;

    /// <summary>Over UDP, and over TCP when the answer does not fit into a datagram or is not beyond doubt.</summary>
    /// <returns>The answer to exactly this query.</returns>
    /// <exception cref="SocketException">The server cannot be reached or hung up.</exception>
    /// <exception cref="InvalidDataException">It talks nonsense, or not over TCP where it has to.</exception>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    public static async Task<UpstreamAnswer> AskAsync(UpstreamQuery query, IPEndPoint server, CancellationToken cancellationToken)
    {
        query.Renew();
        (byte[] answer, UpstreamMatch match) = await AskDatagramAsync(query, server, cancellationToken);
        bool isWhole = DnsHeader.TryRead(answer, out DnsHeader header) && !header.IsTruncated;
        if (match != UpstreamMatch.Exact || !isWhole)
        {
            try
            {
                answer = await AskStreamAsync(query, server, cancellationToken);
                DnsHeader.TryRead(answer, out header);
            }
            catch (SocketException) when (match == UpstreamMatch.OtherCase && isWhole)
            {
                // A server that changes the letters and speaks UDP only: port and id are right, and more cannot be had of it.
            }
            catch (SocketException error)
            {
                throw new InvalidDataException($"{server} has to be asked over TCP, and cannot be: {error.Message}", error);
            }
        }

        return new UpstreamAnswer(answer, header.Code);
    }

    private static async Task<(byte[] Message, UpstreamMatch Match)> AskDatagramAsync(UpstreamQuery query, IPEndPoint server, CancellationToken cancellationToken)
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
                UpstreamMatch match = query.Match(buffer.AsSpan(0, length));
                if (match != UpstreamMatch.None)
                {
                    return (buffer[..length], match);
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
        return query.Match(answer) is UpstreamMatch.Exact or UpstreamMatch.OtherCase ? answer : throw new InvalidDataException($"{server} answered over TCP to what it was not asked");
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
