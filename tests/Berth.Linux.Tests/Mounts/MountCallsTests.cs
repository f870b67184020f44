using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;

namespace Berth.Linux.Tests.Mounts;

/// <summary>Detached mounts, attached in a mount namespace that goes with its thread.</summary>
public sealed class MountCallsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-mounts-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void An_attached_mount_is_seen_in_the_threads_namespace_alone()
    {
        string source = Directory.CreateDirectory(folder + "/source").FullName, place = Directory.CreateDirectory(folder + "/place").FullName;
        File.WriteAllText(source + "/f", "text");
        string before = File.ReadAllText("/proc/self/mountinfo");
        RunApart(() =>
        {
            using FileDescriptor tree = MountCalls.Clone(Paths.WorkingFolder, source, recursive: false);
            using FileDescriptor target = Paths.Open(place, OpenFlags.O_PATH);
            MountCalls.Attach(tree, target);
            Assert.Equal("text", File.ReadAllText(place + "/f"));
            using FileDescriptor attached = Paths.Open(place, OpenFlags.O_PATH), below = Paths.Open(place + "/f", OpenFlags.O_PATH);
            Assert.NotEqual(MountIdentity.Of(target), MountIdentity.Of(attached));
            Assert.Equal(MountIdentity.Of(attached), MountIdentity.Of(below));
        });
        Assert.Empty(Directory.GetFileSystemEntries(place));
        Assert.Equal(Lines(before), Lines(File.ReadAllText("/proc/self/mountinfo")));
    }

    [Fact]
    public void A_folder_is_not_attached_to_a_file()
    {
        File.WriteAllText(folder + "/file", "");
        RunApart(() =>
        {
            using FileDescriptor tree = MountCalls.Clone(Paths.WorkingFolder, folder, recursive: false);
            using FileDescriptor target = Paths.Open(folder + "/file", OpenFlags.O_PATH);
            Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => MountCalls.Attach(tree, target)).Errno);
        });
    }

    private IEnumerable<string> Lines(string mounts) => mounts.Split('\n').Where(line => line.Contains(folder, StringComparison.Ordinal));

    private static void RunApart(Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                NamespaceCalls.UnshareMounts();
                MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.True(failure is null, failure?.ToString());
    }
}
