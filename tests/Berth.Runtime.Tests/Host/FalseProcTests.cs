using System.Globalization;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Users;

namespace Berth.Runtime.Tests.Host;

/// <summary>Row 5: what lies at the caller's /proc is a folder with files of the right names. Nothing is written to them, and nothing they say counts.</summary>
public sealed class FalseProcTests : IDisposable
{
    private const int NextProcesses = 300;

    private readonly string folder = Directory.CreateTempSubdirectory("berth-proc-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Attack05_TheMapOfAMountIsNotWritten()
    {
        IdRange[] range = [new(0, 100000, 65536)];
        long Attempt() => InFalseProc(() =>
        {
            // A busy machine can be past the numbers that have files there, and begins anew at the highest one.
            Exception? refusal = Record.Exception(() => MappedUserNamespace.Create(range, range));
            if (refusal is LinuxException { Errno: Errno.ENOENT })
                return -1;
            _ = Assert.IsType<InvalidDataException>(refusal);
            return Directory.EnumerateFiles("/proc", "*_map", SearchOption.AllDirectories).Sum(static file => new FileInfo(file).Length);
        });
        long content = Attempt();
        for (int i = 0; content < 0 && i < 20; i++)
            content = Attempt();
        Assert.Equal(0, content);
        MappedUserNamespace.Create(range, range).Dispose();
    }

    [Fact]
    public void Attack05_FilesThatArePinnedAreNotOpenedByIt()
    {
        Directory.CreateDirectory(folder + "/etc");
        File.WriteAllText(folder + "/etc/passwd", "root:x:0:0::/:/bin/sh\n");
        using FileDescriptor root = Paths.Open(folder, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        _ = InFalseProc(() => Assert.Throws<InvalidDataException>(() => RootFiles.TryRead(root, "etc/passwd")));
        Assert.Equal("root:x:0:0::/:/bin/sh\n", RootFiles.TryRead(root, "etc/passwd"));
    }

    [Fact]
    public void Attack05_WhatItTellsIsNotBelieved()
    {
        InFalseProc(() =>
        {
            _ = Assert.Throws<InvalidDataException>(() => CgroupFile.Read("/proc/self/cgroup"));
            _ = Assert.Throws<InvalidDataException>(() => NamespaceCalls.Differing(1));
            using FileDescriptor file = Paths.Open("/proc/self/ns/user", OpenFlags.O_RDONLY);
            return Assert.Throws<InvalidDataException>(() => NamespaceCalls.IsOwn(file, NamespaceFlags.CLONE_NEWUSER));
        });
    }

    // On a thread with a mount namespace of its own. Processes to come have files there too.
    private static T InFalseProc<T>(Func<T> action)
    {
        int last = int.Parse(File.ReadAllText("/proc/sys/kernel/ns_last_pid"), CultureInfo.InvariantCulture);
        T? result = default;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                NamespaceCalls.UnshareMounts();
                MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
                MountCalls.Mount("none", "/proc", "tmpfs", MountFlags.None, null);
                foreach (string process in Enumerable.Range(last, NextProcesses).Select(static pid => pid.ToString(CultureInfo.InvariantCulture)).Concat(["self", "1"]))
                {
                    Directory.CreateDirectory($"/proc/{process}/ns");
                    foreach (string name in (ReadOnlySpan<string>)["uid_map", "gid_map", "setgroups", "ns/user", "ns/pid", "cgroup"])
                        File.WriteAllText($"/proc/{process}/{name}", "");
                }

                Directory.CreateDirectory("/proc/self/fd");
                for (int number = 0; number < NextProcesses; number++)
                    File.WriteAllText($"/proc/self/fd/{number}", "eve:x:0:0::/:/bin/sh\n");
                result = action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException(failure.ToString(), failure);
    }
}
