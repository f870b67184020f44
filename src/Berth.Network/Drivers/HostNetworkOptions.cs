using Berth.Linux;

namespace Berth.Network.Drivers;

/// <summary>Whose things in the kernel these are, and where.</summary>
public sealed record HostNetworkOptions
{
    /// <summary>Eight hexadecimal digits of the data root's hash: by them a daemon knows its own links from those of others on the machine.</summary>
    public required string Owner { get; init; }

    /// <summary>The name of the table with the rules, of the family inet, and of a second one of the family bridge where a network has no traffic between its containers.</summary>
    public string Table { get; init; } = "berth";

    /// <summary>The network namespace that bridges and rules are in, which must stay open; null: the process's own.</summary>
    public FileDescriptor? Namespace { get; init; }

    /// <summary>Whether the host is made to forward packets where networks need it; else that is its owner's to do.</summary>
    public bool IsForwardingEnsured { get; init; } = true;

    /// <summary>Told, on any thread, when rules that somebody removed were put back, or could not be, and of what the host's owner has to do himself. It must not call the network.</summary>
    public Action<string>? Report { get; init; }
}

/// <summary>A network that could not be brought into the state that was asked for.</summary>
/// <param name="NetworkId">Which.</param>
/// <param name="Error">Why.</param>
public sealed record NetworkFailure(string NetworkId, Exception Error);
