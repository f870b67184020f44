using System.Collections.Concurrent;
using Berth.Model;
using Berth.Registry.Transport;

namespace Berth.Registry.Pull;

/// <summary>The places that an image may be pulled from, in order: the mirrors of its registry's rule, then the registry itself. Safe for concurrent use.</summary>
internal sealed class PullChannels(RegistryRule? rule, Func<RegistryMirror, CancellationToken, Task<RegistryChannel>> openMirror, Func<CancellationToken, Task<RegistryChannel>> openOwn, RegistryOptions options)
{
    private const int MirrorAttempts = 2;
    private readonly ConcurrentDictionary<(int Place, Digest Blob), bool> sent = new();
    private readonly int mirrors = rule?.Mirrors.Count ?? 0;
    private readonly RegistryChannel?[] opened = new RegistryChannel?[(rule?.Mirrors.Count ?? 0) + 1];
    private readonly string?[] failures = new string?[rule?.Mirrors.Count ?? 0];

    private int Count => rule is { FallsBack: false } && mirrors > 0 ? mirrors : mirrors + 1;

    /// <summary>How attempts are counted and paused.</summary>
    public Patience Patience { get; } = new(options);

    /// <summary>Whether there is another place after the one with this number.</summary>
    public bool HasAfter(int place) => place + 1 < Count;

    /// <summary>A mirror with something behind it is not waited for long.</summary>
    public int? AttemptsOf(RegistryChannel channel) => channel.Endpoint.IsMirror && Count > 1 ? Math.Min(MirrorAttempts, options.Attempts) : null;

    /// <summary>The place with a number.</summary>
    /// <exception cref="EngineException">Unavailable when it failed a short while ago and another follows, or cannot be found.</exception>
    public async Task<RegistryChannel> GetAsync(int place, CancellationToken cancellationToken)
    {
        RegistryChannel channel = place == mirrors ? await openOwn(cancellationToken) : opened[place] ??= await openMirror(rule!.Mirrors[place], cancellationToken);
        return channel.IsAvoided && HasAfter(place) ? throw new EngineException(ErrorKind.Unavailable, failures[place] ?? $"{channel.Endpoint.Name} failed a short while ago") : channel;
    }

    /// <summary>Remembers why a mirror was passed over; one that did not answer is avoided for a while.</summary>
    public void Note(int place, EngineException why)
    {
        failures[place] ??= why.Message;
        if (why.Kind == ErrorKind.Unavailable && why.InnerException is HttpRequestException or TimeoutException or IOException)
        {
            opened[place]?.Avoid();
        }
    }

    /// <summary>Whether the place with this number is a mirror.</summary>
    public bool IsMirror(int place) => place < mirrors;

    /// <summary>Remembers who sent some of a blob.</summary>
    public void NoteSent(int place, Digest blob)
    {
        if (IsMirror(place))
        {
            sent[(place, blob)] = true;
        }
    }

    /// <summary>Lets the mirrors that sent some of a blob be avoided for a while, and names them; the registry itself never is.</summary>
    public IReadOnlyList<string> Reject(Digest blob)
    {
        List<string> names = [];
        for (int place = 0; place < mirrors; place++)
        {
            if (sent.TryRemove((place, blob), out _) && opened[place] is { } channel)
            {
                channel.Avoid();
                failures[place] ??= $"{channel.Endpoint.Name} sent something else as {blob} a short while ago";
                names.Add(channel.Endpoint.Name);
            }
        }

        return names;
    }

    /// <summary>The last place's failure, with those of the mirrors before it; each says which mirror it is of.</summary>
    public EngineException WithMirrors(EngineException last)
    {
        List<string> told = [];
        for (int place = 0; place < Math.Min(mirrors, Count - 1); place++)
        {
            if (failures[place] is { } text && !last.Message.Contains(text, StringComparison.Ordinal))
            {
                told.Add(Named(place, text));
            }
        }

        string message = IsMirror(Count - 1) ? Named(Count - 1, last.Message) : last.Message;
        return told.Count == 0 && message == last.Message
            ? last
            : new EngineException(last.Kind, message + (told.Count == 0 ? "" : $" (before that: {string.Join("; ", told)})"), last.InnerException ?? last) { IsWrongContent = last.IsWrongContent };
    }

    // What a mirror answers is told in the words of the registry that it stands for.
    private string Named(int place, string message)
    {
        string mirror = rule!.Mirrors[place].Url.Authority; // there are mirrors
        return message.Contains(mirror, StringComparison.Ordinal) ? message : $"{message} (said by its mirror {mirror})";
    }

    /// <summary>Does something at the first place that can.</summary>
    /// <exception cref="EngineException">The failure of the last place.</exception>
    public async Task<T> TryEachAsync<T>(Func<RegistryChannel, Task<T>> act, CancellationToken cancellationToken)
    {
        for (int place = 0; ; place++)
        {
            try
            {
                return await act(await GetAsync(place, cancellationToken));
            }
            catch (EngineException e) when (HasAfter(place))
            {
                Note(place, e);
            }
            catch (EngineException e)
            {
                throw WithMirrors(e);
            }
        }
    }
}
