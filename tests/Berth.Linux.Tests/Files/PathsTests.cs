using System.Text;
using Berth.Linux.Files;

namespace Berth.Linux.Tests.Files;

public sealed class PathsTests : IDisposable
{
    private readonly string path = Directory.CreateTempSubdirectory("berth-files-test-").FullName;
    private readonly FileDescriptor folder;

    public PathsTests() => folder = Paths.OpenFolder(path);

    public void Dispose()
    {
        folder.Dispose();
        using FileDescriptor parent = Paths.OpenFolder(Path.GetDirectoryName(path)!);
        FolderTree.Delete(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)));
    }

    [Fact]
    public void ResolutionBeneathNeverLeavesTheFolder()
    {
        Paths.MakeSymlink("/etc"u8, folder, "absolute"u8);
        Paths.MakeSymlink("../../../../etc"u8, folder, "relative"u8);
        Paths.MakeFolder(folder, "inside"u8, 0x1C0);
        Paths.MakeSymlink("inside"u8, folder, "good"u8);
        foreach (string name in (string[])["absolute", "relative", "..", "inside/../.."])
        {
            LinuxException e = Assert.Throws<LinuxException>(() => Paths.Open(folder, Encoding.UTF8.GetBytes(name), OpenFlags.O_PATH | OpenFlags.O_DIRECTORY, 0, ResolveFlags.RESOLVE_BENEATH).Dispose());
            Assert.Equal((Errno.EXDEV, "openat2"), (e.Errno, e.Call));
        }

        Paths.Open(folder, "good"u8, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY, 0, ResolveFlags.RESOLVE_BENEATH).Dispose();
    }

    [Fact]
    public void DescriptorsAreCloseOnExec()
    {
        using FileDescriptor file = Paths.Open(folder, "f"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0x180);
        string flags = File.ReadAllLines($"/proc/self/fdinfo/{file.Number}").Single(line => line.StartsWith("flags:"));
        Assert.NotEqual(0UL, (ulong)Convert.ToInt64(flags.Split('\t')[1], 8) & OpenFlags.O_CLOEXEC);
    }

    [Fact]
    public void PathsThatTheKernelWouldCutAreRefused()
    {
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => Paths.MakeFolder(folder, "a\0b"u8, 0x1C0)).Errno);
        Assert.Equal(Errno.ENAMETOOLONG, Assert.Throws<LinuxException>(() => Paths.MakeFolder(folder, new byte[5000].Select(_ => (byte)'a').ToArray(), 0x1C0)).Errno);
    }

    [Fact]
    public void NodesLinksAndStatusAgree()
    {
        Paths.MakeNode(folder, "device"u8, FileTypes.S_IFCHR | 0x180, 511, 0xFFFFF);
        FileStatus device = FileStatusCalls.Stat(folder, "device"u8);
        Assert.Equal((FileTypes.S_IFCHR, 511u, 0xFFFFFu), (device.Type, device.DeviceMajor, device.DeviceMinor));
        using (FileDescriptor file = Paths.Open(folder, "f"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0x180))
        {
            FileData.Write(file, "hello"u8);
            FileData.WriteAt(file, "J"u8, 0);
            FileAttributeCalls.SetOwner(file, 5, 6);
            FileAttributeCalls.SetMode(file, 0x9ED);
            FileAttributeCalls.SetTimes(file, 77, 88);
            byte[] read = new byte[10];
            Assert.Equal("Jello", Encoding.ASCII.GetString(read, 0, FileData.ReadAt(file, read, 0)));
        }

        Paths.Link(folder, "f"u8, folder, "g"u8);
        FileStatus status = FileStatusCalls.Stat(folder, "g"u8);
        Assert.Equal(new FileStatus(FileTypes.S_IFREG | 0x9ED, 5, 6, 2, status.Inode, 5, 77, 88, 0, 0), status);
        Assert.False(FileStatusCalls.TryStat(folder, "none"u8, out _));
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => Paths.Rename(folder, "f"u8, folder, "device"u8, noReplace: true)).Errno);
    }

    [Fact]
    public void AttributesAreBytes()
    {
        Paths.MakeFolder(folder, "d"u8, 0x1C0);
        ExtendedAttributes.Set(folder, "d"u8, "user.x", [0, 255, 10]);
        Assert.Equal([0, 255, 10], ExtendedAttributes.Get(folder, "d"u8, "user.x")!);
        Assert.Null(ExtendedAttributes.Get(folder, "d"u8, "user.y"));
    }

    [Fact]
    public void LocksExcludeEachOtherAndEndWithTheirRelease()
    {
        using FileDescriptor first = Paths.Open(folder, "lock"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0x180);
        using FileDescriptor second = Paths.Open(folder, "lock"u8, OpenFlags.O_RDWR);
        Assert.True(FileLock.TryExclusive(first));
        Assert.False(FileLock.TryExclusive(second));
        FileLock.Release(first);
        Assert.True(FileLock.TryExclusive(second));
    }

    [Fact]
    public void DeletionTakesWholeTreesAndNothingBehindLinks()
    {
        Directory.CreateDirectory(path + "/keep");
        File.WriteAllText(path + "/keep/file", "x");
        Directory.CreateDirectory(path + "/tree/a/b");
        File.CreateSymbolicLink(path + "/tree/link", path + "/keep");
        for (int i = 0; i < 3000; i++)
        {
            File.WriteAllText(path + "/tree/a/f" + i, "");
        }

        FileDescriptor deep = Paths.OpenFolder(path + "/tree");
        for (int i = 0; i < 5000; i++)
        {
            Paths.MakeFolder(deep, "d"u8, 0);
            FileDescriptor next = Paths.Open(deep, "d"u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
            deep.Dispose();
            deep = next;
        }

        deep.Dispose();
        FolderTree.Delete(folder, "tree"u8);
        FolderTree.Delete(folder, "tree"u8);
        Assert.Equal(["keep"], Directory.GetFileSystemEntries(path).Select(Path.GetFileName));
        Assert.Equal("x", File.ReadAllText(path + "/keep/file"));
    }
}
