using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Mounts;
using Berth.Model;
using Wire = Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>Mounts of a container, from a create request to the engine and back to clients.</summary>
internal static class MountMapping
{
    private static readonly string[] KnownTypes = ["volume", "tmpfs", "image", "npipe", "cluster"];

    /// <summary>Checks what was asked for and maps it; options that the client's version does not know count as unset, as docker's engine has it.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words; NotImplemented naming the type or member.</exception>
    public static ContainerHostOptions Map(ContainerHostOptions options, HostConfig host, ApiVersion version) => options with
    {
        Binds = host.Binds is { Count: > 0 } ? host.Binds : null,
        Mounts = host.Mounts is { Count: > 0 } mounts ? mounts.ConvertAll(mount => Map(mount, version)) : null,
        HasShallowReadOnly = !version.IsAtLeast(1, 44),
    };

    /// <summary>The mounts as they are, in the order of the request.</summary>
    public static List<MountPoint> ToPoints(ContainerHostOptions host) => [.. host.BindMounts.Select(static mount => new MountPoint
    {
        Type = "bind",
        Source = mount.Source,
        Destination = mount.Destination,
        Mode = mount.Mode,
        RW = !mount.IsReadOnly,
        Propagation = mount.Propagation,
    })];

    /// <summary>The long form as it was asked for.</summary>
    public static List<MountSpec>? ToRequests(ContainerHostOptions host) => host.Mounts?.Select(static mount => new MountSpec
    {
        Type = "bind",
        Source = mount.Source,
        Target = mount.Target,
        ReadOnly = mount.IsReadOnly,
        Consistency = mount.Consistency,
        BindOptions = mount.Options is { } options ? ToOptions(options) : null,
    }).ToList();

    /// <summary>Whether a container has a mount that a filter of lists names by its place on the host or in the container.</summary>
    public static bool Has(ContainerHostOptions host, string place) => host.BindMounts.Any(mount => mount.Source == place || mount.Destination == place);

    /// <summary>Where a file that the engine itself binds into containers comes from: the user's bind at the same place takes it over.</summary>
    public static string FileAt(ContainerInfo info, string destination) =>
        info.Record.Config.Host.BindMounts.FirstOrDefault(mount => mount.Destination == destination)?.Source ?? Path.Combine(info.Folder, Path.GetFileName(destination));

    private static BindRequest Map(MountSpec mount, ApiVersion version)
    {
        string type = mount.Type ?? "", target = mount.Target ?? "";
        if (type != "bind")
        {
            Binds.CheckTarget(type, target);
            throw KnownTypes.Contains(type)
                ? new EngineException(ErrorKind.NotImplemented, $"HostConfig.Mounts of type \"{type}\" is not supported yet: only binds are, volumes come later")
                : new EngineException(ErrorKind.InvalidArgument, $"invalid mount config for type \"{type}\": mount type unknown");
        }

        if (mount.BindOptions?.Unknown?.FirstOrDefault(static member => UnbuiltOptions.IsSet(member.Value)) is { Key: { } name })
        {
            throw new EngineException(ErrorKind.NotImplemented, $"HostConfig.Mounts.BindOptions.{name} is not supported yet; leave it out");
        }

        var request = new BindRequest(mount.Source ?? "", target, mount.ReadOnly, mount.Consistency, Map(mount.BindOptions, version));
        Binds.Check(request);
        RefuseOthers(mount);
        return request;
    }

    private static BindRequestOptions? Map(BindOptions? options, ApiVersion version) => options is null ? null : new BindRequestOptions(
        options.Propagation ?? "",
        options.NonRecursive && version.IsAtLeast(1, 40),
        options.CreateMountpoint && version.IsAtLeast(1, 42),
        options.ReadOnlyNonRecursive && version.IsAtLeast(1, 44),
        options.ReadOnlyForceRecursive && version.IsAtLeast(1, 44));

    private static BindOptions ToOptions(BindRequestOptions options) => new()
    {
        Propagation = options.Propagation.Length == 0 ? null : options.Propagation,
        NonRecursive = options.NonRecursive,
        CreateMountpoint = options.CreateMountpoint,
        ReadOnlyNonRecursive = options.ReadOnlyNonRecursive,
        ReadOnlyForceRecursive = options.ReadOnlyForceRecursive,
    };

    private static void RefuseOthers(MountSpec mount)
    {
        foreach ((string name, JsonElement? value) in (ReadOnlySpan<(string, JsonElement?)>)
            [("VolumeOptions", mount.VolumeOptions), ("ImageOptions", mount.ImageOptions), ("TmpfsOptions", mount.TmpfsOptions), ("ClusterOptions", mount.ClusterOptions)])
        {
            if (value is { ValueKind: not JsonValueKind.Null })
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid mount config for type \"bind\": field {name} must not be specified");
            }
        }
    }
}
