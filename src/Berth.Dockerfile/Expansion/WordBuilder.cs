using System.Text;

namespace Berth.Dockerfile.Expansion;

/// <summary>Collects a result twice: as one word, and split at spaces that were not quoted.</summary>
internal sealed class WordBuilder(int maxLength)
{
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _word = new();
    private readonly List<string> _words = [];

    public string Text => _text.ToString();

    public IReadOnlyList<string> Words
    {
        get
        {
            Flush();
            return _words;
        }
    }

    /// <summary>Appends what may be split.</summary>
    public void Append(string text)
    {
        Check(text.Length);
        _text.Append(text);
        foreach (char c in text)
        {
            if (char.IsWhiteSpace(c))
            {
                Flush();
            }
            else
            {
                _word.Append(c);
            }
        }
    }

    /// <summary>Appends one character that may split.</summary>
    public void Append(char c)
    {
        Check(1);
        _text.Append(c);
        if (char.IsWhiteSpace(c))
        {
            Flush();
        }
        else
        {
            _word.Append(c);
        }
    }

    /// <summary>Appends what stays together.</summary>
    public void AppendQuoted(string text)
    {
        Check(text.Length);
        _text.Append(text);
        _word.Append(text);
    }

    /// <summary>Appends one character that splits nothing.</summary>
    public void AppendQuoted(char c)
    {
        Check(1);
        _text.Append(c);
        _word.Append(c);
    }

    private void Check(int more)
    {
        if (_text.Length + more > maxLength)
        {
            throw new ExpansionFailure($"the result has more than {maxLength} characters");
        }
    }

    private void Flush()
    {
        if (_word.Length > 0)
        {
            _words.Add(_word.ToString());
            _word.Clear();
        }
    }
}
