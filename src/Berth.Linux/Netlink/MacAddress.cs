using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>An Ethernet address, six bytes.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct MacAddress
{
    /// <summary>How many bytes one has.</summary>
    public const int Size = 6;

    private readonly ulong value;

    /// <param name="bytes">Six bytes, in the order in which they are written and sent.</param>
    /// <exception cref="ArgumentException">Not six.</exception>
    public MacAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
            throw new ArgumentException($"an Ethernet address has {Size} bytes, not {bytes.Length}");
        foreach (byte part in bytes)
            value = (value << 8) | part;
    }

    /// <summary>Whether it stands for a group: no device may have such a one.</summary>
    public bool IsMulticast => ((value >> 40) & 1) != 0;

    /// <summary>Reads six pairs of hexadecimal digits between colons or hyphens.</summary>
    public static bool TryParse(string? text, out MacAddress address)
    {
        address = default;
        if (text is null || text.Length != (Size * 3) - 1)
            return false;
        Span<byte> bytes = stackalloc byte[Size];
        for (int i = 0; i < Size; i++)
        {
            bool isSeparated = i == 0 || (text[(i * 3) - 1] is ':' or '-' && text[(i * 3) - 1] == text[2]);
            if (!isSeparated || !byte.TryParse(text.AsSpan(i * 3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i]))
                return false;
        }

        address = new MacAddress(bytes);
        return true;
    }

    /// <summary>As <see cref="TryParse"/>.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static MacAddress Parse(string text) =>
        TryParse(text, out MacAddress address) ? address : throw new FormatException($"'{text}' is no Ethernet address: wanted is one such as 02:42:ac:11:00:02");

    /// <summary>Writes the six bytes.</summary>
    public void CopyTo(Span<byte> bytes)
    {
        for (int i = 0; i < Size; i++)
            bytes[i] = (byte)(value >> (40 - (i * 8)));
    }

    /// <summary>Six pairs of small hexadecimal digits between colons.</summary>
    public override string ToString() => string.Create((Size * 3) - 1, value, static (text, value) =>
    {
        for (int i = 0; i < Size; i++)
        {
            if (i > 0)
                text[(i * 3) - 1] = ':';
            ((byte)(value >> (40 - (i * 8)))).TryFormat(text.Slice(i * 3, 2), out _, "x2", CultureInfo.InvariantCulture);
        }
    });
}
