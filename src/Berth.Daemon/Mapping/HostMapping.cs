using System.Text.Json;
using Berth.Api;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Health;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>Parts of a container's configuration that creation and update have in common, or that are checked by themselves.</summary>
internal static class HostMapping
{
    private static readonly HashSet<string> BuiltUpdate = new(StringComparer.OrdinalIgnoreCase)
    {
        "RestartPolicy", "PidsLimit", "Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems",
    };

    /// <exception cref="EngineException">InvalidArgument with docker's words.</exception>
    public static RestartPolicyOption MapRestartPolicy(RestartPolicy policy)
    {
        switch (policy.Name)
        {
            case "" when policy.MaximumRetryCount == 0:
                return new RestartPolicyOption("no", 0);
            case "on-failure" when policy.MaximumRetryCount < 0:
                throw new EngineException(ErrorKind.InvalidArgument, "maximum retry count cannot be negative");
            case "on-failure":
                return new RestartPolicyOption(policy.Name, policy.MaximumRetryCount);
            case "" or "no" or "always" or "unless-stopped":
                return policy.MaximumRetryCount == 0
                    ? new RestartPolicyOption(policy.Name, 0)
                    : throw new EngineException(ErrorKind.InvalidArgument, $"maximum retry count cannot be used with restart policy '{policy.Name}'");
            default:
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid restart policy '{policy.Name}'");
        }
    }

    /// <exception cref="EngineException">InvalidArgument with docker's words.</exception>
    public static ResourceOptions MapResources(HostConfig host, bool isUpdate)
    {
        var resources = new ResourceOptions
        {
            Memory = host.Memory,
            MemorySwap = host.MemorySwap,
            MemoryReservation = host.MemoryReservation,
            NanoCpus = host.NanoCpus,
            CpuShares = host.CpuShares,
            CpuPeriod = host.CpuPeriod,
            CpuQuota = host.CpuQuota,
            CpusetCpus = host.CpusetCpus,
            CpusetMems = host.CpusetMems,
            PidsLimit = host.PidsLimit,
        };
        resources.Validate(isUpdate);
        return resources;
    }

    /// <summary>What an update asks for, to be applied to the present options.</summary>
    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static Func<ContainerRecord, ContainerHostOptions> MapUpdate(JsonElement body, HostConfig request)
    {
        UnbuiltOptions.Refuse(body, BuiltUpdate, "");
        ResourceOptions resources = MapResources(request, isUpdate: true);
        RestartPolicyOption? policy = request.RestartPolicy is { Name: "", MaximumRetryCount: 0 } ? null : MapRestartPolicy(request.RestartPolicy);
        return record =>
        {
            ContainerHostOptions host = record.Config.Host;
            if (policy is { IsNone: false } && host.AutoRemove)
            {
                throw CannotUpdate(record, "Restart policy cannot be updated because AutoRemove is enabled for the container");
            }

            try
            {
                return host with { Resources = host.Resources.UpdatedBy(resources), RestartPolicy = policy ?? host.RestartPolicy };
            }
            catch (EngineException exception) when (exception.Kind == ErrorKind.Conflict)
            {
                throw CannotUpdate(record, exception.Message);
            }
        };
    }

    /// <exception cref="EngineException">InvalidArgument with docker's words.</exception>
    public static HealthOptions? MapHealth(HealthConfig? health)
    {
        if (health is null)
        {
            return null;
        }

        var options = new HealthOptions
        {
            Test = health.Test ?? [],
            Interval = health.Interval,
            Timeout = health.Timeout,
            StartPeriod = health.StartPeriod,
            StartInterval = health.StartInterval,
            Retries = health.Retries,
        };
        options.Validate();
        return options;
    }

    public static HealthConfig? ToHealth(HealthOptions? health) => health is null ? null : new HealthConfig
    {
        Test = health.Test.Count == 0 ? null : [.. health.Test],
        Interval = health.Interval,
        Timeout = health.Timeout,
        StartPeriod = health.StartPeriod,
        StartInterval = health.StartInterval,
        Retries = health.Retries,
    };

    private static EngineException CannotUpdate(ContainerRecord record, string why) => new(ErrorKind.Conflict, $"Cannot update container {record.Id}: {why}");
}
