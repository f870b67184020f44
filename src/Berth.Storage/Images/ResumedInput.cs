using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>What is there already, and after it what is still to come; the source is opened only when the first part is read.</summary>
internal sealed class ResumedInput(Stream existing, Func<CancellationToken, Task<Stream>> open) : ReadOnlyStream
{
    private Stream current = existing;
    private bool isResumed;

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await current.ReadAsync(buffer, cancellationToken);
        if (count > 0 || isResumed || buffer.IsEmpty)
        {
            return count;
        }

        isResumed = true;
        await current.DisposeAsync();
        current = await open(cancellationToken);
        return await current.ReadAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => throw new NotSupportedException(); // its source is waited for without a thread

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            current.Dispose();
        }

        base.Dispose(disposing);
    }
}
