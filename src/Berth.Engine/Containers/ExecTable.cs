using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>
/// One container's exec sessions. An ended one is kept for clients that ask for its exit status, for <see cref="Kept"/> and at most the last
/// <see cref="MostEnded"/> of them; after that it does not exist. What is too old goes at the next use of the table. Safe for concurrent use.
/// </summary>
/// <param name="clock">Tells the age of an ended session.</param>
/// <param name="onForgotten">Called for each session that goes, under the table's lock: it must not call back.</param>
/// <param name="onEnded">Called for each session that ends, with its exit status, under the lock as well.</param>
internal sealed class ExecTable(TimeProvider clock, Action<ExecSession> onForgotten, Action<ExecSession, int>? onEnded = null)
{
    /// <summary>How long an ended session can be asked for, as in docker's engine.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromMinutes(5);

    /// <summary>The most ended sessions kept: a probe each second for <see cref="Kept"/>, three times over.</summary>
    public const int MostEnded = 1000;

    private readonly Lock sync = new();
    private readonly Dictionary<string, ExecSession> sessions = new(StringComparer.Ordinal);
    private readonly Queue<(ExecSession Session, long EndedAt)> ended = new();

    /// <summary>Ids of the sessions that have not ended.</summary>
    public IReadOnlyList<string> Unended
    {
        get
        {
            lock (sync)
            {
                return sessions.Count == ended.Count ? [] : [.. sessions.Values.Where(static session => session.ExitCode is null).Select(static session => session.Id)];
            }
        }
    }

    /// <summary>How many sessions are held in memory, ended ones included.</summary>
    public int Count
    {
        get
        {
            lock (sync)
            {
                return sessions.Count;
            }
        }
    }

    /// <summary>Adds a session; one that has ended already is kept as if it ended now.</summary>
    public void Add(ExecSession session)
    {
        lock (sync)
        {
            sessions[session.Id] = session;
            if (session.ExitCode is not null)
            {
                ended.Enqueue((session, clock.GetTimestamp()));
            }

            ForgetOld();
        }
    }

    /// <summary>A session, or null when there is none or it ended too long ago.</summary>
    public ExecSession? Find(string id)
    {
        lock (sync)
        {
            ForgetOld();
            return sessions.GetValueOrDefault(id);
        }
    }

    /// <summary>Ends a session; an id that is not here, or the second end of one, does nothing.</summary>
    public void End(string id, int code)
    {
        lock (sync)
        {
            if (sessions.TryGetValue(id, out ExecSession? session))
            {
                End(session, code);
                ForgetOld();
            }
        }
    }

    /// <summary>The container's run is over: what runs ends with <paramref name="code"/>, what never started goes.</summary>
    public void EndAll(int code)
    {
        lock (sync)
        {
            foreach (ExecSession session in sessions.Values.ToList())
            {
                if (session.IsStarted)
                {
                    End(session, code);
                }
                else
                {
                    Forget(session);
                    session.End(code); // nobody finds it any more, but somebody may be waiting
                }
            }

            ForgetOld();
        }
    }

    /// <summary>The container is removed: all sessions go.</summary>
    public void Clear()
    {
        lock (sync)
        {
            foreach (ExecSession session in sessions.Values.ToList())
            {
                Forget(session);
            }

            ended.Clear();
        }
    }

    private void End(ExecSession session, int code)
    {
        if (session.ExitCode is null)
        {
            onEnded?.Invoke(session, code); // first: who waits for the end finds it told
        }

        if (session.End(code))
        {
            ended.Enqueue((session, clock.GetTimestamp()));
        }
    }

    private void ForgetOld()
    {
        while (ended.TryPeek(out var oldest) && (ended.Count > MostEnded || clock.GetElapsedTime(oldest.EndedAt) >= Kept))
        {
            ended.Dequeue();
            Forget(oldest.Session);
        }
    }

    private void Forget(ExecSession session)
    {
        if (sessions.Remove(session.Id))
        {
            onForgotten(session);
        }
    }
}
