using Berth.Model;

namespace Berth.Storage.Builds;

/// <summary>No files at all.</summary>
internal sealed class EmptyTree : ISourceTree
{
    public SourceEntry? Find(ReadOnlySpan<byte> path) => null;

    public IReadOnlyList<SourceEntry> List(SourceEntry folder) => [];

    public Stream Open(SourceEntry file) => throw new InvalidOperationException("there is no file");

    public Digest HashOf(SourceEntry file) => throw new InvalidOperationException("there is no file");

    public void Dispose()
    {
        // There is nothing.
    }
}
