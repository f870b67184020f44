using System.Text;
using Berth.Model;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>What a container's log records carry besides their text: the labels and environment variables that its log options name.</summary>
public static class LogAttributes
{
    /// <summary>By name, sorted; empty when nothing is asked for, or nothing of it is there.</summary>
    public static IReadOnlyDictionary<string, string> Of(ContainerConfig config)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in Names(config, "labels"))
        {
            if (config.Labels.TryGetValue(name, out string? value))
            {
                found[name] = value;
            }
        }

        foreach (string name in Names(config, "env"))
        {
            if (config.Env.LastOrDefault(entry => entry.StartsWith(name + "=", StringComparison.Ordinal)) is { } entry)
            {
                found[name] = entry[(name.Length + 1)..];
            }
        }

        return found;
    }

    /// <exception cref="EngineException">InvalidArgument: they are too long to be written with every record.</exception>
    internal static void Check(ContainerConfig config)
    {
        // Six times is the most that JSON makes of a text.
        int bytes = Of(config).Sum(static pair => 8 + (6 * (Encoding.UTF8.GetByteCount(pair.Key) + Encoding.UTF8.GetByteCount(pair.Value))));
        if (bytes + 16 > ShimConfig.LogAttributesLimit)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the labels and variables that log-opt labels and env name are too long: got up to {bytes} bytes as JSON, wanted {ShimConfig.LogAttributesLimit} at most");
        }
    }

    private static string[] Names(ContainerConfig config, string option) =>
        config.Host.Log.Options.TryGetValue(option, out string? names) ? names.Split(',', StringSplitOptions.RemoveEmptyEntries) : [];
}
