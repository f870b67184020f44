using System.Text;

namespace Berth.Dockerfile.Ignore;

/// <summary>
/// One pattern, made into states that a path's characters are led through: <c>*</c> and <c>?</c> stand for everything but a slash, <c>**</c> for folders, brackets for one
/// character. The states of a folder's path are kept, so that a name below it costs its own length alone.
/// </summary>
internal sealed class IgnorePattern
{
    private const int MaxTokens = 4096;
    private readonly List<Token> _tokens = [];

    private IgnorePattern(bool isException) => IsException = isException;

    /// <summary>Whether what it matches is kept: the pattern begins with an exclamation mark.</summary>
    public bool IsException { get; }

    /// <summary>The states before the first character.</summary>
    public int[] Start { get; private set; } = [];

    private enum Kind
    {
        One,
        Any,
        Many,
        Class,
        Everything, // also slashes
        Folders, // nothing, or anything that ends with a slash; the state behind it is inside such a thing
        InFolders,
    }

    private sealed record Token(Kind Kind, int Rune = 0, IReadOnlyList<(int Low, int High)>? Ranges = null, bool IsNegated = false);

    /// <summary>Reads a pattern; null for an empty one.</summary>
    public static IgnorePattern? Parse(string text)
    {
        string pattern = text.Trim();
        if (pattern.Length == 0)
        {
            return null;
        }

        bool isException = pattern[0] == '!';
        pattern = IgnoreFile.Relative(isException ? pattern[1..] : pattern);
        if (pattern.Length == 0)
        {
            throw new IgnoreException("illegal exclusion pattern: \"!\"");
        }

        var read = new IgnorePattern(isException);
        int[] runes = [.. pattern.EnumerateRunes().Select(static rune => rune.Value)];
        if (runes.Length > MaxTokens)
        {
            throw new IgnoreException($"a pattern of .dockerignore has {runes.Length} characters, at most {MaxTokens} are allowed");
        }

        read.Compile(runes, pattern);
        bool[] start = new bool[read._tokens.Count + 1];
        read.Enter(start, 0);
        read.Start = Collect(start);
        return read;
    }

    /// <summary>Leads states through a text; none are left where nothing below can match.</summary>
    public int[] Advance(int[] states, string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (states.Length == 0)
            {
                return states;
            }

            states = Step(states, rune.Value);
        }

        return states;
    }

    /// <summary>Whether the text that led to these states matches.</summary>
    public bool IsMatch(int[] states) => states.Length > 0 && states[^1] == _tokens.Count;

    /// <summary>Whether a longer text could match.</summary>
    public bool CanGoOn(int[] states) => states.Length > 0 && states[0] < _tokens.Count;

    private void Compile(int[] runes, string pattern)
    {
        for (int i = 0; i < runes.Length; i++)
        {
            switch (runes[i])
            {
                case '*' when i + 1 < runes.Length && runes[i + 1] == '*':
                    i = CompileFolders(runes, i);
                    break;
                case '*':
                    _tokens.Add(new Token(Kind.Many));
                    break;
                case '?':
                    _tokens.Add(new Token(Kind.Any));
                    break;
                case '[':
                    i = CompileClass(runes, i + 1, pattern);
                    break;
                case '\\' when i + 1 == runes.Length:
                    throw Bad(pattern);
                case '\\':
                    _tokens.Add(new Token(Kind.One, runes[++i]));
                    break;
                default:
                    _tokens.Add(new Token(Kind.One, runes[i]));
                    break;
            }
        }
    }

    // At the end ** is everything. In front of plain text, without a slash between them, it is everything too: docker matches the end of the path then.
    private int CompileFolders(int[] runes, int at)
    {
        int next = at + 2;
        bool hasSlash = next < runes.Length && runes[next] == '/';
        next += hasSlash ? 1 : 0;
        bool isPlainEnd = at == 0 && !hasSlash && !runes.AsSpan(next).ContainsAny('*', '?', '[') && !runes.AsSpan(next).ContainsAny('\\', ']');
        if (next == runes.Length || isPlainEnd)
        {
            _tokens.Add(new Token(Kind.Everything));
        }
        else
        {
            _tokens.Add(new Token(Kind.Folders));
            _tokens.Add(new Token(Kind.InFolders));
        }

        return next - 1;
    }

    private int CompileClass(int[] runes, int at, string pattern)
    {
        bool isNegated = at < runes.Length && runes[at] == '^';
        at += isNegated ? 1 : 0;
        var ranges = new List<(int, int)>();
        while (true)
        {
            if (at < runes.Length && runes[at] == ']' && ranges.Count > 0)
            {
                _tokens.Add(new Token(Kind.Class, Ranges: ranges, IsNegated: isNegated));
                return at;
            }

            int low = ClassCharacter(runes, ref at, pattern);
            int high = low;
            if (at < runes.Length && runes[at] == '-')
            {
                at++;
                high = ClassCharacter(runes, ref at, pattern);
            }

            ranges.Add((low, high));
        }
    }

    private static int ClassCharacter(int[] runes, ref int at, string pattern)
    {
        if (at >= runes.Length || runes[at] is '-' or ']')
        {
            throw Bad(pattern);
        }

        if (runes[at] == '\\' && ++at >= runes.Length)
        {
            throw Bad(pattern);
        }

        return runes[at++];
    }

    private static IgnoreException Bad(string pattern) => new($"syntax error in pattern: {pattern}");

    private int[] Step(int[] states, int rune)
    {
        if (states is [var only] && only < _tokens.Count && _tokens[only] is { Kind: Kind.One } token && NextIsPlain(only + 1))
        {
            return token.Rune == rune ? [only + 1] : []; // by far the most frequent case
        }

        bool[] next = new bool[_tokens.Count + 1];
        foreach (int state in states)
        {
            if (state < _tokens.Count)
            {
                StepOne(next, state, rune);
            }
        }

        return Collect(next);
    }

    private static int[] Collect(bool[] marked)
    {
        var states = new List<int>();
        for (int state = 0; state < marked.Length; state++)
        {
            if (marked[state])
            {
                states.Add(state);
            }
        }

        return [.. states];
    }

    private bool NextIsPlain(int state) => state == _tokens.Count || _tokens[state].Kind is Kind.One or Kind.Any or Kind.Class;

    private void StepOne(bool[] next, int state, int rune)
    {
        Token token = _tokens[state];
        bool isSlash = rune == '/';
        switch (token.Kind)
        {
            case Kind.One when token.Rune == rune:
            case Kind.Any when !isSlash:
            case Kind.Class when token.Ranges!.Any(range => rune >= range.Low && rune <= range.High) != token.IsNegated: // a class has ranges
                Enter(next, state + 1);
                break;
            case Kind.Many when !isSlash:
            case Kind.Everything:
            case Kind.InFolders:
                Enter(next, state);
                if (token.Kind == Kind.InFolders && isSlash)
                {
                    Enter(next, state + 1);
                }

                break;
        }
    }

    // Adds a state and those that are reached from it without a character.
    private void Enter(bool[] states, int state)
    {
        while (!states[state])
        {
            states[state] = true;
            if (state == _tokens.Count)
            {
                return;
            }

            switch (_tokens[state].Kind)
            {
                case Kind.Many or Kind.Everything:
                    state++;
                    break;
                case Kind.Folders:
                    states[state + 1] = true;
                    state += 2;
                    break;
                default:
                    return;
            }
        }
    }
}
