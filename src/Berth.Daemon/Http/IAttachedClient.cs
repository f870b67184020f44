namespace Berth.Daemon.Http;

/// <summary>The client's side of an attachment: raw bytes in both directions.</summary>
internal interface IAttachedClient
{
    /// <summary>The next bytes from the client; empty when it sends no more.</summary>
    ValueTask<byte[]> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Whether the end of its input was its goodbye, after which it takes no output either.</summary>
    bool HasLeft { get; }

    /// <summary>Sends all of <paramref name="bytes"/>, which are as the container's shim sends them: framed by stream, unless they are a terminal's.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);
}
