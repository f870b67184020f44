using System.Net;

namespace Berth.Network.Dns;

/// <summary>How servers elsewhere are asked. The defaults fit clients that give up after five seconds, as those of glibc and musl do.</summary>
public sealed record UpstreamOptions
{
    /// <summary>How long one server has for its answer before the next is asked.</summary>
    public TimeSpan ServerTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a query takes in all before it is answered with a failure.</summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromMilliseconds(4500);

    /// <summary>How long a server that did not answer is asked last.</summary>
    public TimeSpan Avoidance { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Queries under way at once; more are answered with a failure.</summary>
    public int MaxOutstanding { get; init; } = 1024;

    /// <summary>Answers kept.</summary>
    public int CacheEntries { get; init; } = 4096;

    /// <summary>Bytes of answers kept.</summary>
    public int CacheBytes { get; init; } = 2 << 20;

    /// <exception cref="ArgumentException">A value is not positive.</exception>
    public void Validate()
    {
        if (ServerTimeout <= TimeSpan.Zero || TotalTimeout <= TimeSpan.Zero || Avoidance < TimeSpan.Zero || MaxOutstanding <= 0 || CacheEntries < 0 || CacheBytes < 0)
        {
            throw new ArgumentException($"upstream servers need positive limits, got {this}");
        }
    }
}

/// <summary>An answer of a server elsewhere.</summary>
/// <param name="Message">As it came, with the id it was asked with.</param>
/// <param name="Code">Its response code.</param>
internal sealed record UpstreamAnswer(byte[] Message, int Code);

/// <summary>Why a server gave no answer that can be used.</summary>
internal enum UpstreamFault
{
    None,

    /// <summary>It did not answer, or not in time.</summary>
    Silent,

    /// <summary>It said that it cannot or will not answer (SERVFAIL, REFUSED, NOTIMP), or nonsense.</summary>
    Unable,
}

/// <summary>One server and since when it has been silent.</summary>
internal sealed class UpstreamServer(IPEndPoint endPoint)
{
    private long avoidUntil;

    public IPEndPoint EndPoint { get; } = endPoint;

    /// <summary>Whether it is asked last for now.</summary>
    public bool IsAvoided => Environment.TickCount64 < Volatile.Read(ref avoidUntil);

    public void Avoid(TimeSpan time) => Volatile.Write(ref avoidUntil, Environment.TickCount64 + (long)time.TotalMilliseconds);

    public void Trust() => Volatile.Write(ref avoidUntil, 0);
}
