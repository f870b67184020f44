namespace Berth.Dockerfile.Parsing;

/// <summary>Directives stand at the top of the file: the first line that is none ends them, even if it is empty or a comment.</summary>
internal sealed class DirectiveReader
{
    private static readonly string[] Known = ["syntax", "escape", "check"];
    private readonly List<Directive> _found = [];
    private bool _isDone;

    public IReadOnlyList<Directive> Found => _found;

    public char Escape { get; private set; } = '\\';

    /// <summary>Whether <paramref name="text"/>, without spaces before it, is a directive.</summary>
    public bool Read(string text, int line)
    {
        if (_isDone)
        {
            return false;
        }

        if (!TrySplit(text, out string name, out string value) || !Known.Contains(name, StringComparer.Ordinal))
        {
            _isDone = true;
            return false;
        }

        var range = new SourceRange(line, line);
        if (_found.Any(directive => directive.Name == name))
        {
            throw new DockerfileException(DockerfileErrorKind.Syntax, $"only one {name} parser directive can be used", range);
        }

        if (name == "escape")
        {
            Escape = value is "`" or "\\"
                ? value[0]
                : throw new DockerfileException(DockerfileErrorKind.Syntax, $"invalid escape token '{value}' does not match ` or \\", range);
        }

        _found.Add(new Directive(name, value, line));
        return true;
    }

    private static bool TrySplit(string text, out string name, out string value)
    {
        name = value = "";
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0 || text[0] != '#')
        {
            return false;
        }

        name = text[1..equals].Trim().ToLowerInvariant();
        value = text[(equals + 1)..].Trim();
        return value.Length > 0 && name.Length > 0 && char.IsAsciiLetter(name[0]) && name.All(char.IsAsciiLetterOrDigit);
    }
}
