using System.Globalization;
using System.Text;

namespace Berth.Engine.Containers.Top;

/// <summary>What /proc tells about one process (proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5)).</summary>
internal sealed class ProcessEntry
{
    private const int TicksPerSecond = 100; // what the kernel shows to programs on every architecture here
    private const int ExecLooks = 100; // a millisecond between two of them
    private readonly string[] fields;

    private ProcessEntry(int pid, string name, string[] fields, uint user, uint group, uint realUser, string commandLine, DateTimeOffset boot)
    {
        Pid = pid;
        Name = name;
        this.fields = fields;
        User = user;
        Group = group;
        RealUser = realUser;
        CommandLine = commandLine.Length > 0 ? commandLine : $"[{name}]";
        StartedAt = boot.AddTicks(Number(22) * (TimeSpan.TicksPerSecond / TicksPerSecond));
    }

    public int Pid { get; }
    public string Name { get; }
    public uint User { get; }
    public uint RealUser { get; }
    public uint Group { get; }

    /// <summary>Its words with spaces between; its name in brackets when it has none.</summary>
    public string CommandLine { get; }
    public DateTimeOffset StartedAt { get; }
    public TimeSpan ProcessorTime => TimeSpan.FromTicks((Number(14) + Number(15)) * (TimeSpan.TicksPerSecond / TicksPerSecond));
    public string State => fields[0];
    public long ResidentBytes => Number(24) * Environment.SystemPageSize;

    /// <summary>A numeric field of stat by its number in the manual page.</summary>
    public long Number(int field) => long.TryParse(fields[field - 3], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : 0;

    /// <summary>The processes that exist among <paramref name="pids"/>.</summary>
    public static List<ProcessEntry> Read(IEnumerable<int> pids)
    {
        string boot = File.ReadLines("/proc/stat").First(static line => line.StartsWith("btime ", StringComparison.Ordinal))[6..];
        DateTimeOffset bootTime = DateTimeOffset.FromUnixTimeSeconds(long.Parse(boot, CultureInfo.InvariantCulture));
        return [.. pids.Select(pid => TryRead(pid, bootTime)).OfType<ProcessEntry>()];
    }

    // A process that has just been started may still be within execve(2): it has its new memory and, since the pipe that told of the start is closed
    // there, is known as running, but its arguments come a moment later.
    private bool IsInExec => CommandLine[0] == '[' && Number(23) > 0 && Number(48) >= Number(49); // vsize, arg_start, arg_end

    private static ProcessEntry? TryRead(int pid, DateTimeOffset boot)
    {
        ProcessEntry? entry = TryReadOnce(pid, boot);
        for (int looks = 1; looks < ExecLooks && entry is { IsInExec: true }; looks++)
        {
            Thread.Sleep(1);
            entry = TryReadOnce(pid, boot);
        }

        return entry;
    }

    private static ProcessEntry? TryReadOnce(int pid, DateTimeOffset boot)
    {
        try
        {
            string folder = $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/";
            string stat = File.ReadAllText(folder + "stat");
            int open = stat.IndexOf('(', StringComparison.Ordinal);
            int close = stat.LastIndexOf(')');
            string[] users = Ids(folder, "Uid:");
            string[] groups = Ids(folder, "Gid:");
            string commandLine = Encoding.UTF8.GetString(File.ReadAllBytes(folder + "cmdline")).TrimEnd('\0').Replace('\0', ' ');
            return new ProcessEntry(pid, stat[(open + 1)..close], stat[(close + 2)..].TrimEnd().Split(' '), Id(users[1]), Id(groups[1]), Id(users[0]), commandLine, boot);
        }
        catch (IOException)
        {
            return null; // it has ended
        }
    }

    private static string[] Ids(string folder, string name) =>
        File.ReadLines(folder + "status").First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Split('\t', StringSplitOptions.RemoveEmptyEntries);

    private static uint Id(string text) => uint.Parse(text, CultureInfo.InvariantCulture);
}
