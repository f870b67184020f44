using System.Buffers;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using static Berth.Linux.Netlink.NftMessages;
using static Berth.Linux.Netlink.RouteMessages;

namespace Berth.Linux.Netlink;

/// <summary>What to be told of. Links, addresses, routes and neighbours are of NETLINK_ROUTE, the ruleset of NETLINK_NETFILTER: not both in one.</summary>
[Flags]
public enum NetlinkGroups
{
    None = 0,
    Links = 1,
    Addresses = 2,
    Routes = 4,
    Neighbours = 8,

    /// <summary>nf_tables.</summary>
    Ruleset = 16,
}

/// <summary>Is told of changes in a network namespace, from its opening on. Wait with <see cref="Descriptor"/>, then read. Not safe for several threads.</summary>
/// <remarks>Multicast groups, netlink(7).</remarks>
public sealed class NetlinkMonitor : IDisposable
{
    private const int RTNLGRP_LINK = 1, RTNLGRP_NEIGH = 3, RTNLGRP_IPV4_IFADDR = 5, RTNLGRP_IPV4_ROUTE = 7, RTNLGRP_IPV6_IFADDR = 9, RTNLGRP_IPV6_ROUTE = 11;
    private const int NFNLGRP_NFTABLES = 7, LeastBytes = 32 * 1024, MostBytes = 16 << 20, QueuedBytes = 1 << 20, MostEvents = 4096;
    private bool wasLossy;

