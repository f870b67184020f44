using Berth.Runtime.Shims;

namespace Berth.Runtime.Tests.Shims;

public sealed class ExitStatusFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-exit-").FullName;

    private string Exit => Path.Combine(_folder, "exit");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AStatusComesBackAsItWasWritten()
    {
        var status = new ExitStatus(137, OomKilled: true, DateTimeOffset.UtcNow);
        ExitStatusFile.Write(Exit, status);
        Assert.Equal(status, ExitStatusFile.TryRead(Exit));
    }

    [Fact]
    public void NoFileAndAnUnfinishedRunHaveNoStatus()
    {
        Assert.Null(ExitStatusFile.TryRead(Exit));
        ExitStatusFile.Write(Exit, new ExitStatus(1, false, DateTimeOffset.UtcNow));
        ExitStatusFile.Begin(Exit).Dispose();
        Assert.Null(ExitStatusFile.TryRead(Exit));
    }

    [Fact]
    public void EveryTornRecordIsNone()
    {
        ExitStatusFile.Write(Exit, new ExitStatus(3, false, DateTimeOffset.UtcNow));
        byte[] whole = File.ReadAllBytes(Exit);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Exit, whole[..length]);
            Assert.Null(ExitStatusFile.TryRead(Exit));
            File.WriteAllBytes(Exit, [.. whole[..length], .. new byte[whole.Length - length]]);
            Assert.True(ExitStatusFile.TryRead(Exit) is null || whole.AsSpan(length).IndexOfAnyExcept((byte)0) < 0);
        }

        for (int i = 0; i < whole.Length * 8; i++)
        {
            byte[] flipped = [.. whole];
            flipped[i / 8] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(Exit, flipped);
            Assert.Null(ExitStatusFile.TryRead(Exit));
        }
    }
}
