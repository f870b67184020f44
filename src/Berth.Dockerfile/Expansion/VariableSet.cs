namespace Berth.Dockerfile.Expansion;

/// <summary>Variables by name, no more of them than the limits allow.</summary>
internal sealed class VariableSet
{
    private readonly Dictionary<string, string> _values;
    private readonly DockerfileLimits _limits;
    private long _length;

    public VariableSet(DockerfileLimits limits, IEnumerable<KeyValuePair<string, string>> values)
    {
        _limits = limits;
        _values = new Dictionary<string, string>(values, StringComparer.Ordinal);
        _length = _values.Sum(static pair => (long)pair.Key.Length + pair.Value.Length);
    }

    public IReadOnlyDictionary<string, string> Values => _values;

    public string? Get(string name) => _values.GetValueOrDefault(name);

    public void Set(string name, string value, SourceRange range)
    {
        _length += _values.TryGetValue(name, out string? old) ? value.Length - old.Length : name.Length + value.Length;
        _values[name] = value;
        if (_length > _limits.MaxVariableLength)
        {
            throw new DockerfileException(DockerfileErrorKind.Expansion, $"all variables together have more than {_limits.MaxVariableLength} characters", range);
        }

        if (_values.Count > _limits.MaxVariables)
        {
            throw new DockerfileException(DockerfileErrorKind.Expansion, $"more than {_limits.MaxVariables} variables are set", range);
        }
    }
}
