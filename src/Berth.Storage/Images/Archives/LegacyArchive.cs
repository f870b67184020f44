using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Model;

namespace Berth.Storage.Images.Archives;

/// <summary>Archives without manifest.json, as docker wrote them before 1.10: a folder for each layer with its own description, and a file of names.</summary>
internal static class LegacyArchive
{
    /// <summary>The document of names.</summary>
    public const string RepositoriesName = "repositories";
    private static readonly string[] NotInConfig = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

    /// <summary>The images that the document names.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is malformed or missing.</exception>
    public static IReadOnlyList<ArchiveImage> Find(ArchiveMembers members, byte[] document, ImageAssembly assembly)
    {
        try
        {
            Dictionary<string, Dictionary<string, string>> repositories =
                JsonSerializer.Deserialize(document, DockerArchiveJsonContext.Default.DictionaryStringDictionaryStringString) ?? throw new JsonException("it is null");
            return
            [
                .. repositories.SelectMany(static repository => repository.Value.Select(tag => (Name: ImageReference.Parse(repository.Key).WithTag(tag.Key), Id: tag.Value)))
                    .GroupBy(static tag => tag.Id).Select(image => Describe(members, image.Key, [.. image.Select(static tag => tag.Name)], assembly)),
            ];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the archive's documents cannot be read: {e.Message}", e);
        }
    }

    private static ArchiveImage Describe(ArchiveMembers members, string top, IReadOnlyList<ImageReference> names, ImageAssembly assembly)
    {
        List<(JsonObject Description, Digest Blob)> layers = [];
        for (string? id = top; !string.IsNullOrEmpty(id);)
        {
            string folder = ArchiveMembers.Normalise(id, "");
            byte[] json = members.FindDocument(folder + "/json") ?? throw new EngineException(ErrorKind.InvalidArgument, $"the archive lacks \"{folder}/json\", which it refers to");
            JsonObject description = JsonNode.Parse(json) as JsonObject ?? throw new JsonException($"{folder}/json is no object");
            layers.Add((description, members.FindLayer(folder + "/layer.tar")));
            if (layers.Count > ImagePlan.MaxLayers)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"an image of the archive has more than {ImagePlan.MaxLayers} layers, or is its own parent");
            }

            id = (string?)description["parent"];
        }

        layers.Reverse();
        JsonObject config = (JsonObject)layers[^1].Description.DeepClone();
        foreach (string name in NotInConfig)
        {
            config.Remove(name);
        }

        JsonArray diffIds = [];
        JsonArray history = [];
        foreach ((JsonObject description, Digest blob) in layers)
        {
            Digest diffId = assembly.DiffIdOf(blob) ?? throw new EngineException(ErrorKind.InvalidArgument, $"the archive lacks a layer of {string.Join(", ", names)}, or it is damaged");
            diffIds.Add((JsonNode)JsonValue.Create(diffId.ToString()));
            history.Add((JsonNode)DescribeStep(description));
        }

        config["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = diffIds };
        config["history"] = history;
        using MemoryStream written = new();
        using (Utf8JsonWriter writer = new(written))
        {
            config.WriteTo(writer);
        }

        return new ArchiveImage(written.ToArray(), null, [.. layers.Select(static layer => layer.Blob)], names, default);
    }

    private static JsonObject DescribeStep(JsonObject description)
    {
        JsonObject step = [];
        foreach (string name in (string[])["created", "author", "comment"])
        {
            if (description[name] is { } value)
            {
                step[name] = value.DeepClone();
            }
        }

        if (description["container_config"]?["Cmd"] is JsonArray command)
        {
            step["created_by"] = string.Join(' ', command.Select(static word => (string?)word));
        }

        return step;
    }
}
