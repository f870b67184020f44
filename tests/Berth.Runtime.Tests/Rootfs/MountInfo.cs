using System.Diagnostics;

namespace Berth.Runtime.Tests.Rootfs;

/// <summary>One line of mountinfo, proc_pid_mountinfo(5).</summary>
internal sealed record MountInfo(string Root, string Point, string[] Options, string[] Propagation, string Type, string Source, string[] FileSystemOptions)
{
    /// <summary>The lines by their mount point; of several at one place the last, which is on top.</summary>
    public static Dictionary<string, MountInfo> Parse(string text)
    {
        var found = new Dictionary<string, MountInfo>();
        foreach (string line in text.Split('\n'))
        {
            string[] halves = line.Split(" - ");
            if (halves.Length != 2)
                continue;
            string[] left = halves[0].Split(' '), right = halves[1].Split(' ');
            found[left[4]] = new MountInfo(
                left[3], left[4], left[5].Split(','), [.. left[6..].Select(static f => f.Split(':')[0])], right[0], right[1], right[2].Split(','));
        }

        return found;
    }

    /// <summary>Mounts on the host, for what a container is to see of it.</summary>
    public static void OnHost(string type, string at, string options = "rw") => Tool("mount", "-t", type, "-o", options, type, at);

    public static void Tool(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
