using System.Text;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Images.Archives;

/// <summary>
/// One pass over an image archive. Documents are kept in memory, bounded; what may be a layer goes into the assembly, where it is stored, hashed and unpacked at once; the rest
/// is skipped. Names stay names: nothing of them reaches a file system. Links are resolved among the archive's own names.
/// </summary>
internal sealed class ArchiveMembers(ImageAssembly assembly, TarLimits limits, Action<LayerProgress>? report = null)
{
    private const int MaxMembers = 100_000;
    private const long MaxDocuments = 64L << 20;
    private const int MaxLinks = 16;
    private const int PeekSize = 512;
    private const int ReportEvery = 512 << 10;
    private const string BlobPrefix = "blobs/sha256/";
    private readonly Dictionary<string, byte[]> documents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Digest> layers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> links = new(StringComparer.Ordinal);
    private long documentBytes;

    /// <summary>Names of all documents.</summary>
    public IEnumerable<string> DocumentNames => documents.Keys;

    /// <summary>Reads the archive to its end.</summary>
    /// <exception cref="EngineException">InvalidArgument or TooLarge, naming the member.</exception>
    public void Read(Stream archive)
    {
        TarReader reader = new(archive, limits with { MaxEntries = Math.Min(limits.MaxEntries, MaxMembers) });
        while (reader.Next() is { } entry)
        {
            string name = Normalise(Encoding.UTF8.GetString(entry.Name), "");
            switch (entry.Type)
            {
                case TarEntryType.File when entry.Regions is null:
                    ReadFile(entry, name, reader);
                    break;
                case TarEntryType.Symlink:
                    int slash = name.LastIndexOf('/');
                    links[name] = Normalise(Encoding.UTF8.GetString(entry.LinkTarget), slash < 0 ? "" : name[..slash]);
                    break;
                case TarEntryType.HardLink:
                    links[name] = Normalise(Encoding.UTF8.GetString(entry.LinkTarget), "");
                    break;
                case TarEntryType.Folder:
                    break;
                default:
                    throw Refused(name, "an image archive has files, folders and links");
            }
        }

        reader.Drain();
    }

    /// <summary>A document by its name in the archive; null when there is none.</summary>
    public byte[]? FindDocument(string name) => documents.GetValueOrDefault(Follow(name));

    /// <summary>A document by its digest, from a layout's blobs.</summary>
    /// <exception cref="EngineException">InvalidArgument when it is not there.</exception>
    public byte[] GetDocument(Digest digest, string what) =>
        FindDocument(BlobPrefix + digest.Hex) ?? throw new EngineException(ErrorKind.InvalidArgument, $"the archive lacks the {what} {digest}, which it names");

    /// <summary>The stored blob of the layer under a name; the empty digest when the archive does not have it.</summary>
    public Digest FindLayer(string name) => layers.GetValueOrDefault(Follow(name));

    /// <summary>The stored blob of the layer with a digest, from a layout's blobs; the empty digest when the archive does not have it.</summary>
    public Digest FindLayer(Digest digest) => FindLayer(BlobPrefix + digest.Hex);

    /// <summary>A name that a document uses, in the form of <see cref="Read"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument for one that leads outside.</exception>
    public static string Normalise(string name, string folder)
    {
        List<string> parts = [.. folder.Split('/', StringSplitOptions.RemoveEmptyEntries)];
        foreach (string part in name.Split('/'))
        {
            if (part == "..")
            {
                if (parts.Count == 0)
                {
                    throw Refused(name, "it leads outside the archive with \"..\"");
                }

                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("" or "."))
            {
                parts.Add(part);
            }
        }

        return name.StartsWith('/') ? throw Refused(name, "a name in an image archive is relative") : string.Join('/', parts);
    }

    private static EngineException Refused(string name, string why) =>
        new(ErrorKind.InvalidArgument, $"image archive member \"{NativePath.Show(Encoding.UTF8.GetBytes(name))}\" is refused: {why}");

    private static bool MayBeLayer(ReadOnlySpan<byte> start) =>
        CompressionFormat.Detect(start) != Compression.None
        || (start.Length == PeekSize && (TarNumbers.IsHeader(start) || !start.ContainsAnyExcept((byte)0)));

    private static bool MayBeDocument(ReadOnlySpan<byte> start) => start.TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..];

    private static Digest ClaimedDigest(string name)
    {
        if (name.StartsWith(BlobPrefix, StringComparison.Ordinal))
        {
            return Digest.TryParse("sha256:" + name[BlobPrefix.Length..], out Digest blob) ? blob : throw Refused(name, "a blob is named by its digest, 64 hexadecimal digits");
        }

        // Configurations of docker's older archives.
        return name.EndsWith(".json", StringComparison.Ordinal) && Digest.TryParse("sha256:" + name[..^5], out Digest config) ? config : default;
    }

    private string Follow(string name)
    {
        for (int i = 0; i < MaxLinks && links.TryGetValue(name, out string? target); i++)
        {
            name = target;
        }

        return name;
    }

    private void ReadFile(TarEntry entry, string name, TarReader reader)
    {
        byte[] start = new byte[Math.Min(entry.Size, PeekSize)];
        for (int done = 0; done < start.Length;)
        {
            done += reader.Read(start.AsSpan(done));
        }

        Digest claimed = ClaimedDigest(name);
        if (MayBeLayer(start))
        {
            ReadLayer(entry, name, start, claimed, reader);
        }
        else if (MayBeDocument(start))
        {
            ReadDocument(entry, name, start, claimed, reader);
        }
    }

    private void ReadDocument(TarEntry entry, string name, byte[] start, Digest claimed, TarReader reader)
    {
        documentBytes += entry.Size;
        if (entry.Size > ImagePlan.MaxDocument || documentBytes > MaxDocuments)
        {
            throw new EngineException(
                ErrorKind.TooLarge,
                $"image archive member \"{name}\" has {entry.Size} bytes; a document has at most {ImagePlan.MaxDocument}, all of an archive at most {MaxDocuments}");
        }

        byte[] document = new byte[entry.Size];
        start.CopyTo(document, 0);
        for (int done = start.Length; done < document.Length;)
        {
            done += reader.Read(document.AsSpan(done));
        }

        if (!claimed.IsEmpty && Digest.Of(document) is var found && found != claimed)
        {
            throw Refused(name, $"its content has the digest {found}");
        }

        // A later member of the same name counts, as in every archive.
        documents[name] = document;
    }

    private void ReadLayer(TarEntry entry, string name, byte[] start, Digest claimed, TarReader reader)
    {
        int given = 0;
        long done = 0;
        long reported = 0;
        bool isNew = claimed.IsEmpty || !assembly.TryUseBlob(claimed);
        int Fill(Memory<byte> block)
        {
            int filled = Math.Min(start.Length - given, block.Length);
            start.AsSpan(given, filled).CopyTo(block.Span);
            given += filled;
            while (filled < block.Length)
            {
                int count = reader.Read(block.Span[filled..]);
                if (count == 0)
                {
                    break;
                }

                filled += count;
            }

            done += filled;
            if (isNew && report is not null && filled > 0 && (done - reported >= ReportEvery || done == entry.Size))
            {
                reported = done;
                report(new LayerProgress(claimed.IsEmpty ? name[..Math.Min(12, name.Length)] : claimed.Hex[..12], done, entry.Size));
            }

            return filled;
        }

        layers[name] = isNew ? assembly.ReceiveMember(Fill, claimed) : ImageAssembly.ConfirmBlob(Fill, claimed);
    }
}
