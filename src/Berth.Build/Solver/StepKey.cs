using System.Buffers;
using System.Text;
using Berth.Model;

namespace Berth.Build.Solver;

/// <summary>Digests of all that decides about a step's result. Parts are kept apart by their lengths, so that no two lists of parts give the same bytes.</summary>
internal sealed class StepKey
{
    private readonly ArrayBufferWriter<byte> parts = new();

    /// <param name="kind">What kind of step, with the version of how its key is made.</param>
    public StepKey(string kind) => Add(kind);

    public StepKey Add(string? part)
    {
        Span<byte> length = stackalloc byte[4];
        byte[] bytes = part is null ? [] : Encoding.UTF8.GetBytes(part);
        BitConverter.TryWriteBytes(length, part is null ? -1 : bytes.Length);
        parts.Write(length);
        parts.Write(bytes);
        return this;
    }

    public StepKey Add(IEnumerable<string> several)
    {
        foreach (string part in several)
        {
            Add(part);
        }

        return Add((string?)null);
    }

    public Digest Finish() => Digest.Of(parts.WrittenSpan);
}
