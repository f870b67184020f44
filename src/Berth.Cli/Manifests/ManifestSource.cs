using System.Text.Json;
using Berth.Cli.Registries;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Manifests;

/// <summary>Manifests in registries, asked for by this program itself.</summary>
internal sealed class ManifestSource : IDisposable
{
    private const int LargestConfig = 8 << 20;
    private readonly CliContext context;
    private readonly RegistryClient client;

    /// <param name="context">For the user's credentials.</param>
    /// <param name="usesMirrors">Whether mirrors may answer instead: not where something is published of what they say, as they may be behind.</param>
    /// <param name="insecure">Registries whose certificates are not checked, and that may be spoken to in plain text.</param>
    public ManifestSource(CliContext context, bool usesMirrors, params IReadOnlyList<string> insecure)
    {
        this.context = context;
        RegistryOptions options = RegistryAccess.OptionsOf(context, insecure);
        client = new RegistryClient(usesMirrors ? options : options with { Rules = [] });
    }

    public RegistryRepository Open(ImageReference name) => client.Open(name, RegistryAccess.ToCredential(RegistryCredentials.Of(context, name)));

    /// <summary>The image, or the images of the list, under a name.</summary>
    /// <exception cref="CommandFailedException">There is none, or the registry refuses.</exception>
    public async Task<(bool IsList, List<ManifestEntry> Entries)> ReadAsync(ImageReference image)
    {
        try
        {
            RegistryRepository repository = Open(image);
            RemoteDocument document = await repository.GetManifestAsync(image.Digest.IsEmpty ? image.Tag! : image.Digest.ToString(), CancellationToken.None); // names come with their default tag
            if (ImageDocuments.KindOf(document.Content, document.MediaType, image.Familiar) == ImageDocumentKind.Manifest)
                return (false, [await EntryAsync(repository, image.ToString(), document)]);

            var entries = new List<ManifestEntry>();
            string withoutDigest = image.Tag is null ? image.Repository : $"{image.Repository}:{image.Tag}";
            foreach (IndexDescriptor item in ImageDocuments.ReadIndex(document.Content, image.Familiar).Manifests)
            {
                RemoteDocument part = await repository.GetManifestAsync(item.Digest.ToString(), CancellationToken.None);
                entries.Add(new ManifestEntry($"{withoutDigest}@{item.Digest}", part.MediaType, part.Digest, ManifestPlatform.Of(item.Platform), part.Content));
            }

            return (true, entries);
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            throw new CommandFailedException("no such manifest: " + image.Familiar, exitCode: 1);
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    public void Dispose() => client.Dispose();

    // An image that is in no list says itself what it is for.
    private static async Task<ManifestEntry> EntryAsync(RegistryRepository repository, string reference, RemoteDocument document)
    {
        Descriptor config = ImageDocuments.ReadManifest(document.Content, reference).Config;
        if (config.Size > LargestConfig)
            throw new CommandFailedException($"{reference}: its configuration has {config.Size} bytes; at most {LargestConfig} are read", exitCode: 1);

        using Stream blob = await repository.OpenBlobAsync(config, new BlobRead(), CancellationToken.None);
        using var content = new MemoryStream();
        await blob.CopyToAsync(content);
        try
        {
            using JsonDocument parsed = JsonDocument.Parse(content.ToArray());
            return new ManifestEntry(reference, document.MediaType, document.Digest, ManifestPlatform.Of(parsed.RootElement), document.Content);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new CommandFailedException($"{reference}: its configuration {config.Digest} is no JSON object", exitCode: 1);
        }
    }
}
