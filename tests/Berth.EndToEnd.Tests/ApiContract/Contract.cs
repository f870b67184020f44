using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using YamlDotNet.RepresentationModel;

namespace Berth.EndToEnd.Tests.ApiContract;

/// <summary>The published description of the Docker Engine API (Swagger 2.0): which operations there are, and what their answers look like.</summary>
internal sealed class Contract
{
    private static readonly string[] Methods = ["get", "head", "post", "put", "delete"];

    private readonly JsonObject document;

    private Contract(JsonObject document)
    {
        this.document = document;
        Operations = [.. from path in Object(document, "paths")
            from member in path.Value!.AsObject() // a path's value is an object
            where Methods.Contains(member.Key)
            select new Operation(member.Key.ToUpperInvariant(), path.Key, member.Value!.AsObject())]; // and so is an operation's
    }

    /// <summary>All of them, in the document's order.</summary>
    public IReadOnlyList<Operation> Operations { get; }

    /// <summary>The definitions that <c>$ref</c> leads to.</summary>
    public JsonObject Definitions => Object(document, "definitions");

    /// <summary>Reads it; null when this checkout does not lie beside the material that has it.</summary>
    public static Contract? TryLoad([CallerFilePath] string source = "")
    {
        for (string? folder = Path.GetDirectoryName(source); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string file = Path.Combine(folder, "shared", "reference", "engine-api-v1.51.yaml");
            if (!File.Exists(file))
                continue;
            var stream = new YamlStream();
            using StreamReader text = File.OpenText(file);
            stream.Load(text);
            return new Contract(ToJson(stream.Documents[0].RootNode)!.AsObject()); // the document is a map
        }

        return null;
    }

    /// <summary>One operation.</summary>
    /// <param name="Method">In capitals.</param>
    /// <param name="Path">Such as <c>/containers/{id}/json</c>.</param>
    /// <param name="Body">All that is said of it.</param>
    public sealed record Operation(string Method, string Path, JsonObject Body)
    {
        /// <summary>What parts of the API it belongs to.</summary>
        public IEnumerable<string> Tags => Body["tags"] is JsonArray tags ? tags.Select(static tag => tag!.GetValue<string>()) : [];

        /// <summary>The schema of an answer; null when the answer is no JSON, or there is none with this status.</summary>
        public JsonObject? Schema(int status) =>
            Body["responses"]?[status.ToString(System.Globalization.CultureInfo.InvariantCulture)]?["schema"]?.AsObject();

        /// <summary>Whether the status is one that it may answer with.</summary>
        public bool MayAnswer(int status) => Body["responses"]?[status.ToString(System.Globalization.CultureInfo.InvariantCulture)] is not null;

        /// <inheritdoc/>
        public override string ToString() => $"{Method} {Path}";
    }

    private static JsonObject Object(JsonObject parent, string name) => parent[name]?.AsObject() ?? throw new InvalidDataException($"the contract has no {name}");

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(static pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value!, ToJson(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Select(ToJson)]),
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain } scalar => Plain(scalar.Value),
        YamlScalarNode scalar => JsonValue.Create(scalar.Value),
        _ => throw new InvalidDataException($"a YAML node of type {node.NodeType}"),
    };

    private static JsonValue? Plain(string? text) => text switch
    {
        null or "" or "null" or "~" => null,
        "true" => JsonValue.Create(true),
        "false" => JsonValue.Create(false),
        _ => JsonValue.Create(text),
    };
}
