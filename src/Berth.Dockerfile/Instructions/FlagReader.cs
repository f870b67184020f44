using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>The flags of an instruction, checked against those it has. Only those that <c>repeated</c> names may stand there twice.</summary>
internal sealed class FlagReader
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    public FlagReader(InstructionNode node, string[]? texts = null, string[]? switches = null, string[]? repeated = null)
    {
        foreach (string flag in node.Flags)
        {
            int equals = flag.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? flag[2..] : flag[2..equals];
            bool isSwitch = Has(switches, name);
            bool isRepeated = Has(repeated, name);
            if (!isSwitch && !isRepeated && !Has(texts, name))
            {
                string meant = Suggestion.For(name, [.. texts ?? [], .. switches ?? [], .. repeated ?? []]) is { } known ? $" (did you mean {known}?)" : "";
                throw Wrong(node, $"Unknown flag: {name}{meant}");
            }

            if (_values.TryGetValue(name, out List<string>? values) && !isRepeated)
            {
                throw Wrong(node, $"Duplicate flag specified: {name}");
            }

            if (equals < 0 ? !isSwitch : isSwitch && equals == flag.Length - 1)
            {
                throw Wrong(node, $"Missing a value on flag: {name}");
            }

            string value = equals < 0 ? "true" : flag[(equals + 1)..];
            if (isSwitch && value.ToLowerInvariant() is not ("true" or "false"))
            {
                throw Wrong(node, $"Expecting boolean value for flag {name}, not: {value}");
            }

            (values ?? (_values[name] = [])).Add(value);
        }
    }

    /// <summary>The flag's value; null where it is not there.</summary>
    public string? GetText(string name) => _values.TryGetValue(name, out List<string>? values) ? values[0] : null;

    /// <summary>The flag's value; null where it is not there.</summary>
    public bool? GetSwitch(string name) => GetText(name) is { } text ? text.Equals("true", StringComparison.OrdinalIgnoreCase) : null;

    /// <summary>The flag's values, in order.</summary>
    public IReadOnlyList<string> GetAll(string name) => _values.GetValueOrDefault(name) ?? [];

    /// <summary>The error of this instruction.</summary>
    public static DockerfileException Wrong(InstructionNode node, string reason) => new(DockerfileErrorKind.Instruction, reason, node.Range);

    private static bool Has(string[]? names, string name) => names is not null && names.Contains(name, StringComparer.Ordinal);
}
