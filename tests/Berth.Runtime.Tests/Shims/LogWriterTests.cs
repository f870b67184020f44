using System.Text;
using System.Text.Json;
using Berth.Linux.Pipes;
using Berth.Runtime.Shims.Server;

namespace Berth.Runtime.Tests.Shims;

public sealed class LogWriterTests : IDisposable
{
    private static readonly DateTime s_time = new DateTime(2026, 11, 21, 2, 32, 43, DateTimeKind.Utc).AddTicks(2510609);
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-log-").FullName;
    private readonly PageBuffer _buffer = new(SharedBuffers.EncodedBytes);

    private string Log => Path.Combine(_folder, "x-json.log");

    public void Dispose()
    {
        _buffer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private LogWriter Open(long maxBytes = 0, int maxFiles = 3) => new(Log, maxBytes, maxFiles, _buffer, static () => { });

    // Gives the bytes in pieces of the size, with what was not taken in front of the next, as OutputReader does.
    private static void Feed(LogWriter log, byte[] bytes, int pieceBytes)
    {
        byte[] unfinished = [];
        for (int i = 0; i < bytes.Length; i += pieceBytes)
        {
            byte[] piece = [.. unfinished, .. bytes.AsSpan(i, Math.Min(pieceBytes, bytes.Length - i))];
            unfinished = piece[log.Append(isError: false, piece, s_time)..];
            Assert.True(unfinished.Length < LogWriter.MaxRecord);
        }

        log.AppendUnfinished(isError: false, unfinished, s_time);
        log.Flush();
    }

    private static string Content(IEnumerable<string> lines) =>
        string.Concat(lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("log").GetString()));

    [Fact]
    public void ALineIsWrittenAsDockerWritesIt()
    {
        using LogWriter log = Open();
        Assert.Equal(6, log.Append(isError: false, "a<\"b\n"u8.ToArray().Concat("c"u8.ToArray()).ToArray()[..5].Append((byte)'\n').ToArray(), s_time));
        log.Append(isError: true, "err\n"u8, s_time.AddSeconds(1));
        log.AppendUnfinished(isError: true, "end"u8, s_time);
        log.Flush();
        Assert.Equal(
            """
            {"log":"a\u003c\"b\n","stream":"stdout","time":"2026-11-21T02:32:43.251060900Z"}
            {"log":"\n","stream":"stdout","time":"2026-11-21T02:32:43.251060900Z"}
            {"log":"err\n","stream":"stderr","time":"2026-11-21T02:32:44.251060900Z"}
            {"log":"end","stream":"stderr","time":"2026-11-21T02:32:43.251060900Z"}

            """,
            File.ReadAllText(Log));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(777)]
    [InlineData(16384)]
    [InlineData(131072)]
    public void LongLinesAreSplitWhereDockerSplitsThem(int pieceBytes)
    {
        using LogWriter log = Open();
        string output = new string('a', 16384) + "\n" + new string('b', 16383) + "\n" + new string('c', 16385) + "\n" + new string('d', 40000) + "\nend";
        Feed(log, Encoding.UTF8.GetBytes(output), pieceBytes);
        string[] lines = File.ReadAllLines(Log);
        Assert.Equal(output, Content(lines));
        Assert.Equal([16384, 1, 16384, 16384, 2, 16384, 16384, 7233, 3], lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("log").GetString()!.Length));
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(1, 999)]
    [InlineData(5, 50000)]
    public void RotationLosesNothingBetweenFiles(int maxFiles, int pieceBytes)
    {
        string output = string.Concat(Enumerable.Range(0, 3000).Select(static number => $"line {number}\n"));
        using (LogWriter log = Open(maxBytes: 20_000, maxFiles))
            Feed(log, Encoding.UTF8.GetBytes(output), pieceBytes);

        string[] files = [.. Enumerable.Range(0, maxFiles + 2).Reverse().Select(number => number == 0 ? Log : $"{Log}.{number}").Where(File.Exists)];
        Assert.Equal(maxFiles, files.Length);
        foreach (string file in files[..^1])
            Assert.InRange(new FileInfo(file).Length, 20_000, 20_200);
        string kept = Content(files.SelectMany(File.ReadAllLines));
        Assert.EndsWith(kept, output);
        Assert.True(maxFiles == 1 || kept.Length > 3000);
    }

    [Fact]
    public void ATornRecordFromAPowerCutSpoilsNoOther()
    {
        File.WriteAllText(Log, "{\"log\":\"half");
        using (LogWriter log = Open())
            Feed(log, "whole\n"u8.ToArray(), 100);
        Assert.StartsWith("{\"log\":\"whole\\n\"", File.ReadAllLines(Log)[1]);
    }

    [Fact]
    public void Attack28_AFullDiskLosesRecordsAndKeepsTheFileWhole()
    {
        File.CreateSymbolicLink(Log, "/dev/full");
        using LogWriter log = new(Log, 0, 3, _buffer, static () => { });
        Feed(log, "lost\n"u8.ToArray(), 100);
        Assert.Contains("no space left on device", log.Error, StringComparison.Ordinal);
        Assert.Contains("bytes of log were lost", log.Error, StringComparison.Ordinal);
    }
}
