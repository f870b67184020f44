using System.Text.Json;
using Berth.Api;
using Berth.Model.Oci.Image;
using Wire = Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>From the configuration that a commit may bring along to an image's.</summary>
internal static class CommitMapping
{
    private static readonly JsonElement Present = JsonDocument.Parse("{}").RootElement;

    public static ImageRunConfig Map(Wire.ContainerConfig config)
    {
        var other = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (config.Healthcheck is { } probe)
        {
            other["Healthcheck"] = JsonSerializer.SerializeToElement(probe, ApiJson.Context.HealthConfig);
        }

        foreach ((string name, List<string>? words) in (ReadOnlySpan<(string, List<string>?)>)[("OnBuild", config.OnBuild), ("Shell", config.Shell)])
        {
            if (words is { Count: > 0 })
            {
                other[name] = JsonSerializer.SerializeToElement(words, ApiJson.Context.ListString);
            }
        }

        return new ImageRunConfig
        {
            User = config.User,
            Env = CreateMapping.CheckEnv(config.Env),
            Cmd = config.Cmd,
            Entrypoint = config.Entrypoint,
            WorkingDir = config.WorkingDir,
            Labels = config.Labels,
            StopSignal = config.StopSignal,
            ExposedPorts = Set(config.ExposedPorts),
            Volumes = Set(config.Volumes),
            ArgsEscaped = config.ArgsEscaped ? true : null,
            Other = other.Count == 0 ? null : other,
        };
    }

    private static Dictionary<string, JsonElement>? Set(Dictionary<string, EmptyObject>? keys) =>
        keys?.ToDictionary(static key => key.Key, static _ => Present, StringComparer.Ordinal);
}
