using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>The <c>index.json</c> of an OCI layout: which documents it has, and under which names (OCI image specification, image-layout.md).</summary>
internal sealed class LayoutIndex
{
    public const string FileName = "index.json";
    public const string MarkerName = "oci-layout";
    public const string Marker = """{"imageLayoutVersion":"1.0.0"}""";
    private const string RefName = "org.opencontainers.image.ref.name";
    private const string FullName = "io.containerd.image.name";
    private static readonly ManifestJsonContext Relaxed = new(new JsonSerializerOptions(ManifestJsonContext.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    private readonly List<IndexDescriptor> entries;

    private LayoutIndex(List<IndexDescriptor> entries) => this.entries = entries;

    public static LayoutIndex Empty() => new([]);

    /// <exception cref="EngineException">The document is malformed.</exception>
    public static LayoutIndex Parse(byte[] json, string place) => new([.. ImageDocuments.ReadIndex(json, $"{place}: {FileName}").Manifests]);

    /// <summary>The path of a document or blob in a layout.</summary>
    public static string PathOf(Digest digest) => "blobs/" + digest.ToString().Replace(':', '/');

    /// <summary>The names that are given to documents: tags, or whole names with one.</summary>
    public IReadOnlyList<string> Tags => [.. entries.Select(TagOf).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <summary>The document of a name; without one, the only document there is.</summary>
    /// <exception cref="CommandFailedException">There is none, or there are several.</exception>
    public IndexDescriptor Find(string? tag, string place)
    {
        List<IndexDescriptor> fitting = [.. entries.Where(entry => tag is null ? !PlatformChoice.IsAttestation(entry) : TagOf(entry) == tag || NameOf(entry, RefName) == tag || NameOf(entry, FullName) == tag).DistinctBy(static entry => entry.Digest)];
        return fitting switch
        {
            [var only] => only,
            [] => throw new CommandFailedException(tag is null ? $"{place} has no image" : $"{place} has no image {tag}; it has {Known()}", exitCode: 1),
            _ => throw new CommandFailedException($"{place} has {fitting.Count} images{(tag is null ? "" : " of the name " + tag)}: name one of {Known()}, or copy all with --all-tags", exitCode: 1),
        };
    }

    public bool Has(Digest digest, string? tag) => entries.Exists(entry => entry.Digest == digest && (tag is null || TagOf(entry) == tag));

    /// <summary>Gives a document a name, and takes it from the one that had it.</summary>
    public void Set(RemoteDocument document, string? tag, string? fullName)
    {
        entries.RemoveAll(entry => tag is null ? entry.Digest == document.Digest && TagOf(entry) is null : TagOf(entry) == tag);
        var annotations = new Dictionary<string, string>();
        if (fullName is not null)
            annotations[FullName] = fullName;

        if (tag is not null)
            annotations[RefName] = tag;

        entries.Add(new IndexDescriptor { MediaType = document.MediaType, Digest = document.Digest, Size = document.Content.Length, Annotations = annotations.Count > 0 ? annotations : null });
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(
        new ImageIndex { MediaType = MediaTypes.OciIndex, Manifests = entries }, Relaxed.ImageIndex);

    private string Known() => Tags.Count > 0 ? string.Join(", ", Tags) : string.Join(", ", entries.Select(static entry => entry.Digest.ToString()));

    private static string? NameOf(IndexDescriptor entry, string annotation) => entry.Annotations?.GetValueOrDefault(annotation);

    // Some writers put the whole name where the specification wants a tag.
    private static string? TagOf(IndexDescriptor entry) =>
        NameOf(entry, RefName) is { Length: > 0 } name ? Last(name) : NameOf(entry, FullName) is { Length: > 0 } full ? Last(full) : null;

    private static string Last(string name) => name.LastIndexOf(':') is var colon && colon > name.LastIndexOf('/') && colon >= 0 ? name[(colon + 1)..] : name;
}
