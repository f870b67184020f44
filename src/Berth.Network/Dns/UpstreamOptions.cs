using System.Net;

namespace Berth.Network.Dns;

/// <summary>How servers elsewhere are asked. The defaults fit clients that give up after five seconds, as those of glibc and musl do.</summary>
public sealed record UpstreamOptions
{
    /// <summary>How long one server has for its answer before the next is asked.</summary>
    public TimeSpan ServerTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a query takes in all before it is answered with a failure.</summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromMilliseconds(4500);

    /// <summary>How many queries in a row a server leaves without an answer before it is asked last: one alone may be about a name whose own servers are slow.</summary>
    public int MaxSilences { get; init; } = 3;

    /// <summary>How long a server that is silent, or whose port is closed, is asked last.</summary>
    public TimeSpan Avoidance { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Different questions under way at once; more are answered with a failure.</summary>
    public int MaxOutstanding { get; init; } = 1024;

    /// <summary>Answers kept.</summary>
    public int CacheEntries { get; init; } = 4096;

    /// <summary>Bytes of answers kept.</summary>
    public int CacheBytes { get; init; } = 2 << 20;

    /// <exception cref="ArgumentException">A value is not positive.</exception>
    public void Validate()
    {
        if (ServerTimeout <= TimeSpan.Zero || TotalTimeout <= TimeSpan.Zero || MaxSilences <= 0 || Avoidance < TimeSpan.Zero || MaxOutstanding <= 0 || CacheEntries < 0 || CacheBytes < 0)
        {
            throw new ArgumentException($"upstream servers need positive limits, got {this}");
        }
    }
}

/// <summary>An answer of a server elsewhere.</summary>
/// <param name="Message">As it came, with the id it was asked with.</param>
/// <param name="Code">Its response code.</param>
internal sealed record UpstreamAnswer(byte[] Message, int Code);

/// <summary>How well a message answers a query.</summary>
internal enum UpstreamMatch
{
    /// <summary>It is no answer, or one to another question.</summary>
    None,

    /// <summary>An answer with another id: perhaps of somebody who is guessing.</summary>
    WrongId,

    /// <summary>The answer but for the case of the name's letters: of a server that does not repeat them, or of somebody who is guessing.</summary>
    OtherCase,

    /// <summary>The answer.</summary>
    Exact,
}

/// <summary>Why a server gave no answer that can be used.</summary>
internal enum UpstreamFault
{
    None,

    /// <summary>It did not answer, or not in time.</summary>
    Silent,

    /// <summary>Nobody is there, as far as the kernel or a router knows.</summary>
    Absent,

    /// <summary>It said that it cannot or will not answer (SERVFAIL, REFUSED, NOTIMP), or nonsense.</summary>
    Unable,
}

/// <summary>One server and how it has behaved.</summary>
internal sealed class UpstreamServer(IPEndPoint endPoint, TimeProvider clock)
{
    private readonly long origin = clock.GetTimestamp();
    private long avoidUntil;
    private int silences;

    public IPEndPoint EndPoint { get; } = endPoint;

    /// <summary>Whether it is asked last for now.</summary>
    public bool IsAvoided => Now < Volatile.Read(ref avoidUntil);

    public void Avoid(TimeSpan time) => Volatile.Write(ref avoidUntil, Now + (long)time.TotalMilliseconds);

    /// <summary>A query had no answer.</summary>
    public void NoteSilence(UpstreamOptions options)
    {
        if (Interlocked.Increment(ref silences) >= options.MaxSilences)
        {
            Avoid(options.Avoidance);
        }
    }

    /// <summary>It answered, usefully or not.</summary>
    public void NoteAnswer() => Volatile.Write(ref silences, 0);

    /// <summary>It answered usefully.</summary>
    public void Trust()
    {
        NoteAnswer();
        Volatile.Write(ref avoidUntil, 0);
    }

    // In milliseconds.
    private long Now => (long)clock.GetElapsedTime(origin).TotalMilliseconds;
}
