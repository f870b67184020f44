using System.Text;
using Berth.Daemon.Http;

namespace Berth.Daemon.Tests.Http;

public sealed class FrameSplitterTests
{
    private static readonly byte[] Frames = [1, 0, 0, 0, 0, 0, 0, 3, .. "abc"u8, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, .. Encoding.ASCII.GetBytes(new string('d', 256))];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(11)]
    [InlineData(1000)]
    public void Text_is_what_is_between_the_heads_however_it_is_cut(int piece)
    {
        var splitter = new FrameSplitter();
        var text = new StringBuilder();
        foreach (byte[] bytes in Frames.Chunk(piece))
        {
            ReadOnlyMemory<byte> rest = bytes;
            for (FrameSplitter.Stretch next; (next = splitter.Next(rest)).Text.Length > 0; rest = next.Rest)
            {
                text.Append(Encoding.ASCII.GetString(next.Text.Span));
            }
        }

        Assert.Equal("abc" + new string('d', 256), text.ToString());
    }
}
