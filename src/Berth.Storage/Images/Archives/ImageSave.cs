using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Images.Archives;

/// <summary>
/// One save. The archive has what docker 25 and later write: an OCI layout, and manifest.json over the same blobs for those who do not know it. Documents and
/// layers are as they were received; but layers packed with zstd, which older engines do not read, are unpacked on the way and get a manifest that says so.
/// </summary>
internal sealed class ImageSave(ImageStore store, ContentStore content, IReadOnlyList<string> since)
{
    private const string BlobPrefix = "blobs/sha256/";
    private readonly List<ImageRecord> bases = [];
    private readonly SortedDictionary<string, Member> members = new(StringComparer.Ordinal);

    /// <summary>As <see cref="ImageStore.SaveAsync"/>.</summary>
    public async Task RunAsync(IReadOnlyList<string> names, Stream output, CancellationToken cancellationToken)
    {
        List<(ImageRecord Image, List<ImageReference> Names)> images = [];
        List<Digest> pinned = [];
        try
        {
            using (await store.TakeTurnAsync(cancellationToken))
            {
                Select(names, images);
                bases.AddRange(since.SelectMany(store.Select).Select(static selected => selected.Image).DistinctBy(static image => image.Id));
                foreach (Digest blob in images.SelectMany(static image => image.Image.LayerBlobs.Append(image.Image.Id).Append(image.Image.Manifest)))
                {
                    store.Pins.PinBlob(blob);
                    pinned.Add(blob);
                }
            }

            List<Saved> saved = [.. images.Select(image => Add(image.Image, image.Names))];
            AddIndexes(saved);
            await ThreadOutput.RunAsync(stream => Write(stream, cancellationToken), output, cancellationToken);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the images cannot be read: {e.Message}", e);
        }
        finally
        {
            await store.ReleaseAsync([], pinned);
        }
    }

    private void Select(IReadOnlyList<string> names, List<(ImageRecord Image, List<ImageReference> Names)> images)
    {
        foreach ((ImageRecord image, IReadOnlyList<ImageReference> tags) in names.SelectMany(store.Select))
        {
            int known = images.FindIndex(other => other.Image.Id == image.Id);
            if (known < 0)
            {
                known = images.Count;
                images.Add((image, []));
            }

            images[known].Names.AddRange(tags.Where(tag => !images[known].Names.Contains(tag)));
        }
    }

    private Saved Add(ImageRecord image, IReadOnlyList<ImageReference> names)
    {
        byte[] config = content.ReadDocument(image.Id);
        byte[] manifest = content.ReadDocument(image.Manifest);
        List<Descriptor> layers = [.. ImagePlan.ReadManifest(manifest).Layers];
        bool isUnpacked = false;
        for (int i = 0; i < layers.Count; i++)
        {
            Digest blob = image.LayerBlobs[i];
            if (bases.Exists(known => known.LayerBlobs.Contains(blob) || known.ChainIds.Contains(image.ChainIds[i])))
            {
                continue;
            }

            if (BlobReplay.DetectCompression(content, blob) == Compression.Zstd)
            {
                isUnpacked = true;
                Digest diffId = image.Config.Rootfs.DiffIds[i];
                long size = store.LayerOf(image.ChainIds[i])?.TarSize ?? throw new EngineException(ErrorKind.Internal, $"the length of layer {diffId} is not known");
                members[BlobPrefix + diffId.Hex] = new Member(size, null, blob, IsUnpacked: true);
                layers[i] = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = diffId, Size = size };
            }
            else
            {
                members[BlobPrefix + blob.Hex] = new Member(content.Size(blob), null, blob, IsUnpacked: false);
            }
        }

        if (isUnpacked)
        {
            manifest = ImagePlan.MakeManifest(config, [.. layers.Select(static layer => new LayerBlob(layer.Digest, layer.Size, layer.MediaType))]);
        }

