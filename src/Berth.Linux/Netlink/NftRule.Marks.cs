using static Berth.Linux.Netlink.NftExpressions;

namespace Berth.Linux.Netlink;

/// <content>Single bits of a packet's mark, whose other bits may be somebody else's.</content>
public sealed partial class NftRule
{
    /// <summary><c>meta mark and BITS == BITS</c>.</summary>
    public NftRule MarkHas(uint bits) => Add($"meta mark and 0x{bits:x8} == 0x{bits:x8}", writer =>
    {
        byte[] value = NftValue.Number(bits).Bytes.ToArray();
        writer.Meta(Register(0), NFT_META_MARK);
        writer.Mask(Register(0), value);
        writer.Compare(Register(0), NFT_CMP_EQ, value);
    });

    /// <summary><c>meta mark set meta mark or BITS</c>.</summary>
    public NftRule AddToMark(uint bits) => Add($"meta mark set meta mark or 0x{bits:x8}", writer => ChangeMark(writer, ~bits, bits));

    /// <summary><c>meta mark set meta mark and not BITS</c>.</summary>
    public NftRule TakeFromMark(uint bits) => Add($"meta mark set meta mark and 0x{~bits:x8}", writer => ChangeMark(writer, ~bits, 0));

    private static void ChangeMark(NetlinkWriter writer, uint kept, uint turned)
    {
        writer.Meta(Register(0), NFT_META_MARK);
        writer.Mask(Register(0), NftValue.Number(kept).Bytes, NftValue.Number(turned).Bytes);
        writer.MetaSet(Register(0), NFT_META_MARK);
    }
}
