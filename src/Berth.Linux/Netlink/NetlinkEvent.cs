namespace Berth.Linux.Netlink;

/// <summary>Something that changed in a network namespace, or that somebody changed.</summary>
public abstract record NetlinkEvent
{
    /// <summary>The <see cref="NetlinkSocket.PortId"/> of the socket by which it was asked for; 0: nobody's, or the kernel does not tell.</summary>
    public uint Origin { get; init; }

    /// <summary>Whether it is gone; else it is new, or is now as told.</summary>
    public bool IsRemoval { get; init; }
}

/// <summary>A link.</summary>
public sealed record LinkEvent(LinkInfo Link) : NetlinkEvent;

/// <summary>A link's address.</summary>
public sealed record AddressEvent(LinkAddress Address) : NetlinkEvent;

/// <summary>A route.</summary>
public sealed record RouteEvent(Route Route) : NetlinkEvent;

/// <summary>A neighbour.</summary>
public sealed record NeighbourEvent(Neighbour Neighbour) : NetlinkEvent;

/// <summary>A table of nf_tables, or something in it.</summary>
/// <param name="Table">The table.</param>
/// <param name="Kind">What in it.</param>
/// <param name="Name">The chain's or set's name, for rules and elements that of where they are; empty for the table itself.</param>
public sealed record NftEvent(NftTable Table, NftObject Kind, string Name) : NetlinkEvent;

/// <summary>The end of a transaction of nf_tables.</summary>
/// <param name="Generation">The number of the state that it made (<see cref="NftRuleset.Generation"/>).</param>
/// <param name="ThreadId">The thread that committed it, in the first pid namespace.</param>
/// <param name="ProcessName">That thread's name.</param>
public sealed record NftGenerationEvent(uint Generation, int ThreadId, string ProcessName) : NetlinkEvent;

/// <summary>More happened than was read in time, or could be understood: everything has to be looked at anew.</summary>
public sealed record EventsLost : NetlinkEvent;

/// <summary>What nf_tables has.</summary>
public enum NftObject
{
    Table,
    Chain,
    Rule,
    Set,
    Element,
}
