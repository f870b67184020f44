using System.Text.Json;

namespace Berth.Dockerfile.Parsing;

/// <summary>Splits one instruction's line into its name, its flags and its arguments, in the way of that instruction.</summary>
internal static class ArgumentReader
{
    /// <exception cref="DockerfileException">The arguments break the instruction's own grammar.</exception>
    public static InstructionNode Read(string line, char escape, SourceRange range, bool isTrigger = false)
    {
        (string keyword, string? rest) = WordSplitter.Cut(line.Trim());
        (IReadOnlyList<string> flags, string text) = WordSplitter.Flags(rest ?? "", escape);
        var node = new InstructionNode { Keyword = keyword, Flags = flags, Words = [], Original = line, Range = range };
        return keyword.ToUpperInvariant() switch
        {
            "ADD" or "COPY" or "VOLUME" => WithJson(node, text) ?? node with { Words = WordSplitter.AtSpaces(text) },
            "CMD" or "ENTRYPOINT" or "RUN" or "SHELL" => WithJson(node, text) ?? node with { Words = Whole(text) },
            "ENV" or "LABEL" => node with { Pairs = ReadPairs(keyword.ToUpperInvariant(), text, escape, range) },
            "ARG" => node with { Words = WordSplitter.KeepingQuotes(text, escape) },
            "EXPOSE" or "FROM" => node with { Words = WordSplitter.AtSpaces(text) },
            "MAINTAINER" or "STOPSIGNAL" or "USER" or "WORKDIR" => node with { Words = Whole(text) },
            "HEALTHCHECK" => ReadHealthCheck(node, text),
            "ONBUILD" => ReadTrigger(node, text, escape, range, isTrigger),
            _ => node, // unknown: the error comes later, as errors of splitting have precedence in the whole file
        };
    }

    private static IReadOnlyList<string> Whole(string text) => text.Length == 0 ? [] : [text];

    private static InstructionNode ReadHealthCheck(InstructionNode node, string text)
    {
        (string type, string? command) = WordSplitter.Cut(text);
        if (type.Length == 0)
        {
            return node;
        }

        InstructionNode read = WithJson(node, command ?? "") ?? node with { Words = Whole(command ?? "") };
        return read with { Words = [type, .. read.Words] };
    }

    // A trigger of a trigger is refused later and not looked into: nothing here goes deeper than that.
    private static InstructionNode ReadTrigger(InstructionNode node, string text, char escape, SourceRange range, bool isTrigger)
    {
        if (text.Length == 0 || isTrigger)
        {
            return node with { Words = WordSplitter.AtSpaces(text) };
        }

        InstructionNode trigger = Read(text, escape, range, isTrigger: true);
        return node with { Trigger = trigger, Words = [trigger.Keyword, .. trigger.Words] };
    }

    private static List<KeyValue> ReadPairs(string keyword, string text, char escape, SourceRange range)
    {
        List<string> words = WordSplitter.KeepingQuotes(text, escape);
        if (words.Count == 0)
        {
            return [];
        }

        if (!words[0].Contains('=', StringComparison.Ordinal))
        {
            (string name, string? value) = WordSplitter.Cut(text);
            return value is null
                ? throw new DockerfileException(DockerfileErrorKind.Syntax, $"{keyword} must have two arguments", range)
                : [new KeyValue(name, value, IsLegacy: true)];
        }

        return [.. words.Select(word => ReadPair(word, range))];
    }

    private static KeyValue ReadPair(string word, SourceRange range)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        return equals < 0
            ? throw new DockerfileException(DockerfileErrorKind.Syntax,
                $"Syntax error - can't find = in {QuotedText.Of(word)}. Must be of the form: name=value", range)
            : new KeyValue(word[..equals], word[(equals + 1)..]);
    }

    /// <summary>The node with the words of a JSON array of strings; null for everything that is no JSON array at all.</summary>
    private static InstructionNode? WithJson(InstructionNode node, string text)
    {
        if (!text.StartsWith('['))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            var words = new List<string>();
            foreach (JsonElement element in document.RootElement.EnumerateArray())
            {
                words.Add(element.ValueKind == JsonValueKind.String ? GetWord(element, node.Range)
                    : throw new DockerfileException(DockerfileErrorKind.Syntax, "when using JSON array syntax, arrays must be comprised of strings only", node.Range));
            }

            return node with { Words = words, IsJson = true };
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException) // half of a surrogate pair
        {
            return null;
        }
    }

    private static string GetWord(JsonElement element, SourceRange range)
    {
        string word = element.GetString() ?? "";
        return word.Contains('\0', StringComparison.Ordinal)
            ? throw new DockerfileException(DockerfileErrorKind.Syntax, "a string of a JSON array contains a NUL character", range)
            : word;
    }
}
