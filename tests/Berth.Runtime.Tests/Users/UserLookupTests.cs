using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Runtime.Host;
using Berth.Runtime.Users;

namespace Berth.Runtime.Tests.Users;

public sealed class UserLookupTests : IDisposable
{
    private const string Passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n4711:x:70:70::/seven:/bin/sh\nnohome:x:5:5\nbad:x:-1:0::/:\nlarge:x:4294967295:0::/:\nodd:x:0x0:0::/:\n";
    private const string Group = "root:x:0:\nmore:x:20:app,other\nhuge:x:4294967296:\n";

    private readonly string root = Directory.CreateTempSubdirectory("berth-users-").FullName;

    public UserLookupTests() => Directory.CreateDirectory(Path.Combine(root, "etc"));

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("", 0, 0, "/root")]
    [InlineData("0", 0, 0, "/root")]
    [InlineData("+0", 0, 0, "/")]
    [InlineData("00", 0, 0, "/")]
    [InlineData("app", 1000, 1001, "/home/app")]
    [InlineData("app:", 1000, 1001, "/home/app")]
    [InlineData(":20", 0, 20, "/root")]
    [InlineData("4711", 70, 70, "/seven")]
    [InlineData("nohome", 5, 5, "/")]
    [InlineData("2147483647:2147483647", 2147483647, 2147483647, "/")]
    public void Found(string user, uint uid, uint gid, string home)
    {
        Identity identity = UserLookup.Resolve(user, Passwd, () => Group);
        Assert.Equal((uid, gid, home), (identity.Uid, identity.Gid, identity.Home));
    }

    [Theory]
    [InlineData("4294967296")]
    [InlineData("4294967295")]
    [InlineData("2147483648")]
    [InlineData("-1")]
    [InlineData("-0000000000000000000001")]
    [InlineData("18446744073709551616")]
    [InlineData("0:-1")]
    [InlineData("0:4294967296")]
    [InlineData("0:huge")]
    [InlineData("bad")]
    [InlineData("large")]
    [InlineData("odd")]
    [InlineData("0:foo")]
    [InlineData("nobody-here")]
    [InlineData("0x0")]
    [InlineData(" 0")]
    [InlineData("0 ")]
    [InlineData("root\n")]
    [InlineData("app:20:0")]
    public void Attack08_Refused(string user) =>
        Assert.Equal(StartFailure.InvalidConfig, Assert.Throws<ContainerStartException>(() => UserLookup.Resolve(user, Passwd, () => Group)).Failure);

    [Theory]
    [InlineData("passwd")]
    [InlineData("group")]
    public void Attack09_LinksStayInside(string file)
    {
        string secret = Path.Combine(root, "..", Path.GetFileName(root) + "-secret");
        File.WriteAllText(secret, "evil:x:12:0:evil:/:/bin/sh\n");
        try
        {
            foreach (string target in (string[])[secret, "../../../../../../../../.." + Path.GetFullPath(secret), "/proc/self/root" + Path.GetFullPath(secret)])
            {
                File.CreateSymbolicLink(Path.Combine(root, "etc", file), target);
                Assert.Throws<ContainerStartException>(() => Resolve("evil:evil"));
                File.Delete(Path.Combine(root, "etc", file));
            }
        }
        finally
        {
            File.Delete(secret);
        }

        // A link inside is followed inside.
        File.WriteAllText(Path.Combine(root, "real"), "evil:x:12:13:evil:/:/bin/sh\n");
        File.CreateSymbolicLink(Path.Combine(root, "etc", file), "/real");
        Assert.Equal(12u, file == "passwd" ? Resolve("evil").Uid : Resolve("0:evil").Gid);
    }

    [Theory]
    [InlineData("passwd", FileTypes.S_IFIFO, 0, 0)]
    [InlineData("passwd", FileTypes.S_IFCHR, 1, 5)]
    [InlineData("passwd", FileTypes.S_IFBLK, 7, 0)]
    [InlineData("passwd", FileTypes.S_IFSOCK, 0, 0)]
    [InlineData("group", FileTypes.S_IFIFO, 0, 0)]
    [InlineData("group", FileTypes.S_IFCHR, 1, 5)]
    public void Attack09_WhatIsNoFileIsRefusedAtOnce(string file, uint type, uint major, uint minor)
    {
        using (FileDescriptor folder = Paths.OpenFolder(Path.Combine(root, "etc")))
            Paths.MakeNode(folder, System.Text.Encoding.UTF8.GetBytes(file), type | 0x1A4, major, minor);
        var watch = Stopwatch.StartNew();
        Assert.Contains("not a regular file", Assert.Throws<ContainerStartException>(() => Resolve("0:app")).Message);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Attack09_SizeIsBounded()
    {
        string passwd = Path.Combine(root, "etc/passwd");
        using (FileStream file = File.Create(passwd))
            file.SetLength(10L << 30);
        Assert.Contains("more than", Assert.Throws<ContainerStartException>(() => Resolve("app")).Message);

        // The most that is read, as one line and as nothing but line ends, takes no time to speak of.
        foreach (byte filling in "a\n:"u8.ToArray())
        {
            byte[] text = new byte[RootFiles.MaxBytes];
            Array.Fill(text, filling);
            File.WriteAllBytes(passwd, text);
            var watch = Stopwatch.StartNew();
            Assert.Throws<ContainerStartException>(() => Resolve("app"));
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), watch.Elapsed.ToString());
        }
    }

    [Fact]
    public void AFolderOrALoopIsNoPasswd()
    {
        string passwd = Path.Combine(root, "etc/passwd");
        Directory.CreateDirectory(passwd);
        Assert.Contains("not a regular file", Assert.Throws<ContainerStartException>(() => Resolve("app")).Message);
        Directory.Delete(passwd);
        File.CreateSymbolicLink(passwd, "passwd");
        Assert.ThrowsAny<Exception>(() => Resolve("app"));
    }

    private Identity Resolve(string user)
    {
        using FileDescriptor folder = Paths.OpenFolder(root);
        return UserLookup.Resolve(folder, user);
    }
}
