using System.Globalization;
using System.Text.Json;
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
        "max-concurrent-downloads" => this with { Downloads = Count(name, value) },
        "max-concurrent-uploads" => this with { Uploads = Count(name, value) },
        "max-download-attempts" => this with { Registries = Registries with { Attempts = Count(name, value) } },
        "http-proxy" => WithProxy(proxy => proxy with { Http = ParseProxy(name, value) }),
        "https-proxy" => WithProxy(proxy => proxy with { Https = ParseProxy(name, value) }),
        "no-proxy" => WithProxy(proxy => proxy with { Bypass = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) }),
        "proxies" => ReadObject(name, value).EnumerateObject().Aggregate(this, static (options, member) => options.WithRegistry(member.Name, member.Value.GetString() ?? "")),
        "registries" => this with { Registries = Registries with { Rules = [.. Registries.Rules, .. ReadObject(name, value).EnumerateObject().Select(ReadRule)] } },
        _ => WithNetwork(name, value),
    };

    private DaemonOptions WithRegistryList(string name, IReadOnlyList<string> values) => name switch
    {
        "registry-mirrors" => this with
        {
            Registries = Registries with
            {
                Rules =
                [
                    .. Registries.Rules.Where(static rule => rule.Registry != ImageReference.DefaultDomain),
                    new RegistryRule(ImageReference.DefaultDomain, [.. values.Select(static url => new RegistryMirror(ParseUrl("registry-mirrors", url), RegistryCredential.None))]),
                ],
            },
        },
        "insecure-registries" => this with { Registries = Registries with { InsecureRegistries = values } },
        "registry-certificates" => this with { Registries = Registries with { CertificateFolders = [.. values.Select(Path.GetFullPath)] } },
        _ => WithNetworkList(name, values),
    };

    private DaemonOptions WithProxy(Func<RegistryProxy, RegistryProxy> change) =>
        this with { Registries = Registries with { Proxy = change(Registries.Proxy ?? new RegistryProxy(null, null, [])) } };

    private static int Count(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is > 0 and <= 100
            ? count
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name}: {value}; wanted 1 to 100");

    private static Uri? ParseProxy(string name, string value) => value.Length == 0 ? null : ParseUrl(name, value.Contains("://", StringComparison.Ordinal) ? value : "http://" + value);

    // The value is not repeated: it may hold a password.
    private static Uri ParseUrl(string name, string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https"
            ? url
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name}: wanted http(s)://HOST[:PORT][/PREFIX]");

    private static JsonElement ReadObject(string name, string value)
    {
        using JsonDocument document = JsonDocument.Parse(value);
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? document.RootElement.Clone()
            : throw new EngineException(ErrorKind.InvalidArgument, $"{name} must be an object");
    }

    // "quay.io": { "mirrors": ["https://cache:5000/quay", { "url": ..., "username": ..., "password-file": ... }], "fallback": false }
    private static RegistryRule ReadRule(JsonProperty registry)
    {
        bool fallsBack = true;
        List<RegistryMirror> mirrors = [];
        foreach (JsonProperty member in registry.Value.EnumerateObject())
        {
            switch (member.Name)
            {
                case "mirrors":
                    mirrors.AddRange(member.Value.EnumerateArray().Select(mirror => ReadMirror(registry.Name, mirror)));
                    break;
                case "fallback":
                    fallsBack = member.Value.GetBoolean();
                    break;
                default:
                    throw Unknown($"registries.{registry.Name}.{member.Name}");
            }
        }

        return new RegistryRule(registry.Name, mirrors, fallsBack);
    }

    private static RegistryMirror ReadMirror(string registry, JsonElement mirror)
    {
        string place = $"mirror of {registry}";
        if (mirror.ValueKind == JsonValueKind.String)
        {
            return new RegistryMirror(ParseUrl(place, mirror.GetString()!), RegistryCredential.None); // a string is not null
        }

        var members = mirror.EnumerateObject().ToDictionary(static member => member.Name, static member => member.Value.GetString() ?? "", StringComparer.Ordinal);
        if (members.Keys.FirstOrDefault(static name => name is not ("url" or "username" or "password-file")) is { } unknown)
        {
            throw Unknown($"registries.{registry}.mirrors.{unknown}");
        }

        string password = members.TryGetValue("password-file", out string? file) ? File.ReadAllText(file).TrimEnd('\r', '\n') : "";
        return new RegistryMirror(ParseUrl(place, members.GetValueOrDefault("url", "")), new RegistryCredential { Username = members.GetValueOrDefault("username", ""), Password = password });
    }
}
