using System.Formats.Tar;
using System.Net.Http.Headers;
using System.Text;

namespace Berth.EndToEnd.Tests.Builds;

/// <summary>A build's context, made in memory.</summary>
internal sealed class BuildTar
{
    private readonly MemoryStream stream = new();
    private readonly TarWriter writer;

    /// <param name="dockerfile">The Dockerfile's text.</param>
    public BuildTar(string dockerfile)
    {
        writer = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true);
        File("Dockerfile", dockerfile);
    }

    public BuildTar File(string name, string content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead) =>
        File(name, Encoding.UTF8.GetBytes(content), mode);

    public BuildTar File(string name, byte[] content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead)
    {
        writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content), Mode = mode, ModificationTime = DateTimeOffset.UnixEpoch.AddYears(30) });
        return this;
    }

    public BuildTar Link(string name, string target)
    {
        writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target });
        return this;
    }

    /// <summary>The archive's bytes; nothing can be added any more.</summary>
    public byte[] ToBytes()
    {
        writer.Dispose();
        return stream.ToArray();
    }

    /// <summary>The archive as a request's body.</summary>
    public HttpContent ToContent()
    {
        var content = new ByteArrayContent(ToBytes());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        return content;
    }
}
