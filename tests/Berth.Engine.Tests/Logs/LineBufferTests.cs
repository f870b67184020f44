using System.Text;
using Berth.Engine.Logs;

namespace Berth.Engine.Tests.Logs;

public sealed class LineBufferTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(64)]
    public void Lines_do_not_depend_on_the_pieces_they_come_in(int piece)
    {
        var buffer = new LineBuffer();
        var lines = new List<string>();
        byte[] text = Encoding.UTF8.GetBytes("one\n\ntwo\n" + new string('x', 50) + "\nrest");
        foreach (byte[] part in text.Chunk(piece))
        {
            part.CopyTo(buffer.Space(part.Length));
            buffer.Advance(part.Length);
            while (buffer.TryTake(out ReadOnlySpan<byte> line))
            {
                lines.Add(Encoding.UTF8.GetString(line));
            }
        }

        Assert.Equal(["one", "", "two", new string('x', 50)], lines);
    }

    [Fact]
    public void Room_that_was_not_filled_is_not_text()
    {
        var buffer = new LineBuffer();
        buffer.Space(100).Fill((byte)'\n');
        buffer.Advance(0);
        Assert.False(buffer.TryTake(out _));
        Assert.Equal(5, buffer.Space(5).Length);
    }
}
