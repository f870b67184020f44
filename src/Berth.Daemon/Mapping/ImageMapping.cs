using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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
        ParentId = image.Parent.IsEmpty ? "" : image.Parent.ToString(),
        RepoDigests = IsNone(image, version) ? ["<none>@<none>"] : [.. Digests(image)],
        RepoTags = IsNone(image, version) ? ["<none>:<none>"] : [.. Tags(image)],
        Size = image.Size,
        VirtualSize = version.IsAtLeast(1, 44) ? 0 : image.Size,
    };

    public static ImageManifestSummary ToManifest(ImageRecord image, ManifestContent content, IReadOnlyList<ContainerId> containers) => new()
    {
        Id = image.Manifest.ToString(),
        Descriptor = new OciDescriptor { MediaType = content.Manifest.MediaType, Digest = image.Manifest.ToString(), Size = content.Manifest.Size },
        Available = content.IsComplete,
        Size = new ImageManifestSize { Content = content.Bytes, Total = content.Bytes + image.Size },
        Kind = ImageManifestSummary.ImageKind,
        ImageData = new ImageManifestData
        {
            Platform = new OciPlatform { Architecture = image.Config.Architecture, Os = image.Config.Os, Variant = image.Config.Variant },
            Containers = [.. containers.Select(static id => id.ToString())],
            Size = new ImageUnpackedSize { Unpacked = image.Size },
        },
    };

    public static ImageInspect ToInspect(ImageRecord image, ApiVersion version, string storageDriver, IReadOnlyDictionary<string, string> storage)
    {
        ImageRunConfig config = image.Config.Config ?? new ImageRunConfig();
        ImageInspect answer = !version.IsAtLeast(1, 50) ? new LegacyImageInspect { Config = ToLegacyConfig(config) } : new ImageInspect { Config = ToRunConfig(config) };
        answer.Id = image.Id.ToString();
        answer.RepoTags = [.. Tags(image)];
        answer.RepoDigests = [.. Digests(image)];
        answer.Parent = image.Parent.IsEmpty ? "" : image.Parent.ToString();
        answer.Comment = image.Config.Comment ?? "";
        answer.Created = WireTime.Format(image.Config.Created);
        answer.DockerVersion = image.Config.DockerVersion ?? "";
        answer.Author = image.Config.Author ?? "";
        answer.Architecture = image.Config.Architecture;
        answer.Variant = image.Config.Variant;
        answer.Os = image.Config.Os;
        answer.Size = image.Size;
        answer.VirtualSize = version.IsAtLeast(1, 44) ? 0 : image.Size;
        answer.GraphDriver = new DriverData { Name = storageDriver, Data = storage.Count == 0 ? null : new Dictionary<string, string>(storage) };
        answer.RootFS = new ImageRootfsInfo { Type = "layers", Layers = [.. image.Config.Rootfs.DiffIds.Select(static id => id.ToString())] };
        answer.Metadata = new ImageMetadata { LastTagTime = WireTime.Format(image.LastTagged) };
        if (!version.IsAtLeast(1, 45))
        {
            answer.Container = image.Config.Container ?? "";
            answer.ContainerConfig = ToLegacyConfig(image.Config.ContainerConfig ?? new ImageRunConfig());
        }

        return answer;
    }

    public static ImageHistoryItem ToHistory(ImageHistoryStep step) => new()
    {
        Comment = step.Step.Comment ?? "",
        Created = (step.Step.Created ?? DateTimeOffset.UnixEpoch).ToUnixTimeSeconds(),
        CreatedBy = step.Step.CreatedBy ?? "",
        Id = step.Id?.ToString() ?? "<missing>",
        Size = step.Size,
        Tags = step.Tags.Count == 0 ? null : [.. step.Tags],
    };

    public static ImageDeleteItem ToDeleteItem(ImageRemoval removal) => new() { Untagged = removal.Untagged, Deleted = removal.Deleted };

    // Before 1.43 lists name what has no name.
    private static bool IsNone(ImageRecord image, ApiVersion version) => image.References.Count == 0 && !version.IsAtLeast(1, 43);

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
        Healthcheck = Other(config, "Healthcheck", ApiJson.Context.HealthConfig),
        OnBuild = Other(config, "OnBuild", ApiJson.Context.ListString),
        Shell = Other(config, "Shell", ApiJson.Context.ListString),
    };

    private static ContainerConfig ToLegacyConfig(ImageRunConfig config) => new()
    {
        Hostname = OtherText(config, "Hostname"),
        Domainname = OtherText(config, "Domainname"),
        User = config.User ?? "",
        ExposedPorts = config.ExposedPorts?.ToDictionary(static port => port.Key, static _ => EmptyObject.Value, StringComparer.Ordinal),
        Env = config.Env?.ToList(),
        Cmd = config.Cmd?.ToList(),
        Healthcheck = Other(config, "Healthcheck", ApiJson.Context.HealthConfig),
        ArgsEscaped = config.ArgsEscaped ?? false,
        Image = OtherText(config, "Image"),
        Volumes = config.Volumes?.ToDictionary(static volume => volume.Key, static _ => EmptyObject.Value, StringComparer.Ordinal),
        WorkingDir = config.WorkingDir ?? "",
        Entrypoint = config.Entrypoint?.ToList(),
        OnBuild = Other(config, "OnBuild", ApiJson.Context.ListString),
        Labels = config.Labels,
        StopSignal = config.StopSignal,
        Shell = Other(config, "Shell", ApiJson.Context.ListString),
    };

    private static string OtherText(ImageRunConfig config, string member) =>
        config.Other is not null && config.Other.TryGetValue(member, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : ""; // a string is not null

    // What the image's document says in a form that is none is left out.
    private static T? Other<T>(ImageRunConfig config, string member, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return config.Other is not null && config.Other.TryGetValue(member, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value.Deserialize(type) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
