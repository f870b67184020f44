using System.Security.Cryptography;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>
/// A folder in the form of an OCI layout. A blob is written under another name and takes its own when its digest is right; what is left of one that was interrupted is gone on with.
/// </summary>
internal sealed class LayoutPlace : IImageSource, IImageTarget
{
    private const int BufferSize = 128 * 1024;
    private readonly string folder;
    private readonly Lock writing = new();
    private readonly List<(RemoteDocument Document, string? Tag)> roots = [];

    public LayoutPlace(string folder, string? tag)
    {
        this.folder = folder;
        Tag = tag;
    }

    /// <inheritdoc/>
    public string Name => Tag is null ? "oci:" + folder : $"oci:{folder}:{Tag}";

    /// <inheritdoc/>
    public string? Tag { get; }

    /// <inheritdoc/>
    public int Parallelism => 3;

    private string IndexPath => Path.Combine(folder, LayoutIndex.FileName);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListTagsAsync() => Task.FromResult(Existing().Tags);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetRootAsync(string? tag) => Task.FromResult(Read(Existing().Find(tag ?? Tag, "oci:" + folder).Digest));

    /// <inheritdoc/>
    public Task<RemoteDocument> GetAsync(Digest digest) => Task.FromResult(Read(digest));

    /// <inheritdoc/>
    public Stream OpenBlob(Descriptor blob, long offset)
    {
        FileStream file = LocalFile.Open(PathOf(blob.Digest), Name);
        if (offset == 0)
            return new VerifiedStream(file, blob, Name);

        file.Position = offset;
        return file;
    }

    /// <inheritdoc/>
    public Task<Platform?> GetPlatformAsync() => Task.FromResult<Platform?>(null);

    /// <inheritdoc/>
    public Task ExpectAsync(IReadOnlyList<Descriptor> blobs) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<bool> HasAsync(Digest digest, string? tag) => Task.FromResult(false); // a document says nothing of the blobs beside it; those are looked at one by one

    /// <inheritdoc/>
    public Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent)
    {
        string path = PathOf(blob.Digest);
        string partial = path + ".partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!); // below the folder
            while (!LayoutFiles.Holds(path, blob))
            {
                using FileStream? file = LayoutFiles.TryOpenAlone(partial);
                if (file is null)
                    continue;

                Receive(file, blob, source, sent);
                File.Move(partial, path, overwrite: true);
                return Task.FromResult(BlobPushOutcome.Uploaded);
            }

            return Task.FromResult(BlobPushOutcome.Existed);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw LocalFile.Failed("write", path, exception);
        }
    }

    /// <inheritdoc/>
    public Task PutAsync(RemoteDocument document, string? tag, bool isRoot)
    {
        lock (writing)
        {
            LocalFile.Replace(PathOf(document.Digest), document.Content);
            if (isRoot)
                roots.Add((document, tag));
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Descriptor>> FinishAsync()
    {
        LocalFile.Replace(Path.Combine(folder, LayoutIndex.MarkerName), System.Text.Encoding.ASCII.GetBytes(LayoutIndex.Marker));
        if (roots.Count == 0)
            return Task.FromResult<IReadOnlyList<Descriptor>>([]);

        try
        {
            ChangeIndex();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw LocalFile.Failed("change", IndexPath, exception);
        }

        return Task.FromResult<IReadOnlyList<Descriptor>>([]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Every file is closed by the one that opened it.
    }

    // What others have put there since the copy began stays.
    private void ChangeIndex()
    {
        string path = IndexPath + ".lock";
        FileStream? mine;
        while ((mine = LayoutFiles.TryOpenAlone(path)) is null)
        {
            // The one before is done, and its file gone.
        }

        using (mine)
        {
            try
            {
                LayoutIndex index = File.Exists(IndexPath) ? Existing() : LayoutIndex.Empty();
                foreach ((RemoteDocument document, string? tag) in roots)
                    index.Set(document, tag, fullName: null);

                LocalFile.Replace(IndexPath, index.ToJson());
            }
            finally
            {
                File.Delete(path);
            }
        }
    }

    private static void Receive(FileStream file, Descriptor blob, IImageSource source, Action<long> sent)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferSize];
        if (file.Length >= blob.Size)
            file.SetLength(0); // nothing that was interrupted

        int count;
        while ((count = file.Read(buffer)) > 0)
            hash.AppendData(buffer, 0, count);

        long done = file.Position;
        using (Stream content = source.OpenBlob(blob, done))
        {
            while ((count = content.Read(buffer)) > 0)
            {
                hash.AppendData(buffer, 0, count);
                file.Write(buffer, 0, count);
                sent(done += count);
            }
        }

        if (done == blob.Size && Convert.ToHexStringLower(hash.GetHashAndReset()) == blob.Digest.ToString()["sha256:".Length..])
        {
            file.Flush(flushToDisk: true);
            return;
        }

        file.SetLength(0);
        throw new EngineException(ErrorKind.Internal, $"{source.Name}: blob {blob.Digest} came with other content than its digest says; try again");
    }

    private RemoteDocument Read(Digest digest)
    {
        byte[] content = LocalFile.ReadAll(PathOf(digest), ImageDocuments.MaxDocument, Name);
        return ArchiveMember.ToDocument(content, digest, Name);
    }

    private LayoutIndex Existing() => LayoutIndex.Parse(LocalFile.ReadAll(IndexPath, ImageDocuments.MaxDocument, "oci:" + folder), "oci:" + folder);

    private string PathOf(Digest digest) => Path.Combine(folder, LayoutIndex.PathOf(digest));
}

/// <summary>Files of this machine, with errors that name them.</summary>
internal static class LocalFile
{
    public static FileStream Open(string path, string place)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{place}: open {path}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    public static byte[] ReadAll(string path, int longest, string place)
    {
        using FileStream file = Open(path, place);
        if (file.Length > longest)
            throw new CommandFailedException($"{place}: {path} has {file.Length} bytes; at most {longest} are read", exitCode: 1);

        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }

    /// <summary>Writes a file in one step; its folder is made.</summary>
    public static void Replace(string path, byte[] content)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!); // a file has a folder
            string temporary = $"{path}.{Guid.NewGuid():N}";
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("write", path, exception);
        }
    }

    public static CommandFailedException Failed(string what, string path, Exception exception) => new(
        $"cannot {what} {path}: {(exception is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException ? Flags.KeyValueFiles.Reason(exception) : LayoutFiles.IsOfKernel(exception) ? exception.Message : "input/output error, or no space left")}", exitCode: 1);
}
