using System.Diagnostics;
using Berth.Linux;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>
/// The freezer controller (kernel: cgroup-v1/freezer-subsystem.rst). It stops tasks by waking each one: while members fork, or sit in a vfork(2), it can stay
/// FREEZING for ever. Asking again makes it look at the tasks anew, and letting all go on for a moment lets a vfork get through.
/// </summary>
internal static class Freezer
{
    private const int ThawEvery = 50;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Stops or resumes all members.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: some member does not stop; all go on.</exception>
    public static void Set(string folder, bool frozen)
    {
        string file = folder + "/freezer.state";
        if (!frozen)
        {
            CgroupFile.Write(file, "THAWED");
            return;
        }

        long start = Stopwatch.GetTimestamp();
        for (int attempt = 1; Stopwatch.GetElapsedTime(start) < Limit; attempt++)
        {
            if (attempt % ThawEvery == 0)
            {
                CgroupFile.Write(file, "THAWED");
                Thread.Sleep(10);
            }

            CgroupFile.Write(file, "FROZEN");
            if (State(file) == "FROZEN")
                return;
            Thread.Sleep(attempt < 10 ? 0 : 1);
        }

        CgroupFile.Write(file, "THAWED");
        throw new LinuxException(Errno.ETIMEDOUT, "cgroup", $"the members of {folder} do not freeze within {Limit.TotalSeconds} s");
    }

    /// <summary>Whether members are stopped, or being stopped; false when the cgroup is absent.</summary>
    public static bool IsFrozen(string folder) => State(folder + "/freezer.state") is "FROZEN" or "FREEZING";

    /// <summary>As <see cref="IsFrozen"/>, of the cgroup or any below it.</summary>
    public static bool IsAnyFrozen(string folder) => IsFrozen(folder) || CgroupFolder.Children(folder).Any(IsAnyFrozen);

    /// <summary>Resumes the members of the cgroup and of those below it, whoever stopped them. Absent is fine.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void ThawAll(string folder)
    {
        try
        {
            Set(folder, frozen: false);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return; // its last member has ended, and somebody removed it
        }

        foreach (string child in CgroupFolder.Children(folder))
            ThawAll(child);
    }

    private static string State(string file) => (CgroupFile.TryRead(file) ?? "").Trim();
}
