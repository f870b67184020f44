namespace Berth.Registry.Auth;

/// <summary>One demand of a WWW-Authenticate header (RFC 9110, section 11.6.1).</summary>
/// <param name="Scheme">In lower case.</param>
/// <param name="Parameters">By lower-case names.</param>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int MaxChallenges = 16;

    public string? this[string name] => Parameters.GetValueOrDefault(name);

    /// <summary>What an answer demands.</summary>
    public static IReadOnlyList<Challenge> Of(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.TryGetValues("WWW-Authenticate", out System.Net.Http.Headers.HeaderStringValues lines) ? Parse(lines) : [];

    /// <summary>The demands of all header lines; what cannot be parsed ends its line.</summary>
    public static IReadOnlyList<Challenge> Parse(IEnumerable<string> lines)
    {
        List<Challenge> found = [];
        foreach (string line in lines)
        {
            ParseLine(line, found);
        }

        return found;
    }

    // A list of "scheme [param=value, ...]" that is parted by the same commas as the parameters: a token that no "=" follows is a scheme.
    private static void ParseLine(string line, List<Challenge> found)
    {
        int at = 0;
        Dictionary<string, string>? parameters = null;
        while (found.Count < MaxChallenges)
        {
            at = Skip(line, at, " \t,");
            string token = Token(line, ref at);
            if (token.Length == 0)
            {
                return;
            }

            int next = Skip(line, at, " \t");
            if (next < line.Length && line[next] == '=' && parameters is not null)
            {
                at = Skip(line, next + 1, " \t");
                string? value = Value(line, ref at);
                if (value is null)
                {
                    return;
                }

                parameters.TryAdd(token.ToLowerInvariant(), value);
            }
            else
            {
                parameters = new Dictionary<string, string>(StringComparer.Ordinal);
                found.Add(new Challenge(token.ToLowerInvariant(), parameters));
            }
        }
    }

    private static int Skip(string line, int at, string what)
    {
        while (at < line.Length && what.Contains(line[at], StringComparison.Ordinal))
        {
            at++;
        }

        return at;
    }

    private static string Token(string line, ref int at)
    {
        int start = at;
        while (at < line.Length && (char.IsAsciiLetterOrDigit(line[at]) || "!#$%&'*+-.^_`|~/".Contains(line[at], StringComparison.Ordinal)))
        {
            at++;
        }

        return line[start..at];
    }

    private static string? Value(string line, ref int at)
    {
        if (at >= line.Length || line[at] != '"')
        {
            int start = at;
            while (at < line.Length && line[at] is not (',' or ' ' or '\t'))
            {
                at++;
            }

            return line[start..at];
        }

        var value = new System.Text.StringBuilder();
        for (at++; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                at++;
                return value.ToString();
            }

            if (line[at] == '\\' && at + 1 < line.Length)
            {
                at++;
            }

            value.Append(line[at]);
        }

        return null;
    }
}
