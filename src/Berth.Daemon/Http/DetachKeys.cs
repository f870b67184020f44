using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>
/// Watches a client's input for the key sequence that ends an attachment, such as <c>ctrl-p,ctrl-q</c>. Keys of an unfinished sequence are
/// held back and passed on when the next key breaks it.
/// </summary>
internal sealed class DetachKeys
{
    private const int NoKey = -1;
    private readonly byte[] keys;
    private int matched;

    private DetachKeys(byte[] keys) => this.keys = keys;

    /// <summary>Parses a comma-separated list of single characters and <c>ctrl-X</c> (X of a-z @ [ \ ] ^ _); empty is ctrl-p,ctrl-q.</summary>
    /// <param name="text">The list.</param>
    /// <param name="what">What the refusal calls them; docker has two names.</param>
    /// <exception cref="EngineException">InvalidArgument naming the list with a key that is none.</exception>
    public static DetachKeys Parse(string? text, string what = "detach")
    {
        if (string.IsNullOrEmpty(text))
        {
            return new DetachKeys([16, 17]);
        }

        int[] parsed = [.. text.Split(',').Select(ParseKey)];
        return parsed.Contains(NoKey)
            ? throw new EngineException(ErrorKind.InvalidArgument, $"Invalid {what} keys ({text}) provided")
            : new DetachKeys([.. parsed.Select(static key => (byte)key)]);
    }

    /// <summary>What of <paramref name="input"/> goes to the process; <paramref name="isDetached"/> when the sequence was completed.</summary>
    public ReadOnlyMemory<byte> Filter(ReadOnlySpan<byte> input, out bool isDetached)
    {
        var passed = new List<byte>(input.Length + keys.Length);
        foreach (byte key in input)
        {
            if (key != keys[matched])
            {
                passed.AddRange(keys.AsSpan(0, matched));
                matched = 0;
            }

            if (key != keys[matched])
            {
                passed.Add(key);
            }
            else if (++matched == keys.Length)
            {
                matched = 0;
                isDetached = true;
                return passed.ToArray();
            }
        }

        isDetached = false;
        return passed.ToArray();
    }

    private static int ParseKey(string key)
    {
        if (key.Length == 1 && key[0] < 128)
        {
            return key[0];
        }

        if (key.StartsWith("ctrl-", StringComparison.OrdinalIgnoreCase) && key.Length == 6)
        {
            char letter = char.ToLowerInvariant(key[5]);
            if (letter is >= 'a' and <= 'z')
            {
                return letter - 'a' + 1;
            }

            int index = "@[\\]^_".IndexOf(letter);
            if (index >= 0)
            {
                return index == 0 ? 0 : 26 + index;
            }
        }

        return NoKey;
    }
}
