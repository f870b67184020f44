using System.Globalization;
using System.Text.Json;
using Berth.Model;

namespace Berth.Registry;

/// <summary>
/// The members of daemon.json that say how registries are reached: <c>registries</c>, <c>registry-mirrors</c>, <c>insecure-registries</c>, <c>registry-certificates</c>,
/// <c>proxies</c> (and its own three) and <c>max-download-attempts</c>. The daemon and the command line read them alike.
/// </summary>
public static class RegistrySettings
{
    /// <summary>Where they are on a machine, unless its daemon was told otherwise.</summary>
    public const string DefaultFile = "/etc/berth/daemon.json";

    private const string Certificates = "registry-certificates";
    private const int LargestFile = 1 << 20;
    private const int LargestSecret = 64 << 10;

    /// <summary>The options with one that has a single value.</summary>
    /// <param name="options">As they are.</param>
    /// <param name="name">The member.</param>
    /// <param name="value">Its value; of an object its JSON.</param>
    /// <param name="readPassword">Reads the file of a mirror's password.</param>
    /// <returns>Null for a name that is none of these.</returns>
    /// <exception cref="EngineException">InvalidArgument, naming the member.</exception>
    /// <exception cref="JsonException">It is no JSON where JSON is wanted.</exception>
    /// <exception cref="InvalidOperationException">A value within has another type than is wanted.</exception>
    public static RegistryOptions? With(RegistryOptions options, string name, string value, Func<string, string?> readPassword) => name switch
    {
        "max-download-attempts" => options with { Attempts = Count(name, value) },
        "http-proxy" or "https-proxy" or "no-proxy" => options with { Proxy = With(options.Proxy ?? new RegistryProxy(null, null, []), name, value) },
        "proxies" => options with { Proxy = ReadObject(name, value).EnumerateObject().Aggregate(options.Proxy ?? new RegistryProxy(null, null, []), static (proxy, member) => With(proxy, member.Name, member.Value.GetString() ?? "")) },
        "registries" => options with { Rules = [.. options.Rules, .. ReadObject(name, value).EnumerateObject().Select(registry => ReadRule(registry, readPassword))] },
        _ => null,
    };

    /// <summary>The same of a list.</summary>
    /// <inheritdoc cref="With(RegistryOptions, string, string, Func{string, string})"/>
    public static RegistryOptions? WithList(RegistryOptions options, string name, IReadOnlyList<string> values) => name switch
    {
        "registry-mirrors" => options with
        {
            Rules =
            [
                .. options.Rules.Where(static rule => rule.Registry != ImageReference.DefaultDomain),
                new RegistryRule(ImageReference.DefaultDomain, [.. values.Select(static url => new RegistryMirror(ParseUrl("registry-mirrors", url), RegistryCredential.None))]),
            ],
        },
        "insecure-registries" => options with { InsecureRegistries = values },
        Certificates => options with { CertificateFolders = [.. values.Select(Path.GetFullPath)] },
        _ => null,
    };

    /// <summary>The options with what a file says. Relative paths in it are of its folder, not of where a user happens to be.</summary>
    /// <param name="options">As they are.</param>
    /// <param name="path">The file.</param>
    /// <param name="hasOthers">Whether other members are somebody else's, and passed over; they are refused otherwise.</param>
    /// <param name="readPassword">Reads the file of a mirror's password; null when this user may not: the mirror is asked as nobody then.</param>
    /// <exception cref="EngineException">InvalidArgument, naming the file and what is wrong with it.</exception>
    public static RegistryOptions ReadFile(RegistryOptions options, string path, bool hasOthers, Func<string, string?> readPassword)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!; // of a file that is read there is one
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadAll(path, LargestFile));
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                RegistryOptions? changed = member.Value.ValueKind switch
                {
                    JsonValueKind.Array => WithList(options, member.Name, [.. ReadItems(member.Value).Select(item => member.Name == Certificates ? Path.GetFullPath(item, folder) : item)]),
                    JsonValueKind.String => With(options, member.Name, member.Value.GetString()!, ReadPasswordHere), // a string is not null
                    _ => With(options, member.Name, member.Value.GetRawText(), ReadPasswordHere),
                };
                options = changed ?? (hasOthers ? options : throw Unknown(member.Name));
            }

            options.Validate();
            return options;

            string? ReadPasswordHere(string file) => readPassword(Path.GetFullPath(file, folder));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or EngineException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{path}: {exception.Message}", exception);
        }
    }

    /// <summary>Reads the file of a mirror's password, without an end of line.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static string ReadPassword(string path) => System.Text.Encoding.UTF8.GetString(ReadAll(path, LargestSecret)).TrimEnd('\r', '\n');

    /// <summary>A number from 1 to 100.</summary>
    /// <exception cref="EngineException">InvalidArgument, naming the option.</exception>
    public static int Count(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is > 0 and <= 100
            ? count
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name}: {value}; wanted 1 to 100");

    private static IEnumerable<string> ReadItems(JsonElement list) =>
        list.EnumerateArray().Select(static item => item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText()); // a string is not null

    private static RegistryProxy With(RegistryProxy proxy, string name, string value) => name switch
    {
        "http-proxy" => proxy with { Http = ParseProxy(name, value) },
        "https-proxy" => proxy with { Https = ParseProxy(name, value) },
        "no-proxy" => proxy with { Bypass = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
        _ => throw Unknown("proxies." + name),
    };

    // A file that never ends is none.
    private static byte[] ReadAll(string path, int longest)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] content = new byte[longest + 1];
        int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return length <= longest ? content[..length] : throw new IOException($"{path} has more than {longest} bytes");
    }

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
    private static RegistryRule ReadRule(JsonProperty registry, Func<string, string?> readPassword)
    {
        bool fallsBack = true;
        List<RegistryMirror> mirrors = [];
        foreach (JsonProperty member in registry.Value.EnumerateObject())
        {
            switch (member.Name)
            {
                case "mirrors":
                    mirrors.AddRange(member.Value.EnumerateArray().Select(mirror => ReadMirror(registry.Name, mirror, readPassword)));
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

    private static RegistryMirror ReadMirror(string registry, JsonElement mirror, Func<string, string?> readPassword)
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

        string? password = members.TryGetValue("password-file", out string? file) ? readPassword(file) : "";
        RegistryCredential credential = password is null ? RegistryCredential.None : new RegistryCredential { Username = members.GetValueOrDefault("username", ""), Password = password };
        return new RegistryMirror(ParseUrl(place, members.GetValueOrDefault("url", "")), credential);
    }

    private static EngineException Unknown(string name) =>
        new(ErrorKind.InvalidArgument, $"the following directives don't match any configuration option: {name}");
}
