using System.Globalization;

namespace Berth.Engine.Containers.Top;

/// <summary>A column of a table of processes.</summary>
internal sealed record ProcessColumn(string Title, Func<ProcessEntry, ProcessView, string> Value);

/// <summary>What all rows of a table have in common.</summary>
/// <param name="Now">The moment.</param>
/// <param name="Users">Names of the host's users.</param>
/// <param name="Groups">Names of the host's groups.</param>
/// <param name="MemoryBytes">The host's memory.</param>
internal sealed record ProcessView(DateTimeOffset Now, IReadOnlyDictionary<uint, string> Users, IReadOnlyDictionary<uint, string> Groups, long MemoryBytes)
{
    public TimeSpan Age(ProcessEntry entry) => Now > entry.StartedAt ? Now - entry.StartedAt : TimeSpan.Zero;

    public double Load(ProcessEntry entry) => Age(entry) > TimeSpan.Zero ? 100 * entry.ProcessorTime / Age(entry) : 0;
}

/// <summary>The columns of ps(1) that are built, by the names that its option -o has for them.</summary>
internal static class ProcessColumns
{
    private const int NameWidth = 8;
    private const int PtsMajor = 136;

    /// <summary>Those of <c>ps -f</c>.</summary>
    public static readonly ProcessColumn[] Full =
    [
        new("UID", static (p, v) => User(p.User, v)), new("PID", Number(static p => p.Pid)), new("PPID", Number(static p => p.Number(4))),
        new("C", static (p, v) => Text((long)Math.Min(99, v.Load(p)))), new("STIME", Start), new("TTY", static (p, _) => Terminal(p)),
        new("TIME", static (p, _) => LongTime(p.ProcessorTime)), new("CMD", static (p, _) => p.CommandLine),
    ];

    /// <summary>Those of <c>ps u</c>.</summary>
    public static readonly ProcessColumn[] UserOriented =
    [
        new("USER", static (p, v) => User(p.User, v)), new("PID", Number(static p => p.Pid)), new("%CPU", static (p, v) => Percent(v.Load(p))),
        new("%MEM", Memory), new("VSZ", Number(static p => p.Number(23) >> 10)), new("RSS", Number(static p => p.ResidentBytes >> 10)),
        new("TTY", static (p, _) => Terminal(p)), new("STAT", static (p, _) => State(p)), new("START", Start),
        new("TIME", static (p, _) => Text((long)p.ProcessorTime.TotalMinutes) + p.ProcessorTime.ToString(@"\:ss", CultureInfo.InvariantCulture)),
        new("COMMAND", static (p, _) => p.CommandLine),
    ];

    /// <summary>Those of <c>ps</c> alone.</summary>
    public static readonly ProcessColumn[] Short =
    [
        new("PID", Number(static p => p.Pid)), new("TTY", static (p, _) => Terminal(p)), new("TIME", static (p, _) => LongTime(p.ProcessorTime)), new("CMD", static (p, _) => p.Name),
    ];

