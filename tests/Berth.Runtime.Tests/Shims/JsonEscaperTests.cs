using System.Text;
using Berth.Runtime.Shims.Server;

namespace Berth.Runtime.Tests.Shims;

public sealed class JsonEscaperTests
{
    private static string Escape(byte[] source)
    {
        byte[] target = new byte[(source.Length * JsonEscaper.MaxGrowth) + JsonEscaper.Slack];
        int length = JsonEscaper.Escape(source, target);
        return Encoding.UTF8.GetString(target, 0, length);
    }

    // The rule byte by byte, as slow and plain as it can be said.
    private static string Reference(byte[] source)
    {
        var result = new StringBuilder();
        for (int i = 0; i < source.Length;)
        {
            byte value = source[i];
            if (value < 0x80)
            {
                result.Append(value switch
                {
                    (byte)'"' => "\\\"",
                    (byte)'\\' => "\\\\",
                    (byte)'\n' => "\\n",
                    (byte)'\r' => "\\r",
                    < 0x20 or (byte)'<' or (byte)'>' or (byte)'&' => $"\\u{value:x4}",
                    _ => ((char)value).ToString(),
                });
                i++;
                continue;
            }

            int size = 0;
            for (int length = 2; length <= 4 && size == 0 && i + length <= source.Length; length++)
            {
                try
                {
                    string text = new UTF8Encoding(false, true).GetString(source, i, length);
                    if (text.EnumerateRunes().Count() == 1)
                        size = length;
                }
                catch (ArgumentException)
                {
                    // Not valid at this length.
                }
            }

            string valid = Encoding.UTF8.GetString(source, i, size);
            result.Append(size == 0 ? "\\ufffd" : valid switch { "\u2028" => "\\u2028", "\u2029" => "\\u2029", _ => valid });
            i += Math.Max(size, 1);
        }

        return result.ToString();
    }

    [Fact]
    public void EveryByteAlone()
    {
        for (int value = 0; value < 256; value++)
        {
            foreach (int count in new[] { 1, 15, 16, 17, 33, 100 })
            {
                byte[] source = Enumerable.Repeat((byte)value, count).ToArray();
                Assert.Equal(Reference(source), Escape(source));
            }
        }
    }

    [Fact]
    public void AsDockerWritesIt()
    {
        // What dockerd 20.10 wrote for the same bytes.
        byte[] source = [.. "h\u00e9llo \u00a0 \U0001F600 "u8, 0xE2, 0x80, 0xA8, 0xE2, 0x80, 0xA9, 0xED, 0xA0, 0x80, 0xC0, 0xAF, 0xF4, 0x90, 0x80, 0x80, 0xE2, 0x82, .. "<>&\"\\/\t\b\f"u8];
        Assert.Equal(
            "h\u00e9llo \u00a0 \U0001F600 \\u2028\\u2029" + string.Concat(Enumerable.Repeat("\\ufffd", 11)) + "\\u003c\\u003e\\u0026\\\"\\\\/\\u0009\\u0008\\u000c",
            Escape(source));
    }

    [Fact]
    public void RandomMixtures()
    {
        var random = new Random(1);
        byte[][] pieces =
        [
            [0], "plain text that is longer than one vector"u8.ToArray(), "\"<>&\\"u8.ToArray(), "\u00e4"u8.ToArray(), "\u20ac"u8.ToArray(), "\u2028"u8.ToArray(),
            "\U0001F600"u8.ToArray(), [0xFF], [0xE2, 0x82], [0xF0, 0x9F], [0xC3], new byte[20], "\r\n\t"u8.ToArray(), [0x7F], [0xEF, 0xBF, 0xBD], [0xED, 0xA0, 0x80],
        ];
        for (int round = 0; round < 5000; round++)
        {
            byte[] source = Enumerable.Range(0, random.Next(1, 12)).SelectMany(_ => random.Next(3) == 0
                ? [(byte)random.Next(256)]
                : pieces[random.Next(pieces.Length)]).ToArray();
            Assert.Equal(Reference(source), Escape(source));
        }
    }

    [Fact]
    public void NeverWritesBeyondTheSlack()
    {
        var random = new Random(2);
        for (int round = 0; round < 300; round++)
        {
            byte[] source = new byte[random.Next(0, 300)];
            if (round % 2 == 0)
                random.NextBytes(source);
            byte[] target = new byte[(source.Length * JsonEscaper.MaxGrowth) + JsonEscaper.Slack];
            _ = JsonEscaper.Escape(source, target); // bounds: the last possible write is inside the slack, or this overwrites the heap
            Assert.Throws<ArgumentException>(() => JsonEscaper.Escape(source, target.AsSpan(1)));
        }
    }
}
