using System.Text.Json;
using Berth.Cli.Formatting;
using Berth.Cli.Registries;

namespace Berth.Cli.Builds;

/// <summary>The member <c>proxies</c> of config.json: what builds get as arguments, which Dockerfiles need not declare.</summary>
internal static class BuildProxies
{
    private static readonly (string Member, string Variable)[] Known =
        [("httpProxy", "HTTP_PROXY"), ("httpsProxy", "HTTPS_PROXY"), ("noProxy", "NO_PROXY"), ("ftpProxy", "FTP_PROXY"), ("allProxy", "ALL_PROXY")];

    /// <summary>Those for this daemon, or else the default ones; each in capitals and in small letters.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Of(CliContext context)
    {
        JsonProperty[] entries;
        try
        {
            entries = [.. ConfigFile.Read(context.ConfigPath).Entries("proxies")];
        }
        catch (CommandFailedException exception)
        {
            context.Warn("Error loading config file: " + exception.Message);
            return [];
        }

        int index = Array.FindLastIndex(entries, entry => entry.Name == context.Endpoint.Text);
        index = index >= 0 ? index : Array.FindLastIndex(entries, static entry => entry.Name == "default");
        if (index < 0 || entries[index].Value.ValueKind != JsonValueKind.Object)
            return [];

        JsonElement chosen = entries[index].Value;
        var result = new List<KeyValuePair<string, string>>();
        foreach ((string member, string variable) in Known)
        {
            if (chosen.Text(member) is { Length: > 0 } value)
                result.AddRange([new(variable, value), new(variable.ToLowerInvariant(), value)]);
        }

        return result;
    }
}
