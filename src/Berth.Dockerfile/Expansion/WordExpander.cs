namespace Berth.Dockerfile.Expansion;

/// <summary>What a word expands to.</summary>
/// <param name="Text">The result as one word.</param>
/// <param name="Words">The result split at spaces that were not quoted.</param>
/// <param name="Used">Names of variables that are set and were asked for.</param>
/// <param name="Undefined">Names that are not set and were used without <c>-</c>, <c>+</c> or <c>?</c>.</param>
public sealed record ExpandedWord(string Text, IReadOnlyList<string> Words, IReadOnlySet<string> Used, IReadOnlySet<string> Undefined);

/// <summary>Puts variables into words as a shell does, and takes quotes and escapes away.</summary>
/// <param name="escape">The file's escape character.</param>
/// <param name="lookup">The value of a variable; null where it is not set.</param>
/// <param name="budget">The work that is left.</param>
public sealed class WordExpander(char escape, Func<string, string?> lookup, ExpansionBudget budget)
{
    /// <summary>Expands a word.</summary>
    /// <exception cref="DockerfileException">A quote or brace is not closed, a modifier is none, a variable has to be set, or a limit is reached.</exception>
    public ExpandedWord Expand(string word, SourceRange range = default) => Run(word, range, keepsQuotes: false, escape, budget.Limits.MaxWordLength);

    /// <summary>Expands a here-document: quotes stay, and a backslash escapes whatever the file's character is.</summary>
    /// <exception cref="DockerfileException">As with words.</exception>
    public string ExpandHeredoc(string text, SourceRange range = default) => Run(text, range, keepsQuotes: true, '\\', budget.Limits.MaxHeredocLength).Text;

    private ExpandedWord Run(string word, SourceRange range, bool keepsQuotes, char escapeCharacter, int maxLength)
    {
        var scan = new WordScan(word, escapeCharacter, lookup, budget, keepsQuotes, maxLength);
        try
        {
            budget.Spend(word.Length);
            return scan.Run();
        }
        catch (ExpansionFailure failure)
        {
            throw new DockerfileException(DockerfileErrorKind.Expansion, $"failed to process {QuotedText.Of(Shortened(word))}: {failure.Message}", range);
        }
    }

    // The reason stands behind the word and must not be cut off with it.
    private static string Shortened(string word) => word.Length <= 500 ? word : word[..500] + "…";
}
