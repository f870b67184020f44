namespace Berth.Dockerfile.Ignore;

/// <summary>
/// Patterns of .dockerignore with docker's rules: a pattern matches a path or one of its folders, and the last pattern that matches decides. Immutable: made once, it may be used
/// from several threads.
/// </summary>
public sealed class IgnoreMatcher
{
    private const int MaxPatterns = 10_000;

    /// <param name="patterns">Patterns as <see cref="IgnoreFile.Read"/> gives them, or as a flag such as <c>--exclude</c> has them.</param>
    /// <exception cref="IgnoreException">A pattern is wrong, or there are too many.</exception>
    public IgnoreMatcher(IEnumerable<string> patterns)
    {
        Patterns = [.. patterns.Select(IgnorePattern.Parse).OfType<IgnorePattern>()];
        if (Patterns.Length > MaxPatterns)
        {
            throw new IgnoreException($".dockerignore has {Patterns.Length} patterns, at most {MaxPatterns} are allowed");
        }

        Root = new IgnoreFolder(this);
    }

    /// <summary>The folder that the patterns are relative to, where a walk begins.</summary>
    public IgnoreFolder Root { get; }

    /// <summary>Whether a pattern takes something back.</summary>
    public bool HasExceptions => Patterns.Any(static pattern => pattern.IsException);

    internal IgnorePattern[] Patterns { get; }

    /// <summary>Whether the path is left out. Walks should use <see cref="Root"/>.</summary>
    /// <param name="path">Relative, with slashes; <c>.</c> is never left out.</param>
    public bool IsIgnored(string path)
    {
        IgnoreFolder at = Root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            at = name == "." ? at : at.Enter(name);
        }

        return at.IsIgnored;
    }
}

/// <summary>A path in a walk, with what is known of it: names below it are matched from here on, not from the top. Immutable.</summary>
public sealed class IgnoreFolder
{
    private readonly IgnoreMatcher _matcher;
    private readonly int[][] _states;
    private readonly bool[] _isMatched;

    internal IgnoreFolder(IgnoreMatcher matcher)
    {
        _matcher = matcher;
        _states = [.. matcher.Patterns.Select(static pattern => pattern.Start)];
        _isMatched = new bool[matcher.Patterns.Length];
    }

    private IgnoreFolder(IgnoreFolder parent, string name)
    {
        _matcher = parent._matcher;
        IgnorePattern[] patterns = _matcher.Patterns;
        _states = new int[patterns.Length][];
        _isMatched = new bool[patterns.Length];
        bool isAtRoot = ReferenceEquals(parent, _matcher.Root);
        for (int i = 0; i < patterns.Length; i++)
        {
            if (parent._isMatched[i])
            {
                (_states[i], _isMatched[i]) = ([], true);
            }
            else
            {
                int[] states = isAtRoot ? parent._states[i] : patterns[i].Advance(parent._states[i], "/");
                _states[i] = patterns[i].Advance(states, name);
                _isMatched[i] = patterns[i].IsMatch(_states[i]);
            }

            IsIgnored = _isMatched[i] ? !patterns[i].IsException : IsIgnored;
        }
    }

    /// <summary>Whether this path is left out.</summary>
    public bool IsIgnored { get; }

    /// <summary>Whether this path and everything below it is left out: the walk need not go in.</summary>
    public bool CanBeSkipped
    {
        get
        {
            // What lies below is matched by the last pattern that this path is matched by, too: only exceptions behind that one count.
            for (int i = _states.Length - 1; IsIgnored && !_isMatched[i]; i--)
            {
                if (_matcher.Patterns[i].IsException && _matcher.Patterns[i].CanGoOn(_matcher.Patterns[i].Advance(_states[i], "/")))
                {
                    return false;
                }
            }

            return IsIgnored;
        }
    }

    /// <summary>What is called <paramref name="name"/> in here.</summary>
    public IgnoreFolder Enter(string name) => _matcher.Patterns.Length == 0 ? this : new IgnoreFolder(this, name);
}
