using System.Diagnostics;
using System.Text;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>What a container leaves on its host: found by the container's id, which nothing else has in its name.</summary>
internal static class HostTraces
{
    /// <summary>Waits until nothing but keys is left (ended processes are reaped a moment later), and tells what is.</summary>
    public static void ExpectNone(string id, string stateRoot) => Expect(() => Find(id, stateRoot), id);

    /// <summary>Waits until no key is left, which the kernel frees seconds later.</summary>
    public static void ExpectNoKeys(string id) =>
        Expect(() => [.. File.ReadAllLines("/proc/keys").Where(line => line.Contains("_ses." + id, StringComparison.Ordinal)).Select(static line => "key: " + line)], id);

    private static void Expect(Func<List<string>> find, string id)
    {
        List<string> left = find();
        for (var clock = Stopwatch.StartNew(); left.Count > 0; left = find())
        {
            if (clock.Elapsed.TotalSeconds > 60)
                Assert.Fail($"left of {id}:\n{string.Join('\n', left)}");
            Thread.Sleep(10);
        }
    }

    private static List<string> Find(string id, string stateRoot)
    {
        var left = new List<string>();
        if (Directory.Exists(Path.Combine(stateRoot, id)))
            left.Add($"state: {string.Join(' ', Directory.GetFileSystemEntries(Path.Combine(stateRoot, id)))}");
        left.AddRange(File.ReadAllLines("/proc/self/mountinfo").Where(line => line.Contains(id, StringComparison.Ordinal)).Select(static line => "mount: " + line));
        left.AddRange(Hierarchies().Where(h => Directory.Exists(h + "/" + id)).Select(h => $"cgroup: {h}/{id}"));
        foreach (string process in Directory.GetDirectories("/proc").Where(static p => char.IsAsciiDigit(p[6])))
        {
            // The container's program has the id in its environment, the runtime in its arguments.
            if (Text(process + "/environ").Contains(id, StringComparison.Ordinal) || Text(process + "/cmdline").Contains(id, StringComparison.Ordinal))
                left.Add($"process: {process} {Text(process + "/cmdline").Replace('\0', ' ')}{Text(process + "/stat")}");
        }

        return left;
    }

    // The caller's own cgroup in each, where containers without a cgroupsPath are made.
    private static IEnumerable<string> Hierarchies()
    {
        Dictionary<string, string> own = File.ReadAllLines("/proc/self/cgroup").Select(static line => line.Split(':', 3)).SelectMany(
            static f => f[1].Split(',').Select(controller => KeyValuePair.Create(controller, f[2]))).DistinctBy(static p => p.Key).ToDictionary(StringComparer.Ordinal);
        foreach (string line in File.ReadAllLines("/proc/self/mountinfo"))
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (fields[separator + 1] == "cgroup2")
                yield return fields[4] + Parent(own.GetValueOrDefault("", "/"));
            else if (fields[separator + 1] == "cgroup")
                yield return fields[4] + fields[^1].Split(',').Select(o => own.GetValueOrDefault(o)).FirstOrDefault(static p => p is not null, "")!.TrimEnd('/');
        }
    }

    private static string Parent(string path) => path[..path.LastIndexOf('/')];

    private static string Text(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // it has ended, or is a kernel thread
        }
    }
}
