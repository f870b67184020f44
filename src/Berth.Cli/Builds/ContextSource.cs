using Berth.Cli.Archives;
using Berth.Cli.Remote;
using Berth.Linux.Terminal;

namespace Berth.Cli.Builds;

/// <summary>What a build is made of: how its archive is written, and the Dockerfile's name in it.</summary>
internal sealed class ContextSource : IDisposable
{
    private const string Standard = "-";
    private const int HeadLength = 512;
    private IDisposable? owned;

    private ContextSource(string dockerfile, Action<Stream> write) => (Dockerfile, Write) = (dockerfile, write);

    /// <summary>The Dockerfile's path in the archive; empty for the daemon's default.</summary>
    public string Dockerfile { get; }

    /// <summary>Writes the archive, once.</summary>
    public Action<Stream> Write { get; }

    /// <summary>Opens what the command line names: a folder, standard input, a git repository or a file on a web server.</summary>
    /// <param name="place">The argument.</param>
    /// <param name="dockerfile">The value of <c>--file</c>; empty for none.</param>
    /// <exception cref="CommandFailedException">It is not there, or is none.</exception>
    public static ContextSource Open(string place, string dockerfile)
    {
        if (place == Standard && dockerfile == Standard)
            throw new CommandFailedException("invalid argument: can't use stdin for both build context and dockerfile", exitCode: 1);

        if (place == Standard)
            return OfStream(new StandardStream(0), dockerfile, () => [], "STDIN");

        if (Directory.Exists(place) || File.Exists(place))
            return OfFolder(place, dockerfile, Environment.CurrentDirectory);

        if (GitAddress.TryParse(place) is { } repository)
            return OfRepository(repository, dockerfile);

        if (!WebFile.IsAddress(place))
            throw ContextFolder.Failed($"path \"{place}\" not found");

        WebFile file = WebFile.Open(place);
        try
        {
            ContextSource source = OfStream(file.Content, dockerfile, ReadStandardDockerfile, place);
            source.owned = file;
            return source;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => owned?.Dispose();

    private static ContextSource Of(ContextArchive archive) => new(archive.DockerfileName, archive.Write);

    private static byte[] ReadStandardDockerfile() => ContextArchive.ReadDockerfile(new StandardStream(0));

    private static ContextSource OfFolder(string folder, string dockerfile, string from)
    {
        bool isStandard = dockerfile == Standard;
        ContextFolder resolved = ContextFolder.Resolve(folder, isStandard ? null : dockerfile, from);
        byte[]? other = isStandard ? ReadStandardDockerfile() : resolved.IsOutside ? ContextArchive.ReadDockerfile(GoPath.Clean(Path.Combine(resolved.Folder, resolved.Dockerfile!))) : null; // outside is somewhere
        return Of(ContextArchive.OfFolder(resolved, other));
    }

    private static ContextSource OfRepository(GitAddress repository, string dockerfile)
    {
        GitCheckout checkout = GitCheckout.Make(repository);
        try
        {
            ContextFolder resolved = ContextFolder.Resolve(checkout.Folder, dockerfile == Standard ? null : dockerfile, checkout.Folder);
            if (resolved.IsOutside)
                throw ContextFolder.Failed($"the Dockerfile ({dockerfile}) must be within the build context");

            ContextSource source = Of(ContextArchive.OfFolder(resolved, dockerfile == Standard ? ReadStandardDockerfile() : null));
            source.owned = checkout;
            return source;
        }
        catch
        {
            checkout.Dispose();
            throw;
        }
    }

    // A tar, plain or packed, or else a Dockerfile: the first bytes say which.
    private static ContextSource OfStream(Stream stream, string dockerfile, Func<byte[]> readDockerfile, string name)
    {
        byte[] head = new byte[HeadLength];
        int length = ReadHead(stream, head, name);
        var whole = new HeadedStream(head.AsMemory(0, length), stream);
        if (ArchiveHead.IsArchive(head.AsSpan(0, length)))
            return dockerfile == Standard ? Of(ContextArchive.OfArchive(whole, readDockerfile())) : new ContextSource(dockerfile, target => whole.CopyTo(target, 256 * 1024));

        return dockerfile == Standard
            ? throw ContextFolder.Failed("build context is not an archive")
            : Of(ContextArchive.OfDockerfile(ContextArchive.ReadDockerfile(whole)));
    }

    private static int ReadHead(Stream stream, byte[] head, string name)
    {
        try
        {
            return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        }
        catch (IOException exception)
        {
            throw ContextFolder.Failed($"failed to peek context header from {name}: {exception.Message}");
        }
    }
}
