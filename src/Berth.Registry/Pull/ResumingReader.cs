using Berth.Model;

namespace Berth.Registry.Pull;

/// <summary>Reads one piece of a blob; a connection that breaks or stalls is replaced by another at the byte that was reached.</summary>
internal sealed class ResumingReader(BlobSource source, long first, long end, BlobConnection? connection) : IDisposable
{
    // A connection that brings less than this does not count as progress.
    private const int Progress = 1024;
    private BlobConnection? connection = connection;
    private long position = first;
    private long connectedAt = first;
    private int failures;

    /// <summary>Whether all bytes were read.</summary>
    public bool IsDone => position == end;

    /// <summary>At least one byte, or none when <see cref="IsDone"/>.</summary>
    /// <exception cref="EngineException">Unavailable after too many connections without progress.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (!IsDone)
        {
            string why;
            try
            {
                if (connection is null)
                {
                    connectedAt = position;
                    connection = await source.OpenAsync(position, end, cancellationToken);
                }

                int count = await connection.Body.ReadAsync(buffer[..(int)Math.Min(buffer.Length, end - position)], cancellationToken);
                position += count;
                if (IsDone)
                {
                    Dispose();
                }

                if (count > 0)
                {
                    return count;
                }

                why = "the connection ended too early";
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                why = e.Message;
            }

            await GiveUpConnectionAsync(why, cancellationToken);
        }

        return 0;
    }

    public void Dispose()
    {
        connection?.Dispose();
        connection = null;
    }

    private async Task GiveUpConnectionAsync(string why, CancellationToken cancellationToken)
    {
        Dispose();
        failures = position - connectedAt >= Progress ? 0 : failures + 1;
        if (failures >= source.Patience.Attempts)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{source.Subject} cannot be read on after {position} of {source.Blob.Size} bytes, {failures} connections broke off: {why}");
        }

        if (failures > 0)
        {
            await Task.Delay(source.Patience.PauseAfter(failures), cancellationToken);
        }
    }
}
