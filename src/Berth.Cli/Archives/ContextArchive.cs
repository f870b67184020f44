using System.Security.Cryptography;
using System.Text;
using Berth.Dockerfile;
using Berth.Dockerfile.Ignore;
using Berth.Linux;

namespace Berth.Cli.Archives;

/// <summary>
/// A build's context as the tar that the daemon gets: a folder without what its .dockerignore leaves out, or another archive. A Dockerfile that is no part of it is added under a
/// name that nobody else uses, and left out of what is built by a .dockerignore that names it too, as the stock client does.
/// </summary>
internal sealed class ContextArchive
{
    private const string IgnoreName = ".dockerignore";
    private const uint OwnerOnly = 0x180; // 0600

    private readonly Action<TarOutput> pack;
    private readonly byte[]? addedDockerfile;
    private byte[]? ignoreContent;
    private TarEntry? ignoreEntry;

    private ContextArchive(Action<TarOutput, ContextArchive> pack, string dockerfile, byte[]? addedDockerfile)
    {
        this.pack = output => pack(output, this);
        this.addedDockerfile = addedDockerfile;
        DockerfileName = addedDockerfile is null ? dockerfile : ".dockerfile." + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(10));
    }

    /// <summary>The Dockerfile's name in the archive.</summary>
    public string DockerfileName { get; }

    /// <summary>The archive of a folder.</summary>
    /// <param name="folder">The folder with its Dockerfile.</param>
    /// <param name="dockerfile">The Dockerfile, if it is none of the folder's files.</param>
    /// <exception cref="CommandFailedException">A file of patterns is wrong or cannot be read.</exception>
    public static ContextArchive OfFolder(ContextFolder folder, byte[]? dockerfile)
    {
        string inside = folder.Dockerfile is null || folder.IsOutside ? "" : folder.Dockerfile;
        string own = inside.Length > 0 ? inside + IgnoreName : "";
        byte[]? common = TryRead(folder.Folder, IgnoreName);
        byte[]? patterns = own.Length > 0 ? TryRead(folder.Folder, own) : null;
        bool hasOwn = patterns is not null;
        IgnoreMatcher ignored = Matcher(folder.Folder, hasOwn ? own : IgnoreName, patterns ?? common);

        // The daemon knows no other .dockerignore than the common one: a Dockerfile that its own patterns leave out is sent like one from elsewhere.
        if (hasOwn && ignored.IsIgnored(inside))
            dockerfile = ReadDockerfile(Path.Combine(folder.Folder, inside));

        return new ContextArchive(Pack, inside, dockerfile);

        void Pack(TarOutput output, ContextArchive archive)
        {
            bool adds = dockerfile is not null;
            var rules = new PackRules { Ignored = ignored, Kept = hasOwn ? [] : [IgnoreName, inside], Replaced = adds ? IgnoreName : null };
            if (adds && common is not null && !(hasOwn && ignored.IsIgnored(IgnoreName)))
                archive.ignoreContent = common;

            try
            {
                new FolderPacker(output, rules).PackContext(folder.Folder);
            }
            catch (LinuxException exception) when (exception.Errno == Errno.EACCES)
            {
                throw new CommandFailedException($"error checking context: no permission to read from '{Path.Combine(folder.Folder, exception.Subject)}'", exitCode: 1);
            }
        }
    }

    /// <summary>The archive of a Dockerfile alone.</summary>
    public static ContextArchive OfDockerfile(byte[] dockerfile) => new((output, _) => Add(output, Entry("Dockerfile") with { Mode = 0x1A4 }, dockerfile), "Dockerfile", addedDockerfile: null); // 0644

    /// <summary>A plain archive with a Dockerfile from elsewhere.</summary>
    /// <param name="archive">Read once, when the result is written.</param>
    /// <param name="dockerfile">The Dockerfile.</param>
    public static ContextArchive OfArchive(Stream archive, byte[] dockerfile) => new((output, result) => Copy(new TarInput(archive.Read), output, result), "", dockerfile);

    /// <summary>Reads a Dockerfile that the daemon could take.</summary>
    /// <exception cref="CommandFailedException">It cannot be read, or is too large for any build.</exception>
    public static byte[] ReadDockerfile(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return ReadDockerfile(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw ContextFolder.Failed($"unable to open Dockerfile: open {path}: {Flags.KeyValueFiles.Reason(exception)}");
        }
    }

    /// <inheritdoc cref="ReadDockerfile(string)"/>
    public static byte[] ReadDockerfile(Stream stream)
    {
        int most = DockerfileLimits.Default.MaxFileBytes;
        using var content = new MemoryStream();
        byte[] block = new byte[64 << 10];
        for (int count; (count = stream.Read(block)) > 0;)
        {
            content.Write(block, 0, count);
            if (content.Length > most)
                throw ContextFolder.Failed($"the Dockerfile has more than the {most} bytes that are allowed");
        }

        return content.ToArray();
    }

    /// <summary>Writes the archive, once.</summary>
    /// <exception cref="LinuxException">A file cannot be read.</exception>
    /// <exception cref="TarException">A file became shorter, or the other archive is none.</exception>
    public void Write(Stream stream)
    {
        var output = new TarOutput(stream);
        pack(output);
        if (addedDockerfile is not null)
        {
            Add(output, Entry(DockerfileName), addedDockerfile);
            byte[] name = Encoding.UTF8.GetBytes($"\n{DockerfileName}\n");
            Add(output, ignoreEntry ?? Entry(IgnoreName), [.. ignoreContent ?? Encoding.UTF8.GetBytes(IgnoreName), .. name]);
        }

        output.End();
    }

    private static void Copy(TarInput input, TarOutput output, ContextArchive result)
    {
        while (input.Next() is { } entry)
        {
            string name = GoPath.Clean(Encoding.UTF8.GetString(entry.Name));
            using MemoryStream? kept = name == IgnoreName && entry.Kind == TarKind.File ? new MemoryStream() : null;
            if (kept is null)
                output.Begin(entry);

            for (ReadOnlySpan<byte> piece = input.ReadContent(); !piece.IsEmpty; piece = input.ReadContent())
            {
                if (kept is null)
                    output.Write(piece);
                else
                    kept.Write(piece);
            }

            if (kept is not null)
                (result.ignoreEntry, result.ignoreContent) = (entry, kept.ToArray());
        }

        input.Drain();
    }

    private static void Add(TarOutput output, TarEntry entry, byte[] content)
    {
        output.Begin(entry with { Size = content.Length });
        output.Write(content);
    }

    private static TarEntry Entry(string name) => new() { Name = Encoding.UTF8.GetBytes(name), Mode = OwnerOnly, Seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds() };

    private static IgnoreMatcher Matcher(string folder, string name, byte[]? content)
    {
        try
        {
            return new IgnoreMatcher(content is null ? [] : IgnoreFile.Read(content));
        }
        catch (IgnoreException exception)
        {
            throw new CommandFailedException($"error checking context: {Path.Combine(folder, name)}: {exception.Message}", exitCode: 1);
        }
    }

    private static byte[]? TryRead(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {path}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }
}
