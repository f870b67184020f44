using static Berth.Linux.Netlink.NftMessages;

namespace Berth.Linux.Netlink;

/// <summary>Elements of sets and maps as messages have them.</summary>
internal static class NftElements
{
    /// <summary>Refuses what does not fit its set, with more words than the kernel has for it.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static void Check(NftSetConfig set, NftElement element, bool isWhole)
    {
        int key = NftDataType.LengthOf(set.Key);
        if (element.Key.Bytes.Length != key || (element.Last is { } last && last.Bytes.Length != key))
            throw new ArgumentException($"keys of {set.Name} have {key} bytes, which {element} has not");
        if (element.Last is not null && !set.IsInterval)
            throw new ArgumentException($"{set.Name} was not made for ranges such as {element}");
        if (!isWhole)
            return;
        bool wantsVerdict = set.Data is [var type] && type == NftDataType.Verdict;
        if (wantsVerdict != element.Verdict is not null || (set.Data is not null && !wantsVerdict) != element.Data is not null)
            throw new ArgumentException($"{set.Name} has for a key {(set.Data is null ? "nothing" : wantsVerdict ? "a verdict" : "a value")}, and {element} something else");
        if (element.Data is { } data && data.Bytes.Length != NftDataType.LengthOf(set.Data!))
            throw new ArgumentException($"values of {set.Name} have {NftDataType.LengthOf(set.Data!)} bytes, which that of {element} has not");
    }

    /// <summary>Writes one. A range of one field is two elements, where it begins and where it has ended.</summary>
    public static void Write(NetlinkWriter writer, NftSetConfig set, NftElement element, bool isWhole)
    {
        bool isConcat = set.Key.Count > 1;
        NftValue last = element.Last ?? element.Key;
        using (writer.Nested(NFTA_LIST_ELEM))
        {
            writer.Value(NFTA_SET_ELEM_KEY, element.Key.Bytes);
            if (set.IsInterval && isConcat)
                writer.Value(NFTA_SET_ELEM_KEY_END, last.Bytes);
            if (isWhole && element.Data is { } data)
                writer.Value(NFTA_SET_ELEM_DATA, data.Bytes);
            if (isWhole && element.Verdict is { } verdict)
                writer.Verdict(NFTA_SET_ELEM_DATA, verdict);
        }

        if (!set.IsInterval || isConcat || last.Next() is not { } end)
            return;
        using (writer.Nested(NFTA_LIST_ELEM))
        {
            writer.Value(NFTA_SET_ELEM_KEY, end.Bytes);
            writer.UInt32BigEndian(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
        }
    }

    /// <summary>Takes the elements out of a message.</summary>
    /// <exception cref="InvalidDataException">It is cut.</exception>
    public static void Read(in NetlinkMessage message, List<(NftElement Element, bool IsEnd)> elements)
    {
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            if (attribute.Type != NFTA_SET_ELEM_LIST_ELEMENTS)
                continue;
            foreach (NetlinkAttribute element in attribute.Nested)
                elements.Add(ReadOne(element.Nested));
        }
    }

    /// <summary>Puts beginnings and ends of ranges together again, and sorts them by key.</summary>
    /// <param name="parts">What was read.</param>
    /// <param name="isRanges">Whether the set is one of ranges whose beginnings and ends are elements of their own.</param>
    public static List<NftElement> Join(List<(NftElement Element, bool IsEnd)> parts, bool isRanges)
    {
        parts.Sort(static (one, other) =>
        {
            int order = one.Element.Key.Bytes.SequenceCompareTo(other.Element.Key.Bytes);
            return order != 0 ? order : other.IsEnd.CompareTo(one.IsEnd);
        });
        List<NftElement> joined = [];
        NftElement? open = null;
        foreach ((NftElement element, bool isEnd) in parts)
        {
            if (isEnd && open is { } first)
                joined[^1] = CloseAt(first, element.Key.Previous());
            open = isEnd ? null : element;
            if (!isEnd)
                joined.Add(element);
        }

        // What has no end goes up to the last key there is.
        if (isRanges && open is not null)
            joined[^1] = CloseAt(open, NftValue.FromBytes([.. Enumerable.Repeat(byte.MaxValue, open.Key.Bytes.Length)]));
        return joined;
    }

    private static NftElement CloseAt(NftElement element, NftValue last) => element with { Last = last.Equals(element.Key) ? null : last };

    private static (NftElement Element, bool IsEnd) ReadOne(NetlinkAttributes element)
    {
        NftValue? key = null, last = null, data = null;
        NftVerdict? verdict = null;
        bool isEnd = false;
        foreach (NetlinkAttribute attribute in element)
        {
            switch (attribute.Type)
            {
                case NFTA_SET_ELEM_KEY: key = ReadData(attribute.Nested).Value; break;
                case NFTA_SET_ELEM_KEY_END: last = ReadData(attribute.Nested).Value; break;
                case NFTA_SET_ELEM_DATA: (data, verdict) = ReadData(attribute.Nested); break;
                case NFTA_SET_ELEM_FLAGS: isEnd = (attribute.UInt32BigEndian & NFT_SET_ELEM_INTERVAL_END) != 0; break;
            }
        }

        // A catch-all element has no key.
        key ??= NftValue.FromBytes([]);
        return (new NftElement(key, data, verdict, last is not null && last.Equals(key) ? null : last), isEnd);
    }

    private static (NftValue? Value, NftVerdict? Verdict) ReadData(NetlinkAttributes data)
    {
        foreach (NetlinkAttribute attribute in data)
        {
            if (attribute.Type == NFTA_DATA_VALUE)
                return (NftValue.FromBytes(attribute.Value), null);
            if (attribute.Type == NFTA_DATA_VERDICT)
                return (null, ReadVerdict(attribute.Nested));
        }

        return default;
    }

    private static NftVerdict ReadVerdict(NetlinkAttributes verdict)
    {
        var code = NftVerdictCode.Continue;
        string? chain = null;
        foreach (NetlinkAttribute attribute in verdict)
        {
            if (attribute.Type == NFTA_VERDICT_CODE)
                code = (NftVerdictCode)attribute.UInt32BigEndian;
            else if (attribute.Type == NFTA_VERDICT_CHAIN)
                chain = attribute.Text;
        }

        return new NftVerdict(code, chain);
    }
}
