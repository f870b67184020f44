using System.Text;
using Berth.Cli.Terminal;

namespace Berth.Cli.Tests.Terminal;

public sealed class DetachKeysTests
{
    [Theory]
    [InlineData("ctrl-p,ctrl-q", "ab\u0010\u0011cd", "ab", true)]
    [InlineData("ctrl-p,ctrl-q", "ab\u0010xc", "ab\u0010xc", false)]
    [InlineData("ctrl-p,ctrl-q", "\u0010\u0010\u0011", "\u0010", true)]
    [InlineData("ctrl-p,ctrl-q", "a\u0010", "a", false)]
    [InlineData("a", "xxa", "xx", true)]
    [InlineData("", "\u0010\u0011", "\u0010\u0011", false)]
    [InlineData("ctrl-[,q", "\u001bq", "", true)]
    public void Passes_everything_but_the_sequence(string keys, string typed, string passed, bool detached)
    {
        foreach (int piece in (int[])[1, 100])
        {
            DetachKeys filter = DetachKeys.Parse(keys);
            byte[] output = new byte[100];
            var result = new StringBuilder();
            bool found = false;
            foreach (byte[] part in Encoding.Latin1.GetBytes(typed).Chunk(piece))
            {
                int count = filter.Filter(part, output, out found);
                result.Append(Encoding.Latin1.GetString(output, 0, count));
                if (found)
                    break;
            }

            Assert.Equal((passed, detached), (result.ToString(), found));
        }
    }

    [Theory]
    [InlineData("ctrl-")]
    [InlineData("ctrl-P,x")]
    [InlineData("alt-a")]
    [InlineData(",")]
    public void Unknown_keys_are_refused(string keys) => Assert.Throws<CommandFailedException>(() => DetachKeys.Parse(keys));
}
