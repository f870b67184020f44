using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Runtime.Cgroups;

/// <summary>What v1 and v2 have in common: a cgroup is a folder, its members are listed in <c>cgroup.procs</c>, and rmdir(2) ends it.</summary>
internal static class CgroupFolder
{
    /// <summary>Makes a cgroup, and missing ones above it.</summary>
    /// <param name="folder">The cgroup's folder.</param>
    /// <param name="mountPoint">The hierarchy's, where looking upwards ends.</param>
    /// <param name="mode">Whether it may be there already, and with processes in it or below.</param>
    /// <param name="prepare">Called for each folder made, top down; null for nothing.</param>
    /// <param name="made">Gets each folder made, top down, also when the call fails.</param>
    /// <exception cref="LinuxException">EEXIST: it is there already; EBUSY: there are processes in it; others by the kernel. Names the folder.</exception>
    public static void Make(string folder, string mountPoint, CreateMode mode, Action<string>? prepare, ICollection<string> made)
    {
        // More than one round: another container's end may take an empty parent away that was just seen.
        for (int round = 0; round < 100; round++)
        {
            try
            {
                if (TryMake(folder, prepare, made))
                    return;
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST && mode.AllowExisting)
            {
                if (!mode.AllowProcesses && Members(folder, recursive: true).Count > 0)
                    throw new LinuxException(Errno.EBUSY, "cgroup", $"{folder} has processes that are not this container's; choose another linux.cgroupsPath");
                prepare?.Invoke(folder);
                return;
            }

            for (int slash = folder.IndexOf('/', mountPoint.Length + 1); slash > 0; slash = folder.IndexOf('/', slash + 1))
            {
                string above = folder[..slash];
                if (!Directory.Exists(above))
                    MakeAbove(above, prepare, made);
            }
        }

        throw new LinuxException(Errno.ENOENT, "mkdir", folder);
    }

    /// <summary>Takes back what <see cref="Make"/> made: each folder that nobody else has begun to use.</summary>
    /// <exception cref="LinuxException">Anything but it being in use.</exception>
    public static void Unmake(IEnumerable<string> made)
    {
        foreach (string folder in made.Reverse())
        {
            try
            {
                Paths.TryRemoveFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(folder));
            }
            catch (LinuxException e) when (e.Errno is Errno.EBUSY or Errno.ENOENT)
            {
            }
        }
    }

    /// <summary>
    /// Removes the cgroup and those below it; absent is fine. Members that are left are killed; EBUSY is retried for two seconds. An empty cgroup,
    /// the usual case, costs one system call.
    /// </summary>
    /// <exception cref="LinuxException">EBUSY: still in use after that.</exception>
    public static void Remove(string folder)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Paths.RemoveFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(folder));
                return;
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
            {
                return;
            }
            catch (LinuxException e) when (e.Errno is Errno.EBUSY or Errno.ENOTEMPTY && attempt < 100)
            {
                KillMembers(folder);
                foreach (string child in Children(folder))
                    Remove(child);
            }

            Thread.Sleep(Math.Min(attempt, 25));
        }
    }

    /// <summary>Sends SIGKILL to every member of the cgroup and of those below it, until there is none.</summary>
    /// <exception cref="LinuxException">A member could not be killed, or some did not end (ETIMEDOUT).</exception>
    public static void KillMembers(string folder)
    {
        foreach (string child in Children(folder))
            KillMembers(child);
        for (int round = 0; round < 200; round++)
        {
            if (KillOnce(folder) == 0)
                return;
            Thread.Sleep(Math.Min(1 + round, 20));
        }

        throw new LinuxException(Errno.ETIMEDOUT, "kill", $"processes in {folder} do not end");
    }

    /// <summary>Kills all members and those below in one step, where the kernel can (v2 since Linux 5.14).</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void KillAtOnce(string folder)
    {
        try
        {
            CgroupFile.Write(folder + "/cgroup.kill", "1");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV or Errno.EOPNOTSUPP)
        {
            // The caller kills one by one.
        }
    }

    /// <summary>Sends SIGKILL to every member of the cgroup and of those below it, once.</summary>
    /// <exception cref="LinuxException">A member could not be signalled.</exception>
    public static void SignalMembers(string folder)
    {
        foreach (string child in Children(folder))
            SignalMembers(child);
        KillOnce(folder);
    }

    // A process is pinned first and seen in the list again afterwards, so a number that was given to a stranger meanwhile is never signalled.
    private static int KillOnce(string folder)
    {
        HashSet<int> members = Members(folder, recursive: false);
        if (members.Count == 0)
            return 0;
        var pinned = new List<(int Pid, FileDescriptor Process)>();
        try
        {
            foreach (int pid in members)
            {
                if (ProcessControl.OpenProcess(pid) is { } process)
                    pinned.Add((pid, process));
            }

            HashSet<int> still = Members(folder, recursive: false);
            foreach ((int pid, FileDescriptor process) in pinned)
            {
                if (still.Contains(pid))
                    ChildProcess.Signal(process, 9);
            }

            return still.Count;
        }
        finally
        {
            foreach ((_, FileDescriptor process) in pinned)
                process.Dispose();
        }
    }

    /// <summary>The processes in the cgroup, and in those below if so asked; none if it is absent.</summary>
    /// <exception cref="LinuxException">EOPNOTSUPP: a threaded cgroup of v2, which has threads only.</exception>
    public static HashSet<int> Members(string folder, bool recursive)
    {
        // 0 stands for a process that this pid namespace cannot see.
        string text = CgroupFile.TryRead(folder + "/cgroup.procs") ?? "";
        HashSet<int> members = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).Where(static pid => pid > 0)];
        if (recursive)
        {
            foreach (string child in Children(folder))
                members.UnionWith(Members(child, recursive));
        }

        return members;
    }

    /// <summary>The cgroups right below; none if it is absent.</summary>
    public static string[] Children(string folder)
    {
        try
        {
            return Directory.GetDirectories(folder);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    private static bool TryMake(string folder, Action<string>? prepare, ICollection<string> made)
    {
        try
        {
            Paths.MakeFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(folder), 0x1ED);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }

        made.Add(folder);
        prepare?.Invoke(folder);
        return true;
    }

    private static void MakeAbove(string folder, Action<string>? prepare, ICollection<string> made)
    {
        try
        {
            TryMake(folder, prepare, made);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            // Another container was faster.
        }
    }
}
