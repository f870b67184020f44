using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Networks;

/// <summary>A network as <c>network ls</c> shows it; members are those of docker's formats.</summary>
internal sealed class NetworkRow(NetworkInspect network, bool truncate) : IFieldSource
{
    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"));

    public string TypeName => "*network.networkContext";

    public IEnumerable<string> FieldNames => Header.Names;

    public int ArgumentsOf(string name) => name == "Label" ? 1 : Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => name == "Label" ? Label(argument) : Field(name);

    private string Label(string key) => network.Labels is { } labels ? labels.GetValueOrDefault(key, "") : "";

    private string? Field(string name) => name switch
    {
        "ID" => truncate ? Units.ShortId(network.Id) : network.Id,
        "Name" => network.Name,
        "Driver" => network.Driver,
        "Scope" => network.Scope,
        "IPv4" => GoBoolean(network.EnableIPv4),
        "IPv6" => GoBoolean(network.EnableIPv6),
        "Internal" => GoBoolean(network.Internal),
        "Labels" => string.Join(',', (network.Labels ?? []).Select(label => label.Key + "=" + label.Value).Order(StringComparer.Ordinal)),
        "CreatedAt" => (GoTime.Parse(network.Created) ?? GoTime.Zero).ToString(),
        _ => null,
    };

    private static string GoBoolean(bool value) => value ? "true" : "false";
}
