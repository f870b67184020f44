using Berth.Cli.Flags;

namespace Berth.Cli.Terminal;

/// <summary>
/// The keys that leave a container running: a sequence such as <c>ctrl-p,ctrl-q</c>. Recognises it in what the user types and holds back
/// the bytes that may become it.
/// </summary>
internal sealed class DetachKeys
{
    /// <summary>The sequence when none is asked for.</summary>
    public const string Default = "ctrl-p,ctrl-q";

    private readonly byte[] sequence;
    private int matched;

    private DetachKeys(byte[] sequence) => this.sequence = sequence;

    /// <summary>Reads a sequence: single characters, or <c>ctrl-</c> and one of a-z @ [ \ ] ^ _, joined by commas; empty for none at all.</summary>
    /// <exception cref="CommandFailedException">Another key.</exception>
    public static DetachKeys Parse(string text)
    {
        if (text.Length == 0)
            return new DetachKeys([]);

        var keys = new List<byte>();
        foreach (string key in text.Split(','))
        {
            if (key.Length == 1 && key[0] < 128)
                keys.Add((byte)key[0]);
            else if (key.Length == 6 && key.StartsWith("ctrl-", StringComparison.Ordinal) && Control(key[5]) is { } code)
                keys.Add(code);
            else
                throw new CommandFailedException($"Invalid detach keys ({text}): Unknown character: '{key}'", exitCode: 1);
        }

        return new DetachKeys([.. keys]);
    }

    /// <summary>
    /// Passes typed bytes on into <paramref name="output"/> (room for <paramref name="input"/> and the sequence is needed); returns how many, and
    /// whether the sequence is complete, after which nothing more is passed.
    /// </summary>
    public int Filter(ReadOnlySpan<byte> input, Span<byte> output, out bool detached)
    {
        detached = false;
        int count = 0;
        foreach (byte key in input)
        {
            if (matched < sequence.Length && key == sequence[matched])
            {
                if (++matched < sequence.Length)
                    continue;

                detached = true;
                return count;
            }

            // The keys held back were meant for the container, and this one may begin the sequence anew.
            sequence.AsSpan(0, matched).CopyTo(output[count..]);
            count += matched;
            matched = sequence.Length > 0 && key == sequence[0] ? 1 : 0;
            if (matched == 0)
                output[count++] = key;
        }

        return count;
    }

    /// <summary>Bytes that <see cref="Filter"/> may add to its input.</summary>
    public int Held => sequence.Length;

    private static byte? Control(char letter) => letter switch
    {
        >= 'a' and <= 'z' => (byte)(letter - 'a' + 1),
        '@' => 0,
        '[' => 27,
        '\\' => 28,
        ']' => 29,
        '^' => 30,
        '_' => 31,
        _ => null,
    };
}