        AddDocument(BlobPrefix + image.Id.Hex, config);
        AddDocument(BlobPrefix + Digest.Of(manifest).Hex, manifest);
        return new Saved(image, names, manifest, [.. layers.Select(static layer => layer.Digest)]);
    }

    private void AddIndexes(List<Saved> saved)
    {
        ImageIndex index = new() { MediaType = MediaTypes.OciIndex, Manifests = [.. saved.SelectMany(DescribeInIndex)], Annotations = bases.Count == 0 ? null : new(StringComparer.Ordinal) { [DeltaBundle.Annotation] = DeltaBundle.Describe(bases) } };
        AddDocument(OciLayout.IndexName, JsonSerializer.SerializeToUtf8Bytes(index, OciLayoutJsonContext.Default.ImageIndex));
        AddDocument("oci-layout", JsonSerializer.SerializeToUtf8Bytes(new OciLayoutMark { ImageLayoutVersion = "1.0.0" }, OciLayoutJsonContext.Default.OciLayoutMark));
        List<DockerArchiveItem> items =
        [
            .. saved.Select(image => new DockerArchiveItem
            {
                Config = BlobPrefix + image.Image.Id.Hex,
                RepoTags = image.Names.Count == 0 ? null : [.. image.Names.Select(static name => name.Familiar)],
                Layers = [.. image.Layers.Select(static layer => BlobPrefix + layer.Hex)],
                Parent = saved.Exists(other => other.Image.Id == image.Image.Parent) ? image.Image.Parent.ToString() : null,
            }),
        ];
        AddDocument(DockerArchive.ManifestName, JsonSerializer.SerializeToUtf8Bytes(items, DockerArchiveJsonContext.Default.ListDockerArchiveItem));
        Dictionary<string, Dictionary<string, string>> repositories = new(StringComparer.Ordinal);
        foreach (Saved image in saved)
        {
            foreach (ImageReference name in image.Names)
            {
                if (!repositories.TryGetValue(name.FamiliarRepository, out Dictionary<string, string>? tags))
                {
                    repositories[name.FamiliarRepository] = tags = new Dictionary<string, string>(StringComparer.Ordinal);
                }

                tags[name.Tag!] = image.Image.Id.Hex; // names that are saved have tags
            }
        }

        if (repositories.Count > 0)
        {
            AddDocument(LegacyArchive.RepositoriesName, JsonSerializer.SerializeToUtf8Bytes(repositories, DockerArchiveJsonContext.Default.DictionaryStringDictionaryStringString));
        }
    }

    private static IEnumerable<IndexDescriptor> DescribeInIndex(Saved image)
    {
        IndexDescriptor bare = new()
        {
            MediaType = ImagePlan.ReadManifest(image.Manifest).MediaType ?? MediaTypes.OciManifest,
            Digest = Digest.Of(image.Manifest),
            Size = image.Manifest.Length,
        };
        return image.Names.Count == 0
            ? [bare]
            : image.Names.Select(name => bare with
            {
                Annotations = new(StringComparer.Ordinal) { ["io.containerd.image.name"] = name.ToString(), ["org.opencontainers.image.ref.name"] = name.Tag! },
            });
    }

    private void AddDocument(string name, byte[] document) => members[name] = new Member(document.Length, document, default, IsUnpacked: false);

    private void Write(Stream output, CancellationToken cancellationToken)
    {
        TarWriter writer = new(output);
        writer.WriteEntry(new TarEntry { Type = TarEntryType.Folder, Name = "blobs"u8.ToArray(), Mode = 0x1ED });
        writer.WriteEntry(new TarEntry { Type = TarEntryType.Folder, Name = "blobs/sha256"u8.ToArray(), Mode = 0x1ED });
        byte[] buffer = new byte[256 << 10];
        foreach ((string name, Member member) in members)
        {
            writer.WriteEntry(new TarEntry { Type = TarEntryType.File, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1A4, Size = member.Size });
            if (member.Document is { } document)
            {
                writer.Write(document);
                continue;
            }

            using Stream stored = content.Open(member.Blob);
            using Stream plain = member.IsUnpacked ? CompressionFormat.Open(Compression.Zstd, stored) : stored;
            int count;
            while ((count = plain.Read(buffer)) > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                writer.Write(buffer.AsSpan(0, count));
            }
        }

        writer.Finish();
    }

    private sealed record Member(long Size, byte[]? Document, Digest Blob, bool IsUnpacked);

    private sealed record Saved(ImageRecord Image, IReadOnlyList<ImageReference> Names, byte[] Manifest, IReadOnlyList<Digest> Layers);
}
