using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>Which packets a table sees, nft(8). Numbers are the kernel's.</summary>
public enum NftFamily : byte
{
    /// <summary>Tables of all families, in lists.</summary>
    Any = 0,

    /// <summary>IPv4 and IPv6.</summary>
    Inet = 1,

    /// <summary>IPv4.</summary>
    Ip = 2,
    Arp = 3,
    Netdev = 5,
    Bridge = 7,

    /// <summary>IPv6.</summary>
    Ip6 = 10,
}

/// <summary>Where on its way a packet is, nft(8). Numbers are the kernel's.</summary>
public enum NftHook : uint
{
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

/// <summary>What becomes of a packet. Numbers are the kernel's.</summary>
public enum NftVerdictCode
{
    Drop = 0,
    Accept = 1,
    Continue = -1,
    Break = -2,
    Jump = -3,
    Goto = -4,
    Return = -5,
}

/// <summary>A table's family and name.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NftTable(NftFamily Family, string Name)
{
    /// <summary>As nft(8) has it.</summary>
    public override string ToString() => $"{Family.ToString().ToLowerInvariant()} {Name}";
}

/// <summary>What becomes of a packet; jump and goto say to which chain.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NftVerdict(NftVerdictCode Code, string? Chain = null)
{
    /// <summary>As nft(8) has it.</summary>
    public override string ToString() => Chain is null ? Code.ToString().ToLowerInvariant() : $"{Code.ToString().ToLowerInvariant()} {Chain}";
}

/// <summary>A chain. One with a hook sees packets by itself; another one those that are sent to it.</summary>
public sealed record NftChainConfig
{
    /// <summary>At most 255 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>Where it sees packets; null: nowhere.</summary>
    public NftBase? Base { get; init; }
}

/// <summary>Where a base chain is, nft(8).</summary>
/// <param name="Type"><c>filter</c>, <c>nat</c> or <c>route</c>.</param>
/// <param name="Hook">Where on the way.</param>
/// <param name="Priority">Smaller ones see packets first; -100 is <c>dstnat</c>, 0 <c>filter</c>, 100 <c>srcnat</c>.</param>
/// <param name="IsDropping">Whether what no rule decided on is dropped.</param>
public sealed record NftBase(string Type, NftHook Hook, int Priority, bool IsDropping = false);

/// <summary>A set, or with <see cref="Data"/> a map: what its keys and values are made of.</summary>
public sealed record NftSetConfig
{
    /// <summary>At most 255 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>The fields of a key.</summary>
    public required IReadOnlyList<NftDataType> Key { get; init; }

    /// <summary>The fields of a map's values, or <see cref="NftDataType.Verdict"/> alone; null: a set.</summary>
    public IReadOnlyList<NftDataType>? Data { get; init; }

    /// <summary>Whether an element may stand for a range, such as the addresses of a network.</summary>
    public bool IsInterval { get; init; }

    /// <summary>Free text of at most 128 bytes.</summary>
    public string? Comment { get; init; }
}

/// <summary>An element of a set or a map.</summary>
/// <param name="Key">The key, or the first one of a range.</param>
/// <param name="Data">What a map has for it.</param>
/// <param name="Verdict">What a verdict map has for it.</param>
/// <param name="Last">The last one of a range, which belongs to it.</param>
public sealed record NftElement(NftValue Key, NftValue? Data = null, NftVerdict? Verdict = null, NftValue? Last = null)
{
    /// <summary>All addresses of a network.</summary>
    public static NftElement Network(System.Net.IPNetwork network)
    {
        (NftValue first, NftValue last) = NftValue.RangeOf(network);
        return new NftElement(first, Last: last);
    }

    /// <summary>As nft(8) has it, but for values, which are hexadecimal.</summary>
    public override string ToString() => $"{Key}{(Last is null ? "" : $"-{Last}")}{(Data is null ? "" : $" : {Data}")}{(Verdict is null ? "" : $" : {Verdict}")}";
}
