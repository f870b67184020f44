using System.Net;
using System.Runtime.InteropServices;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>Whatever bytes come in, reading them ends, and with nothing but the one kind of error.</summary>
public sealed class NetlinkReaderTests
{
    [Fact]
    public void RandomBytesAreRefusedOrRead()
    {
        var random = new Random(4711);
        var bytes = new byte[512];
        int refused = 0;
        for (int i = 0; i < 200_000; i++)
        {
            int length = random.Next(bytes.Length);
            random.NextBytes(bytes.AsSpan(0, length));

            // Otherwise nearly all would end at the first length.
            if (length >= 20 && i % 4 != 0)
            {
                MemoryMarshal.Write(bytes, (uint)length);
                MemoryMarshal.Write(bytes.AsSpan(4), Types[random.Next(Types.Length)]);
                for (int at = 16 + (4 * random.Next(5)); at + 4 <= length; at += 4 * random.Next(1, 8))
                    MemoryMarshal.Write(bytes.AsSpan(at), (ushort)random.Next(0, 40));
            }

            refused += IsRefused(bytes.AsSpan(0, length)) ? 1 : 0;
        }

        Assert.InRange(refused, 1000, 199_000);
    }

    [Fact]
    public void MessagesOfTheKernelWithBytesChangedAreRefusedOrRead()
    {
        byte[] real = Message();
        Assert.False(IsRefused(real));
        var random = new Random(4712);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] changed = [.. real];
            for (int change = random.Next(1, 5); change > 0; change--)
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            IsRefused(changed.AsSpan(0, random.Next(changed.Length + 1)));
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData(21u)]
    [InlineData(uint.MaxValue)]
    public void HostileLengthsOfMessagesAreRefused(uint length)
    {
        var bytes = new byte[20];
        MemoryMarshal.Write(bytes, length);
        Assert.True(IsRefused(bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(65535)]
    public void HostileLengthsOfAttributesAreRefused(int length)
    {
        var bytes = new byte[40];
        MemoryMarshal.Write(bytes, 40u);
        MemoryMarshal.Write(bytes.AsSpan(4), RouteMessages.RTM_NEWLINK);
        MemoryMarshal.Write(bytes.AsSpan(32), (ushort)length);
        Assert.True(IsRefused(bytes));
    }

    [Fact]
    public void TheWriterRefusesWhatHasNoRoom()
    {
        using var writer = new NetlinkWriter();
        Assert.Throws<InvalidOperationException>(writer.End);
        writer.Begin(1, NetlinkFlags.None);
        Assert.Throws<InvalidOperationException>(() => writer.Begin(1, NetlinkFlags.None));
        Assert.Throws<ArgumentException>(() => writer.Bytes(1, new byte[70_000]));
        Assert.Throws<ArgumentException>(() =>
        {
            using (writer.Nested(1))
            {
                writer.Bytes(1, new byte[40_000]);
                writer.Bytes(1, new byte[40_000]);
            }
        });
    }

    [Fact]
    public void WhatIsWrittenIsReadAgain()
    {
        using var writer = new NetlinkWriter();
        writer.Begin(99, NetlinkFlags.Ack);
        writer.Fixed(new NftHeader { Family = 2 });
        writer.Text(1, "a");
        using (writer.Nested(2))
        {
            for (int i = 0; i < 2000; i++)
                writer.UInt32BigEndian(3, (uint)i);
        }

        writer.UInt16BigEndian(4, 0x1234);
        writer.Flag(5);
        writer.End();
        writer.Number(7);
        foreach (NetlinkMessage message in new NetlinkMessages(writer.Written))
        {
            Assert.Equal((99, 7u), (message.Type, message.Sequence));
            List<int> types = [];
            foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
            {
                types.Add(attribute.Type);
                uint next = 0;
                if (attribute.Type != 2)
                    continue;
                foreach (NetlinkAttribute inner in attribute.Nested)
                    Assert.Equal(next++, inner.UInt32BigEndian);
                Assert.Equal(2000u, next);
            }

            Assert.Equal([1, 2, 4, 5], types);
        }
    }

    private static ushort[] Types =>
    [
        NetlinkType.ERROR, NetlinkType.DONE, RouteMessages.RTM_NEWLINK, RouteMessages.RTM_NEWADDR, RouteMessages.RTM_NEWROUTE, RouteMessages.RTM_NEWNEIGH,
        .. Enumerable.Range(0, 16).Select(NftMessages.TypeOf),
    ];

    // A link, an address, a route and elements as the kernel would send them.
    private static byte[] Message()
    {
        using var writer = new NetlinkWriter();
        writer.Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Multi);
        writer.Fixed(new LinkHeader { Index = 5 });
        writer.Text(LinkAttributes.IFLA_IFNAME, "eth0");
        LinkAttributes.WriteKind(writer, new BridgeConfig { Name = "x", Settings = new BridgeSettings { MulticastSnooping = true, Ageing = TimeSpan.FromSeconds(1) } });
        writer.End();
        writer.Begin(RouteMessages.RTM_NEWADDR, NetlinkFlags.Multi);
        writer.Fixed(new AddressHeader { Family = RouteMessages.AF_INET, PrefixLength = 24, Index = 5 });
        writer.Address(2, IPAddress.Parse("10.0.0.1"));
        writer.End();
        writer.Begin(RouteMessages.RTM_NEWROUTE, NetlinkFlags.Multi);
        writer.Fixed(new RouteHeader { Family = RouteMessages.AF_INET, DestinationLength = 24 });
        writer.Address(1, IPAddress.Parse("10.0.0.0"));
        writer.End();
        NftMessages.Begin(writer, NftMessages.NFT_MSG_NEWSETELEM, NftFamily.Inet, NetlinkFlags.Multi);
        using (writer.Nested(NftMessages.NFTA_SET_ELEM_LIST_ELEMENTS))
            NftElements.Write(writer, new NftSetConfig { Name = "s", Key = [NftDataType.Mark] }, new NftElement(NftValue.Number(1), Verdict: new NftVerdict(NftVerdictCode.Jump, "c")), isWhole: true);
        writer.End();
        return writer.Written.ToArray();
    }

    private static bool IsRefused(ReadOnlySpan<byte> bytes)
    {
        List<NetlinkEvent> events = [];
        List<(NftElement, bool)> elements = [];
        try
        {
            foreach (NetlinkMessage message in new NetlinkMessages(bytes))
            {
                if (message.Type is NetlinkType.ERROR or NetlinkType.DONE)
                    NetlinkAcknowledgement.Read(message);
                else
                    NetlinkMonitor.Add(message, events);
                NftRuleset.ReadGeneration(message, []);
                NftRuleset.ReadTable(message, []);
                NftRuleset.ReadChain(message, []);
                NftRuleset.ReadRule(message, []);
                NftRuleset.ReadSet(message, []);
                NftRuleset.ReadElements(message, elements);
            }

            NftElements.Join([.. elements], isRanges: false);
            NftElements.Join(elements, isRanges: true);
            return false;
        }
        catch (InvalidDataException)
        {
            return true;
        }
    }
}
