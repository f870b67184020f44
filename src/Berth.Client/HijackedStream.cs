using System.Net.Sockets;
using Berth.Api;

namespace Berth.Client;

/// <summary>
/// A connection that left HTTP (Engine API, ContainerAttach, "Hijacking"): bytes from the process one way, its stdin the other. Reading and
/// writing may happen at the same time from two threads. Disposing it closes the connection.
/// </summary>
public sealed class HijackedStream : IDisposable
{
    private readonly EngineConnection connection;
    private ReadOnlyMemory<byte> early;

    internal HijackedStream(EngineConnection connection, ReadOnlyMemory<byte> early, bool? multiplexed)
    {
        this.connection = connection;
        this.early = early;
        Multiplexed = multiplexed;
    }

    /// <summary>Whether output comes in frames (<see cref="StreamFraming"/>); null when the daemon is too old to say (API below 1.42).</summary>
    public bool? Multiplexed { get; }

    /// <summary>Bytes from the process; 0 at the end. Blocks.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public int Read(Span<byte> buffer)
    {
        if (early.IsEmpty)
            return connection.Receive(buffer);

        int count = Math.Min(early.Length, buffer.Length);
        early.Span[..count].CopyTo(buffer);
        early = early[count..];
        return count;
    }

    /// <summary>Writes to the process's stdin. Blocks while the process does not read.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public void Write(ReadOnlySpan<byte> buffer) => connection.Send(buffer);

    /// <summary>Ends the process's stdin; output goes on. A connection that is already gone is no error.</summary>
    public void CloseWrite() => connection.CloseWrite();

    public void Dispose() => connection.Dispose();
}

/// <summary>A streamed answer, such as a log; disposing it ends the request.</summary>
public sealed class ResponseStream : IDisposable
{
    private readonly HttpResponseMessage response;
    private readonly Stream stream;

    internal ResponseStream(HttpResponseMessage response, Stream stream, bool? multiplexed)
    {
        this.response = response;
        this.stream = stream;
        Multiplexed = multiplexed;
    }

    /// <inheritdoc cref="HijackedStream.Multiplexed"/>
    public bool? Multiplexed { get; }

    /// <summary>The answer's bytes. Blocks; 0 at the end.</summary>
    /// <exception cref="EngineConnectionException">The daemon went away.</exception>
    public int Read(Span<byte> buffer)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new EngineConnectionException("the connection to the daemon broke while it was sending", exception);
        }
    }

    /// <summary>Hands over each line of the answer as it comes, without its end; returns at the answer's end.</summary>
    /// <exception cref="EngineConnectionException">The daemon went away.</exception>
    public void ReadLines(LineReader onLine)
    {
        byte[] buffer = new byte[64 * 1024];
        int filled = 0;
        int count;
        do
        {
            if (filled == buffer.Length)
                Array.Resize(ref buffer, buffer.Length * 2);

            count = Read(buffer.AsSpan(filled));
            filled += count;
            int start = 0;
            int length;
            while ((length = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n')) >= 0)
            {
                Report(buffer.AsSpan(start, length), onLine);
                start += length + 1;
            }

            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            filled -= start;
        }
        while (count > 0);

        Report(buffer.AsSpan(0, filled), onLine);
    }

    private static void Report(ReadOnlySpan<byte> line, LineReader onLine)
    {
        line = line.Trim(" \r\n\t"u8);
        if (line.Length > 0)
            onLine(line);
    }

    public void Dispose()
    {
        stream.Dispose();
        response.Dispose();
    }
}

/// <summary>Takes one line.</summary>
public delegate void LineReader(ReadOnlySpan<byte> line);
