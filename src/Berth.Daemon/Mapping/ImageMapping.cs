using Berth.Api;
using Berth.Daemon.Http;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;

namespace Berth.Daemon.Mapping;

/// <summary>From stored images to the API's records.</summary>
internal static class ImageMapping
{
    public static ImageSummary ToSummary(ImageRecord image, ApiVersion version) => new()
    {
        Created = (image.Config.Created ?? DateTimeOffset.UnixEpoch).ToUnixTimeSeconds(),
        Id = image.Id.ToString(),
        Labels = image.Config.Config?.Labels,
        RepoDigests = [.. Digests(image)],
        RepoTags = [.. Tags(image)],
        Size = image.Size,
        VirtualSize = version.IsAtLeast(1, 44) ? 0 : image.Size,
    };

    public static ImageInspect ToInspect(ImageRecord image, ApiVersion version, string storageDriver) => new()
    {
        Id = image.Id.ToString(),
        RepoTags = [.. Tags(image)],
        RepoDigests = [.. Digests(image)],
        Comment = image.Config.Comment ?? "",
        Created = WireTime.Format(image.Config.Created),
        Container = version.IsAtLeast(1, 45) ? null : image.Config.Container ?? "",
        DockerVersion = image.Config.DockerVersion ?? "",
        Author = image.Config.Author ?? "",
        Config = ToRunConfig(image.Config.Config ?? new ImageRunConfig()),
        Architecture = image.Config.Architecture,
        Variant = image.Config.Variant,
        Os = image.Config.Os,
        Size = image.Size,
        VirtualSize = version.IsAtLeast(1, 44) ? 0 : image.Size,
        GraphDriver = new DriverData { Name = storageDriver },
        RootFS = new ImageRootfsInfo { Type = "layers", Layers = [.. image.Config.Rootfs.DiffIds.Select(static id => id.ToString())] },
        Metadata = new ImageMetadata { LastTagTime = WireTime.Format(image.LastTagged) },
    };

    private static IEnumerable<string> Tags(ImageRecord image) => image.References.Where(static name => name.Tag is not null).Select(static name => name.Familiar);

    private static IEnumerable<string> Digests(ImageRecord image) => image.References.Where(static name => name.Tag is null).Select(static name => name.Familiar);

    private static ImageRunConfigInfo ToRunConfig(ImageRunConfig config) => new()
    {
        User = config.User,
        ExposedPorts = config.ExposedPorts?.ToDictionary(static port => port.Key, static _ => EmptyObject.Value, StringComparer.Ordinal),
        Env = config.Env?.ToList(),
        Entrypoint = config.Entrypoint?.ToList(),
        Cmd = config.Cmd?.ToList(),
        Volumes = config.Volumes?.ToDictionary(static volume => volume.Key, static _ => EmptyObject.Value, StringComparer.Ordinal),
        WorkingDir = config.WorkingDir,
        Labels = config.Labels,
        StopSignal = config.StopSignal,
        ArgsEscaped = config.ArgsEscaped ?? false,
    };
}
