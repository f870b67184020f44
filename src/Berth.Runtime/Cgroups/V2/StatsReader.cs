using System.Globalization;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>Reads what v2 has counted and tells it in v1's terms, as readers of <see cref="CgroupStats"/> expect.</summary>
internal static class StatsReader
{
    private const ulong NanosecondsPerMicrosecond = 1000;

    /// <summary>Reads all of a cgroup's folder.</summary>
    public static CgroupStats Read(string folder)
    {
        string? cpu = CgroupFile.TryRead(folder + "/cpu.stat");
        return new CgroupStats
        {
            Cpu = new CpuStats
            {
                Usage = new CpuUsageStats { Total = Nanoseconds(cpu, "usage_usec"), User = Nanoseconds(cpu, "user_usec"), Kernel = Nanoseconds(cpu, "system_usec") },
                Throttling = new ThrottlingStats
                {
                    Periods = (ulong)KeyedFile.Value(cpu, "nr_periods"),
                    ThrottledPeriods = (ulong)KeyedFile.Value(cpu, "nr_throttled"),
                    ThrottledTime = Nanoseconds(cpu, "throttled_usec"),
                },
                Psi = Pressure(folder + "/cpu.pressure"),
            },
            Cpuset = new CpusetStats { Cpus = KeyedFile.Ranges(folder + "/cpuset.cpus"), Mems = KeyedFile.Ranges(folder + "/cpuset.mems") },
            Memory = Memory(folder),
            Pids = new PidsStats
            {
                Current = KeyedFile.Single(folder + "/pids.current"),
                Limit = KeyedFile.Single(folder + "/pids.max") is var max and not ulong.MaxValue ? max : 0,
            },
            Blkio = BlockIo(folder),
            Hugetlb = Hugetlb(folder),
            Rdma = KeyedFile.RdmaStats(folder),
        };
    }

    /// <summary>A file of kernel: accounting/psi.rst; null where the kernel keeps none.</summary>
    public static PressureStats? Pressure(string path)
    {
        string? text;
        try
        {
            text = CgroupFile.TryRead(path);
        }
        catch (Berth.Linux.LinuxException e) when (e.Errno == Berth.Linux.Errno.EOPNOTSUPP)
        {
            return null; // switched off at boot
        }

        if (text is null)
            return null;
        PressureShare some = PressureShare.None, full = PressureShare.None;
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            var share = new PressureShare(Average(words, "avg10="), Average(words, "avg60="), Average(words, "avg300="), KeyedFile.Number(Word(words, "total=")));
            if (words[0] == "some")
                some = share;
            else
                full = share;
        }

        return new PressureStats(some, full);
    }

    private static MemoryStats Memory(string folder)
    {
        string prefix = folder + "/memory.";
        SortedDictionary<string, ulong>? raw = KeyedFile.All(prefix + "stat");
        string? events = CgroupFile.TryRead(prefix + "events");
        var usage = new MemoryEntryStats
        {
            Limit = KeyedFile.Single(prefix + "max"),
            Usage = KeyedFile.Single(prefix + "current"),
            Max = KeyedFile.Single(prefix + "peak"),
            Failcnt = (ulong)KeyedFile.Value(events, "max"),
        };
        ulong swapLimit = KeyedFile.Single(prefix + "swap.max");
        return new MemoryStats
        {
            Cache = raw?.GetValueOrDefault("file") ?? 0,
            Usage = usage,
            Swap = new MemoryEntryStats
            {
                Limit = usage.Limit == ulong.MaxValue || swapLimit == ulong.MaxValue ? ulong.MaxValue : usage.Limit + swapLimit,
                Usage = usage.Usage + KeyedFile.Single(prefix + "swap.current"),
                Failcnt = (ulong)KeyedFile.Value(CgroupFile.TryRead(prefix + "swap.events"), "max"),
            },
            Kernel = new MemoryEntryStats { Usage = raw?.GetValueOrDefault("kernel") ?? 0 },
            Raw = raw,
            Psi = Pressure(prefix + "pressure"),
        };
    }

    // Lines "MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N dbytes=N dios=N".
    private static BlockIoStats BlockIo(string folder)
    {
        var bytes = new List<BlockIoEntry>();
        var operations = new List<BlockIoEntry>();
        foreach (string line in (CgroupFile.TryRead(folder + "/io.stat") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            if (words[0].Split(':') is not [var major, var minor] || !ulong.TryParse(major, out ulong majorNumber) || !ulong.TryParse(minor, out ulong minorNumber))
                continue;
            foreach (string word in words.Skip(1))
            {
                (List<BlockIoEntry>? table, string op) = word[..Math.Max(word.IndexOf('=', StringComparison.Ordinal), 0)] switch
                {
                    "rbytes" => (bytes, "Read"),
                    "wbytes" => (bytes, "Write"),
                    "dbytes" => (bytes, "Discard"),
                    "rios" => (operations, "Read"),
                    "wios" => (operations, "Write"),
                    "dios" => (operations, "Discard"),
                    _ => (null, ""),
                };
                table?.Add(new BlockIoEntry { Major = majorNumber, Minor = minorNumber, Op = op, Value = KeyedFile.Number(word[(word.IndexOf('=', StringComparison.Ordinal) + 1)..]) });
            }
        }

        return new BlockIoStats
        {
            IoServiceBytesRecursive = bytes.Count > 0 ? bytes : null,
            IoServicedRecursive = operations.Count > 0 ? operations : null,
            Psi = Pressure(folder + "/io.pressure"),
        };
    }

    private static SortedDictionary<string, HugetlbStats> Hugetlb(string folder)
    {
        const string suffix = ".current";
        var all = new SortedDictionary<string, HugetlbStats>(StringComparer.Ordinal);
        if (!Directory.Exists(folder))
            return all;
        foreach (string file in Directory.EnumerateFiles(folder, "hugetlb.*" + suffix))
        {
            string size = Path.GetFileName(file)["hugetlb.".Length..^suffix.Length];
            if (size.Contains('.', StringComparison.Ordinal))
                continue;
            string current = $"{folder}/hugetlb.{size}.rsvd{suffix}";
            all[size] = new HugetlbStats
            {
                Usage = KeyedFile.Single(File.Exists(current) ? current : file),
                Failcnt = (ulong)KeyedFile.Value(CgroupFile.TryRead($"{folder}/hugetlb.{size}.events"), "max"),
            };
        }

        return all;
    }

    private static ulong Nanoseconds(string? text, string key) => (ulong)KeyedFile.Value(text, key) * NanosecondsPerMicrosecond;

    private static string? Word(string[] words, string key) =>
        Array.Find(words, w => w.StartsWith(key, StringComparison.Ordinal))?[key.Length..];

    private static double Average(string[] words, string key) =>
        double.TryParse(Word(words, key), CultureInfo.InvariantCulture, out double value) ? value : 0;
}