    /// <summary>Takes over a socket that behaves as one of the kernel's.</summary>
    internal NetlinkMonitor(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>Readable (for poll) while there is something to read.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>Opens one in the network namespace of the calling thread.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    /// <exception cref="ArgumentException">Nothing, or groups of two families.</exception>
    public static NetlinkMonitor Open(NetlinkGroups groups)
    {
        bool isRuleset = groups == NetlinkGroups.Ruleset;
        if (groups == NetlinkGroups.None || (!isRuleset && groups.HasFlag(NetlinkGroups.Ruleset)))
            throw new ArgumentException($"a socket is told of the ruleset, or of links and what belongs to them, not of '{groups}'");
        FileDescriptor opened = NetlinkCalls.Open(isRuleset ? NetlinkFamily.NETLINK_NETFILTER : NetlinkFamily.NETLINK_ROUTE);
        try
        {
            NetlinkCalls.ReserveToReceive(opened, QueuedBytes);
            foreach ((NetlinkGroups group, int number) in (ReadOnlySpan<(NetlinkGroups, int)>)[
                (NetlinkGroups.Links, RTNLGRP_LINK), (NetlinkGroups.Neighbours, RTNLGRP_NEIGH), (NetlinkGroups.Addresses, RTNLGRP_IPV4_IFADDR),
                (NetlinkGroups.Addresses, RTNLGRP_IPV6_IFADDR), (NetlinkGroups.Routes, RTNLGRP_IPV4_ROUTE), (NetlinkGroups.Routes, RTNLGRP_IPV6_ROUTE),
                (NetlinkGroups.Ruleset, NFNLGRP_NFTABLES)])
            {
                if (groups.HasFlag(group))
                    NetlinkCalls.Join(opened, number);
            }

            return new NetlinkMonitor(opened);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Opens one in another network namespace, on a thread that enters it.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_SYS_ADMIN over it.</exception>
    /// <exception cref="ArgumentException">Nothing, or groups of two families.</exception>
    public static NetlinkMonitor Open(NetlinkGroups groups, FileDescriptor networkNamespace) => NetworkNamespace.Run(networkNamespace, () => Open(groups));

    /// <summary>Waits until there is something to read.</summary>
    /// <param name="milliseconds">The longest wait; negative: without end.</param>
    /// <returns>false: nothing in time.</returns>
    /// <exception cref="LinuxException">poll failed.</exception>
    public bool Wait(int milliseconds) => DescriptorPoll.WaitReadable(Descriptor.Number, -1, milliseconds).First;

    /// <summary>
    /// What was told until now, without waiting. Of very much, the first few thousand events: then <see cref="Descriptor"/> stays readable. A message that
    /// is not in the form it should have is told as <see cref="EventsLost"/>.
    /// </summary>
    /// <exception cref="LinuxException">Receiving failed.</exception>
    public IReadOnlyList<NetlinkEvent> Read()
    {
        List<NetlinkEvent> events = [];
        byte[] buffer = [];
        bool isLossy = false;
        try
        {
            for (int datagrams = 0; datagrams < MostEvents && events.Count < MostEvents; datagrams++)
            {
                Errno errno = NetlinkCalls.Peek(Descriptor, 0, out int bytes);
                if (errno == Errno.None && bytes > MostBytes)
                    errno = NetlinkErrno.EMSGSIZE;
                if (errno == Errno.None)
                {
                    buffer = Resize(buffer, bytes);
                    errno = NetlinkCalls.Receive(Descriptor, buffer, out bytes);
                }

                if (errno == Errno.EAGAIN)
                {
                    // Until all is read the kernel loses more without a word, also what happened after the loss was told in an earlier call.
                    if (wasLossy)
                        events.Add(new EventsLost());
                    wasLossy = isLossy = false;
                    break;
                }

                if (errno == NetlinkErrno.ENOBUFS)
                {
                    events.Add(new EventsLost());
                    isLossy = true;
                }
                else if (errno != Errno.None)
                {
                    throw new LinuxException(errno, "recvfrom", "netlink events");
                }

                AddAll(buffer.AsSpan(0, bytes), events);
            }

            wasLossy |= isLossy;
            return events;
        }
        finally
        {
            Resize(buffer, 0);
        }
    }

    /// <summary>Closes it.</summary>
    public void Dispose() => Descriptor.Dispose();

    // What cannot be understood takes nothing from what was, but the reader has to look for himself.
    private static void AddAll(ReadOnlySpan<byte> datagram, List<NetlinkEvent> events)
    {
        try
        {
            foreach (NetlinkMessage message in new NetlinkMessages(datagram))
                Add(message, events);
        }
        catch (InvalidDataException)
        {
            events.Add(new EventsLost());
        }
    }

    /// <summary>Puts a message into words; those about what nobody asked for are left out.</summary>
    internal static void Add(in NetlinkMessage message, List<NetlinkEvent> events)
    {
        NetlinkEvent? told = NumberOf(message) >= 0 ? ReadRuleset(message) : message.Type switch
        {
            // A bridge tells of its ports by the same numbers, and of one that it lost as if the link were gone.
            RTM_NEWLINK or RTM_DELLINK when message.Fixed<LinkHeader>().Family == AF_UNSPEC =>
                new LinkEvent(LinkAttributes.Read(message)) { IsRemoval = message.Type == RTM_DELLINK },
            RTM_NEWADDR or RTM_DELADDR => Addresses.Read(message) is { } address ? new AddressEvent(address) { IsRemoval = message.Type == RTM_DELADDR } : null,
            RTM_NEWROUTE or RTM_DELROUTE => Routes.Read(message) is { } route ? new RouteEvent(route) { IsRemoval = message.Type == RTM_DELROUTE } : null,
            RTM_NEWNEIGH or RTM_DELNEIGH => Neighbours.Read(message) is { } neighbour ? new NeighbourEvent(neighbour) { IsRemoval = message.Type == RTM_DELNEIGH } : null,
            _ => null,
        };
        if (told is not null)
            events.Add(told with { Origin = message.Port });
    }

    private static NetlinkEvent? ReadRuleset(in NetlinkMessage message)
    {
        int number = NumberOf(message);
        if (number == NFT_MSG_NEWGEN)
            return ReadGeneration(message);
        (NftObject Kind, bool IsRemoval, int NameAttribute)? told = number switch
        {
            NFT_MSG_NEWTABLE or NFT_MSG_DELTABLE => (NftObject.Table, number == NFT_MSG_DELTABLE, 0),
            NFT_MSG_NEWCHAIN or NFT_MSG_DELCHAIN => (NftObject.Chain, number == NFT_MSG_DELCHAIN, NFTA_CHAIN_NAME),
            NFT_MSG_NEWRULE or NFT_MSG_DELRULE => (NftObject.Rule, number == NFT_MSG_DELRULE, NFTA_RULE_CHAIN),
            NFT_MSG_NEWSET or NFT_MSG_DELSET => (NftObject.Set, number == NFT_MSG_DELSET, NFTA_SET_NAME),
            NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM => (NftObject.Element, number == NFT_MSG_DELSETELEM, NFTA_SET_ELEM_LIST_SET),
            _ => null,
        };
        if (told is not (NftObject kind, bool isRemoval, int nameAttribute))
            return null;

        // The table's name is the first attribute of all of them.
        string table = "", name = "";
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            if (attribute.Type == NFTA_TABLE_NAME)
                table = attribute.Text;
            else if (attribute.Type == nameAttribute)
                name = attribute.Text;
        }

        return new NftEvent(new NftTable((NftFamily)message.Fixed<NftHeader>().Family, table), kind, name) { IsRemoval = isRemoval };
    }

    private static NftGenerationEvent ReadGeneration(in NetlinkMessage message)
    {
        var told = new NftGenerationEvent(0, 0, "");
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            told = attribute.Type switch
            {
                NFTA_GEN_ID => told with { Generation = attribute.UInt32BigEndian },
                NFTA_GEN_PROC_PID => told with { ThreadId = (int)attribute.UInt32BigEndian },
                NFTA_GEN_PROC_NAME => told with { ProcessName = attribute.Text },
                _ => told,
            };
        }

        return told;
    }

    private static byte[] Resize(byte[] buffer, int bytes)
    {
        if (bytes > 0 && bytes <= buffer.Length)
            return buffer;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        return bytes == 0 ? [] : ArrayPool<byte>.Shared.Rent(Math.Max(bytes, LeastBytes));
    }
}
