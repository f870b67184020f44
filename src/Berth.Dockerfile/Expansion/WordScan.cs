using System.Text;

namespace Berth.Dockerfile.Expansion;

/// <summary>One pass over one word. Parts in braces are words themselves.</summary>
internal sealed class WordScan(
    string source, char escape, Func<string, string?> lookup, ExpansionBudget budget, bool keepsQuotes, int maxLength)
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly HashSet<string> _undefined = new(StringComparer.Ordinal);
    private int _at;
    private int _depth;

    private bool IsAtEnd => _at >= source.Length;

    public ExpandedWord Run()
    {
        WordBuilder result = ReadUntil(stop: '\0', keepsEscapes: false);
        return new ExpandedWord(result.Text, result.Words, _used, _undefined);
    }

    /// <summary>Reads up to the character that closes the part, and takes it; 0 stands for the end.</summary>
    private WordBuilder ReadUntil(char stop, bool keepsEscapes)
    {
        if (++_depth > budget.Limits.MaxNesting)
        {
            throw new ExpansionFailure($"more than {budget.Limits.MaxNesting} braces are inside each other");
        }

        var result = new WordBuilder(maxLength);
        while (!IsAtEnd)
        {
            char c = source[_at];
            if (stop != '\0' && c == stop)
            {
                _at++;
                _depth--;
                return result;
            }

            switch (c)
            {
                case '$':
                    _at++;
                    result.Append(ReadVariable());
                    break;
                case '\'' when !keepsQuotes:
                    result.AppendQuoted(ReadSingleQuoted());
                    break;
                case '"' when !keepsQuotes:
                    result.AppendQuoted(ReadDoubleQuoted(keepsEscapes));
                    break;
                default:
                    ReadPlain(result, keepsEscapes);
                    break;
            }
        }

        _depth--;
        return stop == '\0' ? result : throw new ExpansionFailure(stop == '/' ? "syntax error: missing '/' in ${}" : "syntax error: missing '}'");
    }

    private void ReadPlain(WordBuilder result, bool keepsEscapes)
    {
        char c = source[_at++];
        if (c != escape)
        {
            result.Append(c);
            return;
        }

        if (keepsEscapes)
        {
            result.AppendQuoted(c);
        }

        if (!IsAtEnd) // an escape character at the end escapes nothing and is dropped
        {
            result.AppendQuoted(source[_at++]);
        }
    }

    private string ReadSingleQuoted()
    {
        int end = source.IndexOf('\'', _at + 1);
        if (end < 0)
        {
            throw new ExpansionFailure("unexpected end of statement while looking for matching single-quote");
        }

        string text = source[(_at + 1)..end];
        _at = end + 1;
        return text;
    }

    // Only the quote, the dollar and the escape character itself can be escaped in here; before others the character stays.
    private string ReadDoubleQuoted(bool keepsEscapes)
    {
        var text = new StringBuilder();
        _at++;
        while (!IsAtEnd)
        {
            char c = source[_at++];
            if (c == '"')
            {
                return text.ToString();
            }

            if (c == '$')
            {
                text.Append(ReadVariable());
                CheckLength(text.Length);
                continue;
            }

            if (c == escape && !IsAtEnd && (source[_at] is '"' or '$' || source[_at] == escape))
            {
                text.Append(keepsEscapes ? c : null);
                c = source[_at++];
            }

            text.Append(c);
        }

        throw new ExpansionFailure("unexpected end of statement while looking for matching double-quote");
    }

    private void CheckLength(int length)
    {
        if (length > maxLength)
        {
            throw new ExpansionFailure($"the result has more than {maxLength} characters");
        }
    }

    /// <summary>Reads what follows a dollar.</summary>
    private string ReadVariable()
    {
        if (IsAtEnd || source[_at] != '{')
        {
            string bare = ReadName();
            return bare.Length == 0 ? "$" : Get(bare, isNeeded: true) ?? "";
        }

        _at++;
        if (IsAtEnd)
        {
            throw new ExpansionFailure("syntax error: missing '}'");
        }

        if (source[_at] is '{' or '}' or ':')
        {
            throw new ExpansionFailure("syntax error: bad substitution");
        }

        string name = ReadName();
        if (IsAtEnd)
        {
            throw new ExpansionFailure("syntax error: missing '}'");
        }

        char modifier = source[_at++];
        switch (modifier)
        {
            case '}':
                return Get(name, isNeeded: true) ?? "";
            case ':' when IsAtEnd:
                throw new ExpansionFailure("syntax error: missing '}'");
            case ':' when source[_at] is '-' or '+' or '?':
                return ReadDefault(name, source[_at++], isEmptyUnset: true);
            case ':':
                throw new ExpansionFailure($"unsupported modifier (:{source[_at]}) in substitution");
            case '-' or '+' or '?':
                return ReadDefault(name, modifier, isEmptyUnset: false);
            case '#' or '%':
                return ReadTrimmed(name, modifier);
            case '/':
                return ReadReplaced(name);
            default:
                throw new ExpansionFailure($"unsupported modifier ({modifier}) in substitution");
        }
    }

    private string ReadDefault(string name, char modifier, bool isEmptyUnset)
    {
        string word = ReadUntil('}', keepsEscapes: false).Text;
        string? value = Get(name, isNeeded: false);
        bool isThere = value is not null && !(isEmptyUnset && value.Length == 0);
        if (modifier == '?' && !isThere)
        {
            throw new ExpansionFailure(word.Length > 0 ? $"{name}: {word}" : $"{name}: is not allowed to be {(value is null ? "unset" : "empty")}");
        }

        return modifier == '+' ? (isThere ? word : "") : isThere ? value! : word; // there: it has a value
    }

    private string ReadTrimmed(string name, char modifier)
    {
        bool isLongest = !IsAtEnd && source[_at] == modifier;
        _at += isLongest ? 1 : 0;
        var pattern = GlobPattern.Parse(ReadUntil('}', keepsEscapes: true).Text, escape);
        string value = Get(name, isNeeded: true) ?? "";
        return modifier == '#' ? pattern.TrimStart(value, isLongest, budget) : pattern.TrimEnd(value, isLongest, budget);
    }

    private string ReadReplaced(string name)
    {
        bool isAll = !IsAtEnd && source[_at] == '/';
        _at += isAll ? 1 : 0;
        var pattern = GlobPattern.Parse(ReadUntil('/', keepsEscapes: true).Text, escape);
        string replacement = ReadUntil('}', keepsEscapes: false).Text;
        return pattern.Replace(Get(name, isNeeded: true) ?? "", replacement, isAll, budget);
    }

    private string ReadName()
    {
        int start = _at;
        if (!IsAtEnd && (source[_at] is '@' or '*' or '#' or '?' or '-' or '$' or '!'))
        {
            _at++;
        }
        else if (!IsAtEnd && char.IsDigit(source[_at]))
        {
            while (!IsAtEnd && char.IsDigit(source[_at]))
            {
                _at++;
            }
        }
        else
        {
            while (!IsAtEnd && (char.IsLetterOrDigit(source[_at]) || source[_at] == '_'))
            {
                _at++;
            }
        }

        return source[start.._at];
    }

    private string? Get(string name, bool isNeeded)
    {
        if (lookup(name) is { } value)
        {
            _used.Add(name);
            budget.Spend(value.Length);
            return value;
        }

        if (isNeeded)
        {
            _undefined.Add(name);
        }

        return null;
    }
}
