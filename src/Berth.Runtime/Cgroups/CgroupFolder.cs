using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Runtime.Cgroups;

/// <summary>What v1 and v2 have in common: a cgroup is a folder, its members are listed in <c>cgroup.procs</c>, and rmdir(2) ends it.</summary>
internal static class CgroupFolder
{
    /// <summary>Makes the last folder of <paramref name="cgroupsPath"/>, and missing ones above it.</summary>
    /// <param name="hierarchy">Where.</param>
    /// <param name="cgroupsPath">From the root of the hierarchy.</param>
    /// <param name="made">Called for each folder made, top down.</param>
    /// <exception cref="LinuxException">EEXIST: it is there already; others by the kernel. Names the folder.</exception>
    public static void Make(CgroupHierarchy hierarchy, string cgroupsPath, Action<string>? made)
    {
        string folder = hierarchy.Folder(cgroupsPath);
        if (!TryMake(folder, made))
        {
            for (int slash = cgroupsPath.IndexOf('/', 1); slash > 0; slash = cgroupsPath.IndexOf('/', slash + 1))
            {
                string above = hierarchy.Folder(cgroupsPath[..slash]);
                if (!Directory.Exists(above))
                    MakeAbove(above, made);
            }

            if (!TryMake(folder, made))
                throw new LinuxException(Errno.ENOENT, "mkdir", folder);
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

    // A process is pinned first and seen in the list again afterwards, so a number that was given to a stranger meanwhile is never signalled.
    private static int KillOnce(string folder)
    {
        HashSet<int> members = Members(folder);
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

            HashSet<int> still = Members(folder);
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

    private static HashSet<int> Members(string folder)
    {
        // 0 stands for a process that this pid namespace cannot see.
        string text = CgroupFile.TryRead(folder + "/cgroup.procs") ?? "";
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).Where(static pid => pid > 0)];
    }

    private static string[] Children(string folder)
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

    private static bool TryMake(string folder, Action<string>? made)
    {
        try
        {
            Paths.MakeFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(folder), 0x1ED);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }

        made?.Invoke(folder);
        return true;
    }

    private static void MakeAbove(string folder, Action<string>? made)
    {
        try
        {
            TryMake(folder, made);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            // Another container was faster; its maker also completes it (cpuset).
        }
    }
}
