using System.Globalization;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Looks for whatever a daemon made and did not take away: only things that are that daemon's own.</summary>
internal static class Leftovers
{
    private static readonly string[] ContainerFolders =
        ["data/containers", "data/snapshots/containers", "data/content/ingest", "exec/bundles", "exec/shims"];

    private static readonly string[] ImageFolders = ["data/content/blobs/sha256", "data/snapshots/layers"];

    /// <summary>
    /// Waits a few seconds for the last of the removals, then fails with what is left. To be called when all containers (and, with
    /// <paramref name="imagesToo"/>, all images) were removed and the daemon is stopped or, with <paramref name="isRunning"/>, idle.
    /// </summary>
    public static async Task AssertNoneAsync(RunningDaemon daemon, bool imagesToo, bool isRunning = false)
    {
        List<string> found = Find(daemon, imagesToo, isRunning);
        for (int i = 0; i < 100 && found.Count > 0; i++)
        {
            await Task.Delay(50);
            found = Find(daemon, imagesToo, isRunning);
        }

        Assert.True(found.Count == 0, $"left behind:\n{string.Join('\n', found)}\n--- berthd.log\n{Tail(daemon.Log)}");
    }

    /// <summary>Nothing is left of build steps that run no more: bundles and writable layers are those of containers.</summary>
    public static async Task AssertNoStepsAsync(RunningDaemon daemon)
    {
        HashSet<string> known = [.. (await daemon.Api.GetAsync("/containers/json?all=1")).Expect(System.Net.HttpStatusCode.OK).Json.AsArray().Select(static container => container!["Id"]!.GetValue<string>())]; // a list has no nulls, docker's member
        await Poll.UntilAsync(
            () => ((string[])[Path.Combine(daemon.ExecRoot, "bundles"), Path.Combine(daemon.DataRoot, "snapshots/containers")])
                .SelectMany(Directory.EnumerateFileSystemEntries).All(path => known.Contains(Path.GetFileName(path))),
            "nothing is left of build steps");
    }

    /// <summary>Processes of a daemon's shims and containers.</summary>
    public static List<int> Processes(RunningDaemon daemon)
    {
        var ids = daemon.Containers.ToHashSet(StringComparer.Ordinal);
        var result = new List<int>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int pid) && pid != Environment.ProcessId
                && (daemon.WasChild(pid) || IsOf(folder, daemon.Home + "/", ids)))
            {
                result.Add(pid);
            }
        }

        return result;
    }

    /// <summary>Lets go on what a container's cgroup holds frozen: it could not be killed otherwise.</summary>
    public static void Thaw(RunningDaemon daemon)
    {
        foreach (string file in Cgroups(daemon).SelectMany(static folder => Directory.EnumerateFiles(folder, "freezer.state", SearchOption.AllDirectories)).ToList())
        {
            File.WriteAllText(file, "THAWED");
        }
    }

    private static List<string> Find(RunningDaemon daemon, bool imagesToo, bool isRunning)
    {
        var found = new List<string>();
        found.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(daemon.Home, StringComparison.Ordinal) && !line.Contains(daemon.NamespacePath, StringComparison.Ordinal)).Select(static line => "mount " + line));
        found.AddRange(Cgroups(daemon));
        foreach (int pid in Processes(daemon).Where(pid => !isRunning || pid != daemon.Pid))
        {
            found.Add($"process {pid}: {CommandLine(pid)}");
        }

        foreach (string folder in imagesToo ? [.. ContainerFolders, .. ImageFolders] : ContainerFolders)
        {
            string path = Path.Combine(daemon.Home, folder);
            if (Directory.Exists(path))
            {
                found.AddRange(Directory.EnumerateFileSystemEntries(path));
            }
        }

        if (!isRunning && File.Exists(daemon.SocketPath))
        {
            found.Add(daemon.SocketPath);
        }

        return found;
    }

    private static IEnumerable<string> Cgroups(RunningDaemon daemon)
    {
        const string Root = "/sys/fs/cgroup";
        foreach (string hierarchy in (string[])[Root, .. Directory.EnumerateDirectories(Root)])
        {
            foreach (string id in daemon.Containers)
            {
                string path = Path.Combine(hierarchy, "berth", id);
                if (Directory.Exists(path))
                {
                    yield return path;
                }
            }
        }
    }

    // In one of its containers' cgroups, named on the command line, or with one of its files open.
    private static bool IsOf(string folder, string home, HashSet<string> ids)
    {
        try
        {
            return File.ReadLines(folder + "/cgroup").Any(line => ids.Contains(line[(line.LastIndexOf('/') + 1)..]))
                || File.ReadAllText(folder + "/cmdline").Contains(home, StringComparison.Ordinal)
                || Directory.EnumerateFileSystemEntries(folder + "/fd").Any(link => new FileInfo(link).LinkTarget?.StartsWith(home, StringComparison.Ordinal) == true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // ended while it was looked at
        }
    }

    /// <summary>A process's words with spaces between; empty when it has ended.</summary>
    public static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/cmdline").Replace('\0', ' ');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string Tail(string log) => log.Length > 6000 ? log[^6000..] : log;
}
