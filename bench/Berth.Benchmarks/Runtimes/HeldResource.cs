using System.Globalization;

namespace Berth.Benchmarks.Runtimes;

/// <summary>How much of something is held.</summary>
/// <param name="Name">Of what.</param>
/// <param name="Value">How much.</param>
/// <param name="IsOwn">Whether nobody else on the machine has a part in it: then it may not grow at all.</param>
/// <param name="PerRun">Otherwise: how much of it one leaking run would add at least; less than half of that on average is others' doing.</param>
internal sealed record HeldResource(string Name, long Value, bool IsOwn = false, long PerRun = 1)
{
    /// <summary>Looks at everything.</summary>
    /// <param name="state">The runtime's state folder.</param>
    /// <param name="cgroup">The parent of all containers' cgroups, from the root of the hierarchies.</param>
    public static IReadOnlyList<HeldResource> Count(string state, string cgroup)
    {
        List<string[]> processes = [.. Statuses()];
        List<HeldResource> result =
        [
            new("mounts", File.ReadLines("/proc/self/mountinfo").Count(), IsOwn: true),
            new("state folders", Directory.EnumerateFileSystemEntries(state).Count(), IsOwn: true),
            new("descriptors of this process", Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(), IsOwn: true),
            new("children of this process", processes.Count(static p => p[1] == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)), IsOwn: true),
            new("processes on the machine", processes.Count),
            new("zombies on the machine", processes.Count(static p => p[0] == "Z")),
            new("open files on the machine", long.Parse(File.ReadAllText("/proc/sys/fs/file-nr").Split('\t')[0], CultureInfo.InvariantCulture)),
            new("keys of root", Keys()),
            new("kernel memory that cannot be reclaimed, KiB", Memory("SUnreclaim"), PerRun: 4),
        ];
        foreach (string root in Directory.EnumerateDirectories("/sys/fs/cgroup").Prepend("/sys/fs/cgroup").Where(root => Directory.Exists(root + cgroup)))
            result.Add(new($"cgroups in {root}", Directory.EnumerateDirectories(root + cgroup, "*", SearchOption.AllDirectories).Count(), IsOwn: true));
        foreach (string[] fields in File.ReadLines("/proc/cgroups").Skip(1).Select(static line => line.Split('\t')))
            result.Add(new($"cgroups of {fields[0]} in the kernel, dying ones too", long.Parse(fields[2], CultureInfo.InvariantCulture)));
        return result;
    }

    /// <summary>Both looks side by side.</summary>
    public static IEnumerable<(HeldResource Before, HeldResource After, bool IsFine)> Compare(IReadOnlyList<HeldResource> before, IReadOnlyList<HeldResource> after, int runs) =>
        before.Zip(after, (was, now) => (was, now, now.Value - was.Value <= (was.IsOwn ? 0 : Math.Max(runs * was.PerRun / 2, 100))));

    // State and parent (fields 3 and 4 of proc_pid_stat(5)).
    private static IEnumerable<string[]> Statuses()
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(static f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            string stat;
            try
            {
                stat = File.ReadAllText(folder + "/stat");
            }
            catch (IOException)
            {
                continue; // it has ended
            }

            yield return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[..2];
        }
    }

    // "    0:   109 108/108 24/1000000 489/25000000": the second number is that of keys (proc_key-users(5)).
    private static long Keys() => File.ReadLines("/proc/key-users")
        .Select(static line => line.Split([' ', ':', '/'], StringSplitOptions.RemoveEmptyEntries))
        .Where(static fields => fields[0] == "0").Sum(static fields => long.Parse(fields[2], CultureInfo.InvariantCulture));

    private static long Memory(string name) => long.Parse(
        File.ReadLines("/proc/meminfo").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
