namespace Berth.Model.Oci.Runtime;

/// <summary>A system call filter.</summary>
public sealed record SeccompSpec
{
    public required string DefaultAction { get; init; }
    public uint? DefaultErrnoRet { get; init; }
    public IReadOnlyList<string>? Architectures { get; init; }
    public IReadOnlyList<string>? Flags { get; init; }
    public string? ListenerPath { get; init; }
    public string? ListenerMetadata { get; init; }
    public IReadOnlyList<SeccompRule>? Syscalls { get; init; }
}

/// <summary>What happens on the named calls when all arguments match.</summary>
public sealed record SeccompRule
{
    public required IReadOnlyList<string> Names { get; init; }
    public required string Action { get; init; }
    public uint? ErrnoRet { get; init; }
    public IReadOnlyList<SeccompArgument>? Args { get; init; }
}

/// <summary>A comparison of one argument; operators are <c>SCMP_CMP_NE LT LE EQ GE GT MASKED_EQ</c>.</summary>
public sealed record SeccompArgument
{
    public uint Index { get; init; }
    public ulong Value { get; init; }
    public ulong? ValueTwo { get; init; }
    public required string Op { get; init; }
}

/// <summary>What is sent to a seccomp listener together with the descriptors (config-linux.md, "The Container Process State").</summary>
public sealed record ContainerProcessState
{
    public string OciVersion { get; init; } = "1.2.0";
    public required IReadOnlyList<string> Fds { get; init; }
    public required int Pid { get; init; }
    public string? Metadata { get; init; }
    public required ContainerState State { get; init; }
}
