using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>
/// Names of entries as paths below the layer's root: bytes, parts separated by single slashes, no "." or "..", empty for the root itself.
/// Absolute names count from the layer's root, as every engine takes them (some image builders write them); ".." is refused.
/// </summary>
internal static class LayerPath
{
    /// <summary>Normalises what an archive says.</summary>
    /// <exception cref="EngineException">InvalidArgument for a path with "..".</exception>
    public static byte[] Parse(ReadOnlySpan<byte> name, ReadOnlySpan<byte> entry)
    {
        byte[] result = new byte[name.Length];
        int length = 0;
        foreach (Range range in name.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = name[range];
            if (part.IsEmpty || part.SequenceEqual("."u8))
            {
                continue;
            }

            if (part.SequenceEqual(".."u8))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"archive entry \"{NativePath.Show(entry)}\" is refused: \"{NativePath.Show(name)}\" leads outside with \"..\"");
            }

            if (length > 0)
            {
                result[length++] = (byte)'/';
            }

            part.CopyTo(result.AsSpan(length));
            length += part.Length;
        }

        return result[..length];
    }

    /// <summary>All but the last part; empty for a name in the root.</summary>
    public static ReadOnlySpan<byte> Parent(ReadOnlySpan<byte> path)
    {
        int slash = path.LastIndexOf((byte)'/');
        return slash < 0 ? default : path[..slash];
    }

    /// <summary>The last part.</summary>
    public static ReadOnlySpan<byte> Name(ReadOnlySpan<byte> path) => path[(path.LastIndexOf((byte)'/') + 1)..];
}
