namespace Berth.Network.Dns;

/// <summary>
/// A question that servers are being asked, once for all who want to know: besides the work that is saved, nobody gets many answers awaited at once, of which
/// a forged one would have to match any.
/// </summary>
/// <param name="key">What is asked, by <see cref="AnswerCache.KeyOf"/>.</param>
internal sealed class SharedQuestion(byte[] key) : IAsyncDisposable
{
    private readonly CancellationTokenSource ending = new();

    public byte[] Key { get; } = key;

    /// <summary>Who waits; guarded by the group's lock.</summary>
    public int Waiting { get; set; }

    /// <summary>Null inside: there is no answer.</summary>
    public Task<byte[]?> Answer { get; private set; } = Task.FromResult<byte[]?>(null);

    /// <summary>Begins; returns at once.</summary>
    public void Start(Func<CancellationToken, Task<byte[]?>> ask) => Answer = Task.Run(() => ask(ending.Token), CancellationToken.None);

    /// <summary>For the last who waited: ends what is still under way, and returns when nothing is.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await ((Task)Answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // a fault has reached those who waited
        ending.Dispose();
    }
}
