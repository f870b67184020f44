using System.Diagnostics;
using Berth.Model;

namespace Berth.Engine.Registries;

/// <summary>Tells of a layer's bytes at most ten times a second. For one teller at a time.</summary>
internal sealed class ByteProgress(string status, Digest layer, long total, Action<TransferMessage> report)
{
    private static readonly long Pause = Stopwatch.Frequency / 10;
    private long next;

    /// <summary>So many bytes are done.</summary>
    public void Tell(long done)
    {
        long now = Stopwatch.GetTimestamp();
        if (now >= next)
        {
            next = now + Pause;
            report(TransferMessage.Step(status, layer, done, total));
        }
    }
}
