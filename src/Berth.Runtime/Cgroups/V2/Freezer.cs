using System.Diagnostics;
using System.Text;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Cgroups.V2;

/// <summary><c>cgroup.freeze</c>, and <c>frozen</c> in cgroup.events, which tells when all members have stopped.</summary>
internal static class Freezer
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Stops or resumes all members; the former is waited for.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: some member does not stop; all go on.</exception>
    public static void Set(string folder, bool frozen)
    {
        string file = folder + "/cgroup.freeze";
        CgroupFile.Write(file, frozen ? "1" : "0");
        if (!frozen || WaitUntilFrozen(folder + "/cgroup.events"))
            return;
        CgroupFile.Write(file, "0");
        throw new LinuxException(Errno.ETIMEDOUT, "cgroup", $"the members of {folder} do not freeze within {Limit.TotalSeconds} s");
    }

    /// <summary>Whether members are stopped, or being stopped; false when the cgroup is absent.</summary>
    public static bool IsFrozen(string folder) => KeyedFile.Single(folder + "/cgroup.freeze") == 1;

    private static bool WaitUntilFrozen(string events)
    {
        long start = Stopwatch.GetTimestamp();
        byte[] buffer = new byte[256];
        while (true)
        {
            // A change is told to descriptors that have read the file before it: a new one for each round.
            using FileDescriptor file = Paths.Open(events, OpenFlags.O_RDONLY);
            Errno errno = DescriptorIo.TryRead(file.Number, buffer, out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", events);
            if (KeyedFile.Value(Encoding.ASCII.GetString(buffer, 0, count), "frozen") == 1)
                return true;
            TimeSpan left = Limit - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                return false;
            using var poll = new EventPoll(1);
            poll.Add(file.Number, PollEvents.Priority, 0);
            poll.Wait((int)Math.Ceiling(left.TotalMilliseconds));
        }
    }
}
