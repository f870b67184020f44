using System.Net.Sockets;
using System.Security.Authentication;

namespace Berth.Registry.Transport;

/// <summary>When something is tried again, and how long is waited before.</summary>
internal sealed class Patience(RegistryOptions options)
{
    /// <summary>How often something without progress is tried.</summary>
    public int Attempts => options.Attempts;

    /// <summary>Whether the status is one of a registry that may answer otherwise in a moment.</summary>
    public static bool IsPassing(int status) => status is 408 or 429 or 500 or 502 or 503 or 504;

    /// <summary>Whether a failure without an answer may pass; a name or port without anyone, and a certificate, do not get better by waiting.</summary>
    public static bool IsPassing(Exception cause)
    {
        for (Exception? e = cause; e is not null; e = e.InnerException)
        {
            if (e is AuthenticationException or SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.NoData })
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The pause before the attempt after <paramref name="failures"/> of them: doubled each time, a random part of it taken off, so that many clients do not come back at once.</summary>
    public TimeSpan PauseAfter(int failures)
    {
        double full = Math.Min(options.Backoff.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 30) - 1), options.MaxBackoff.TotalMilliseconds);
#pragma warning disable CA5394 // spreads load; nothing is secret about it
        return TimeSpan.FromMilliseconds(full * (1 - (Random.Shared.NextDouble() / 2)));
#pragma warning restore CA5394
    }

    /// <summary>The pause after an answer, which may name one itself; null when that is longer than may be waited.</summary>
    public TimeSpan? PauseAfter(int failures, HttpResponseMessage answer)
    {
        TimeSpan own = PauseAfter(failures);
        TimeSpan? asked = RetryAfter(answer);
        return asked > options.MaxBackoff ? null : asked > own ? asked : own;
    }

    /// <summary>What Retry-After asks for, in seconds or as a date.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > DateTimeOffset.UtcNow ? date - DateTimeOffset.UtcNow : TimeSpan.Zero,
        _ => null,
    };
}