    /// <summary>A column by its name; null when there is none.</summary>
    public static ProcessColumn? Find(string name) => name switch
    {
        "pid" or "tgid" => new("PID", Number(static p => p.Pid)),
        "ppid" => new("PPID", Number(static p => p.Number(4))),
        "pgid" or "pgrp" => new("PGID", Number(static p => p.Number(5))),
        "sid" or "sess" or "session" => new("SID", Number(static p => p.Number(6))),
        "user" or "euser" or "uname" => new(name == "euser" ? "EUSER" : "USER", static (p, v) => User(p.User, v)),
        "ruser" => new("RUSER", static (p, v) => User(p.RealUser, v)),
        "uid" or "euid" => new(name == "uid" ? "UID" : "EUID", Number(static p => p.User)),
        "ruid" => new("RUID", Number(static p => p.RealUser)),
        "group" or "egroup" => new(name == "group" ? "GROUP" : "EGROUP", static (p, v) => Short8(v.Groups.GetValueOrDefault(p.Group) ?? Text(p.Group))),
        "gid" or "egid" => new(name == "gid" ? "GID" : "EGID", Number(static p => p.Group)),
        "comm" or "ucmd" or "ucomm" => new(name == "ucmd" ? "CMD" : "COMMAND", static (p, _) => p.Name),
        "args" or "command" => new("COMMAND", static (p, _) => p.CommandLine),
        "cmd" => new("CMD", static (p, _) => p.CommandLine),
        "tty" or "tt" or "tname" => new(name == "tt" ? "TT" : "TTY", static (p, _) => Terminal(p)),
        "time" or "cputime" => new("TIME", static (p, _) => LongTime(p.ProcessorTime)),
        "bsdtime" => UserOriented[9],
        "etime" => new("ELAPSED", static (p, v) => Elapsed(v.Age(p))),
        "etimes" => new("ELAPSED", static (p, v) => Text((long)v.Age(p).TotalSeconds)),
        "stime" or "start_time" => new(name == "stime" ? "STIME" : "START", Start),
        "lstart" => new("STARTED", static (p, _) => p.StartedAt.LocalDateTime.ToString("ddd MMM", CultureInfo.InvariantCulture) + $"{p.StartedAt.LocalDateTime.Day,3}" + p.StartedAt.LocalDateTime.ToString(" HH:mm:ss yyyy", CultureInfo.InvariantCulture)),
        "stat" => new("STAT", static (p, _) => State(p)),
        "s" or "state" => new("S", static (p, _) => p.State),
        "%cpu" or "pcpu" => new("%CPU", static (p, v) => Percent(v.Load(p))),
        "c" => Full[3],
        "%mem" or "pmem" => new("%MEM", Memory),
        "vsz" or "vsize" => new("VSZ", Number(static p => p.Number(23) >> 10)),
        "rss" or "rssize" or "rsz" => new(name == "rsz" ? "RSZ" : "RSS", Number(static p => p.ResidentBytes >> 10)),
        "ni" or "nice" => new("NI", Number(static p => p.Number(19))),
        "pri" => new("PRI", Number(static p => 39 - p.Number(18) - 20)),
        "psr" => new("PSR", Number(static p => p.Number(39))),
        "nlwp" or "thcount" => new("NLWP", Number(static p => p.Number(20))),
        _ => null,
    };

    private static Func<ProcessEntry, ProcessView, string> Number(Func<ProcessEntry, long> value) => (entry, _) => Text(value(entry));

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Percent(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Memory(ProcessEntry entry, ProcessView view) => Percent(Math.Min(99.9, 100.0 * entry.ResidentBytes / view.MemoryBytes));

    private static string User(uint id, ProcessView view) => Short8(view.Users.GetValueOrDefault(id) ?? Text(id));

    private static string Short8(string name) => name.Length > NameWidth ? name[..(NameWidth - 1)] + "+" : name;

    private static string Start(ProcessEntry entry, ProcessView view)
    {
        DateTime start = entry.StartedAt.LocalDateTime;
        string form = view.Age(entry) < TimeSpan.FromDays(1) ? "HH:mm" : start.Year == view.Now.LocalDateTime.Year ? "MMMdd" : "yyyy";
        return start.ToString(form, CultureInfo.InvariantCulture);
    }

    private static string LongTime(TimeSpan time) =>
        (time.Days > 0 ? Text(time.Days) + "-" : "") + time.ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture);

    private static string Elapsed(TimeSpan time) =>
        time.Days > 0 ? LongTime(time) : time.ToString(time.Hours > 0 ? @"hh\:mm\:ss" : @"mm\:ss", CultureInfo.InvariantCulture);

    // Device numbers as the kernel packs them: minor's low byte, major, minor's rest.
    private static string Terminal(ProcessEntry entry)
    {
        long device = entry.Number(7);
        long major = (device >> 8) & 0xfff;
        long minor = (device & 0xff) | ((device >> 12) & 0xfff00);
        return major switch
        {
            >= PtsMajor and < PtsMajor + 8 => "pts/" + Text(minor + ((major - PtsMajor) << 20)),
            4 when minor < 64 => "tty" + Text(minor),
            4 => "ttyS" + Text(minor - 64),
            _ => "?",
        };
    }

    private static string State(ProcessEntry entry) =>
        entry.State
        + (entry.Number(19) < 0 ? "<" : entry.Number(19) > 0 ? "N" : "")
        + (entry.Number(6) == entry.Pid ? "s" : "")
        + (entry.Number(20) > 1 ? "l" : "")
        + (entry.Number(8) == entry.Number(5) && entry.Number(8) > 0 ? "+" : "");
}
