using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Cli.Formatting;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Cli.Manifests;

/// <summary>A platform as manifest lists have it.</summary>
internal sealed record ManifestPlatform(string Architecture, string Os, string OsVersion, IReadOnlyList<string> OsFeatures, string Variant)
{
    /// <summary>What an index or an image's configuration says.</summary>
    public static ManifestPlatform Of(JsonElement document) => new(
        document.Text("architecture"), document.Text("os"), document.Text("os.version"),
        [.. document.Items("os.features").Where(static item => item.ValueKind == JsonValueKind.String).Select(static item => item.GetString()!)], // checked
        document.Text("variant"));

    public static ManifestPlatform Of(IndexPlatform? platform) =>
        new(platform?.Architecture ?? "", platform?.Os ?? "", platform?.OsVersion ?? "", platform?.OsFeatures ?? [], platform?.Variant ?? "");

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("architecture", Architecture);
        writer.WriteString("os", Os);
        if (OsVersion.Length > 0)
            writer.WriteString("os.version", OsVersion);

        if (OsFeatures.Count > 0)
        {
            writer.WriteStartArray("os.features");
            foreach (string feature in OsFeatures)
                writer.WriteStringValue(feature);

            writer.WriteEndArray();
        }

        if (Variant.Length > 0)
            writer.WriteString("variant", Variant);

        writer.WriteEndObject();
    }
}

/// <summary>One image of a manifest list: its manifest as received, and what the list says of it. The form on disk and in <c>inspect -v</c> is docker's.</summary>
internal sealed record ManifestEntry(string Reference, string MediaType, Digest Digest, ManifestPlatform Platform, byte[] Raw)
{
    private static readonly JsonWriterOptions Layout = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads what <see cref="ToJson"/> or the stock CLI wrote.</summary>
    /// <exception cref="CommandFailedException">It is something else.</exception>
    public static ManifestEntry Parse(byte[] json, string file)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            if (root.TryGetProperty("Descriptor", out JsonElement descriptor) && Digest.TryParse(descriptor.Text("digest"), out Digest digest) && root.TryGetProperty(nameof(Raw), out JsonElement raw))
            {
                ManifestPlatform platform = descriptor.TryGetProperty("platform", out JsonElement value) && value.ValueKind == JsonValueKind.Object ? ManifestPlatform.Of(value) : ManifestPlatform.Of(platform: null);
                var entry = new ManifestEntry(ReferenceOf(root), descriptor.Text("mediaType"), digest, platform, raw.GetBytesFromBase64());
                if (Digest.Of(entry.Raw) == digest)
                    return entry;
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            // Told below.
        }

        throw new CommandFailedException($"{file} is no manifest of a local list; remove the list with 'manifest rm' and create it again", exitCode: 1);
    }

    /// <summary>The document that is kept, on one line.</summary>
    public byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
            Write(writer);

        return buffer.ToArray();
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("Ref", Reference);
        writer.WriteStartObject("Descriptor");
        writer.WriteString("mediaType", MediaType);
        writer.WriteString("digest", Digest.ToString());
        writer.WriteNumber("size", Raw.Length);
        writer.WritePropertyName("platform");
        Platform.Write(writer);
        writer.WriteEndObject();
        writer.WriteBase64String(nameof(Raw), Raw);
        writer.WritePropertyName(MediaType == MediaTypes.OciManifest ? "OCIManifest" : "SchemaV2Manifest");
        using JsonDocument manifest = JsonDocument.Parse(Raw);
        manifest.RootElement.WriteTo(writer);
        writer.WriteEndObject();
    }

    /// <summary>A document in lines, indented with tabs.</summary>
    public static string Indent(Action<Utf8JsonWriter> write) => Indent(write, '\t', 1);

    /// <summary>The list's document over these images: that is what is pushed, byte for byte as the stock CLI makes it.</summary>
    public static byte[] ToList(IReadOnlyList<ManifestEntry> entries) => Encoding.UTF8.GetBytes(Indent(
        writer =>
        {
            writer.WriteStartObject();
            writer.WriteNumber("schemaVersion", 2);
            writer.WriteString("mediaType", ListTypeOf(entries));
            writer.WriteStartArray("manifests");
            foreach (ManifestEntry entry in entries)
            {
                writer.WriteStartObject();
                writer.WriteString("mediaType", entry.MediaType);
                writer.WriteNumber("size", entry.Raw.Length);
                writer.WriteString("digest", entry.Digest.ToString());
                writer.WritePropertyName("platform");
                entry.Platform.Write(writer);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        },
        ' ', 3));

    /// <summary>The media type of the list: the first image decides.</summary>
    public static string ListTypeOf(IReadOnlyList<ManifestEntry> entries) =>
        entries is [{ MediaType: MediaTypes.OciManifest }, ..] ? MediaTypes.OciIndex : MediaTypes.DockerManifestList;

    private static string Indent(Action<Utf8JsonWriter> write, char character, int size)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout with { Indented = true, IndentCharacter = character, IndentSize = size, NewLine = "\n" }))
            write(writer);

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    // Old stock CLIs kept the parts of a name instead of its text.
    private static string ReferenceOf(JsonElement root) =>
        root.TryGetProperty("Ref", out JsonElement reference) && reference.ValueKind == JsonValueKind.String ? reference.GetString()! : ""; // checked
}
