using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Reads another stream; a read that brings nothing for too long is a <see cref="TimeoutException"/>, what breaks an <see cref="IOException"/>.</summary>
internal sealed class StallStream(Stream inner, TimeSpan limit) : ReadOnlyStream
{
    private CancellationTokenSource timer = new();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read;
        if (!timer.TryReset())
        {
            timer.Dispose();
            timer = new CancellationTokenSource();
        }

        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), timer);
        timer.CancelAfter(limit);
        try
        {
            read = inner.ReadAsync(buffer, timer.Token);
            return await read;
        }
        catch (OperationCanceledException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"no byte came for {limit.TotalSeconds:0.#} seconds", e);
        }
        catch (HttpRequestException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException(); // its source is waited for without a thread

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            timer.Dispose();
        }

        base.Dispose(disposing);
    }
}
