using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>
/// Watches a client's input for the key sequence that ends an attachment, such as <c>ctrl-p,ctrl-q</c>. Keys of an unfinished sequence are
/// held back and passed on when the next key breaks it.
/// </summary>
internal sealed class DetachKeys
{
    private readonly byte[] keys;
    private int matched;

    private DetachKeys(byte[] keys) => this.keys = keys;

    /// <summary>Parses a comma-separated list of single characters and <c>ctrl-X</c> (X of a-z @ [ \ ] ^ _); empty is ctrl-p,ctrl-q.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the key that is not one.</exception>
    public static DetachKeys Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return new DetachKeys([16, 17]);
        }

        return new DetachKeys([.. text.Split(',').Select(ParseKey)]);
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

    private static byte ParseKey(string key)
    {
        if (key.Length == 1 && key[0] < 128)
        {
            return (byte)key[0];
        }

        if (key.StartsWith("ctrl-", StringComparison.OrdinalIgnoreCase) && key.Length == 6)
        {
            char letter = char.ToLowerInvariant(key[5]);
            if (letter is >= 'a' and <= 'z')
            {
                return (byte)(letter - 'a' + 1);
            }

            int index = "@[\\]^_".IndexOf(letter);
            if (index >= 0)
            {
                return (byte)(index == 0 ? 0 : 26 + index);
            }
        }

        throw new EngineException(ErrorKind.InvalidArgument, $"Invalid detach keys (\"{key}\") provided: wanted single characters or ctrl-X, separated by commas");
    }
}
