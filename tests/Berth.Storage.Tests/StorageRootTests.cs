using Berth.Model;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests;

public sealed class StorageRootTests
{
    [Fact]
    public void ASecondDaemonIsRefusedWithThePidOfTheFirst()
    {
        using TempFolder temp = new();
        using (StorageRoot first = StorageRoot.Open(temp["data"]))
        {
            EngineException e = Assert.Throws<EngineException>(() => StorageRoot.Open(temp["data"]));
            Assert.Equal(ErrorKind.Conflict, e.Kind);
            Assert.Contains($"data root {temp["data"]} is in use by another daemon (pid {Environment.ProcessId})", e.Message);
        }

        using StorageRoot again = StorageRoot.Open(temp["data"]);
        Assert.Equal(temp["data"], again.Path);
    }

    [Fact]
    public void Attack26_OtherUsersCannotEnterTheRoot()
    {
        using TempFolder temp = new();
        Directory.CreateDirectory(temp["data"]);
        File.SetUnixFileMode(temp["data"], (UnixFileMode)0x1ED);
        using StorageRoot root = StorageRoot.Open(temp["data"]);
        Assert.Equal((UnixFileMode)0x1C0, File.GetUnixFileMode(temp["data"]));
    }

    [Fact]
    public void ARelativeRootIsRefused() => Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => StorageRoot.Open("data")).Kind);
}
