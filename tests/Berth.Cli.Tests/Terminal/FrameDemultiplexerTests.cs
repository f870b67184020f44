using System.Text;
using Berth.Api;
using Berth.Cli.Terminal;

namespace Berth.Cli.Tests.Terminal;

public sealed class FrameDemultiplexerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Frames_arrive_in_pieces_of_any_size(int piece)
    {
        byte[] connection = [.. Frame(StreamKind.Stdout, "out1"), .. Frame(StreamKind.Stderr, "err"), .. Frame(StreamKind.Stdout, ""), .. Frame(StreamKind.Stdout, "out2")];
        using var stdout = new MemoryStream();
        using var stderr = new MemoryStream();
        var frames = new FrameDemultiplexer(stdout, stderr);
        foreach (byte[] part in connection.Chunk(piece))
            frames.Write(part);

        frames.Complete();
        Assert.Equal("out1out2", Encoding.UTF8.GetString(stdout.ToArray()));
        Assert.Equal("err", Encoding.UTF8.GetString(stderr.ToArray()));
    }

    [Fact]
    public void An_error_of_the_daemon_is_told_at_the_end()
    {
        var frames = new FrameDemultiplexer(Stream.Null, Stream.Null);
        frames.Write(Frame(StreamKind.SystemError, "log is gone"));
        Assert.Equal("error from daemon in stream: log is gone", Assert.Throws<CommandFailedException>(frames.Complete).Message);
    }

    [Fact]
    public void What_is_no_frame_is_refused()
    {
        var frames = new FrameDemultiplexer(Stream.Null, Stream.Null);
        Assert.Throws<CommandFailedException>(() => frames.Write("plain text"u8));
    }

    private static byte[] Frame(StreamKind kind, string text)
    {
        byte[] content = Encoding.UTF8.GetBytes(text);
        byte[] frame = new byte[StreamFraming.HeaderLength + content.Length];
        StreamFraming.WriteHeader(frame, kind, content.Length);
        content.CopyTo(frame, StreamFraming.HeaderLength);
        return frame;
    }
}
