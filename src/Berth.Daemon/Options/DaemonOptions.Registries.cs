using Berth.Model;
using Berth.Registry;

namespace Berth.Daemon.Options;

/// <summary>What it was told about registries.</summary>
internal sealed partial record DaemonOptions
{
    /// <summary>How registries are reached.</summary>
    public RegistryOptions Registries { get; init; } = new() { UserAgent = $"berth/{ProductVersion.Text}", RangeSize = 4 << 20 };

    /// <summary>How many layers are received at a time, of all pulls together.</summary>
    public int Downloads { get; init; } = 3;

    /// <summary>How many layers are sent at a time, of all pushes together.</summary>
    public int Uploads { get; init; } = 5;

    /// <summary>The mirrors of docker.io, as docker tells them.</summary>
    public IReadOnlyList<string> HubMirrors => [.. Registries.Rules.Where(static rule => rule.Registry == ImageReference.DefaultDomain).SelectMany(static rule => rule.Mirrors).Select(static mirror => mirror.Url.ToString())];

    private DaemonOptions WithRegistry(string name, string value) => name switch
    {
        "max-concurrent-downloads" => this with { Downloads = RegistrySettings.Count(name, value) },
        "max-concurrent-uploads" => this with { Uploads = RegistrySettings.Count(name, value) },
        _ => RegistrySettings.With(Registries, name, value, RegistrySettings.ReadPassword) is { } changed ? this with { Registries = changed } : WithNetwork(name, value),
    };

    private DaemonOptions WithRegistryList(string name, IReadOnlyList<string> values) =>
        RegistrySettings.WithList(Registries, name, values) is { } changed ? this with { Registries = changed } : WithNetworkList(name, values);
}
