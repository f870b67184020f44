using System.Text;

namespace Berth.Network.Ipam;

/// <summary>
/// IPv6 addresses as RFC 5952 has them and docker prints them: lower case, the longest run of two or more zero groups as "::", the first of equal ones,
/// and dots for mapped addresses alone (the framework writes ::0.0.0.1 and the like).
/// </summary>
internal static class IPv6Text
{
    public static string Format(UInt128 value)
    {
        if (value >> 32 == 0xffff)
        {
            return $"::ffff:{NetAddress.IPv4((uint)value)}";
        }

        (int start, int end) = LongestZeros(value);
        var text = new StringBuilder(39);
        for (int i = 0; i < 8; i++)
        {
            if (i == start)
            {
                text.Append("::");
                i = end - 1;
                continue;
            }

            if (i > 0 && i != end)
            {
                text.Append(':');
            }

            text.Append($"{Group(value, i):x}");
        }

        return text.ToString();
    }

    private static (int Start, int End) LongestZeros(UInt128 value)
    {
        (int start, int end) = (-1, -1);
        int from = 0;
        for (int i = 0; i <= 8; i++)
        {
            if (i < 8 && Group(value, i) == 0)
            {
                continue;
            }

            if (i - from >= 2 && i - from > end - start)
            {
                (start, end) = (from, i);
            }

            from = i + 1;
        }

        return (start, end);
    }

    private static ushort Group(UInt128 value, int index) => (ushort)(value >> (112 - (16 * index)));
}
