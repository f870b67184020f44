using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Users;

namespace Berth.Runtime.Init;

/// <summary>What the second half of a plan is made from: see <see cref="ProcessPlan.AddEnd"/>.</summary>
internal sealed record FinalSteps
{
    /// <summary>What to run.</summary>
    public required ProcessSpec Process { get; init; }

    /// <summary>Who runs it.</summary>
    public required Identity Identity { get; init; }

    /// <summary>Its whole environment.</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    /// <summary>Its streams, unless there is a terminal.</summary>
    public required ProcessStdio Stdio { get; init; }

    /// <summary>Its terminal.</summary>
    public PseudoTerminal? Terminal { get; init; }

    /// <summary>Instead of <see cref="Terminal"/>: the slave of a terminal that the new process has opened itself.</summary>
    public PlanRegister? TerminalSlave { get; init; }

    /// <summary>Whether the streams are connected and all other descriptors closed already, by <see cref="ProcessPlan.AddStreams"/>.</summary>
    public bool HasStreams { get; init; }

    /// <summary>Whether the process is in a user namespace, to which its streams may not belong: they are then left as they are.</summary>
    public bool HasUserNamespace { get; init; }

    /// <summary>The compiled seccomp filter; null: none.</summary>
    public SeccompFilter? Filter { get; init; }

    /// <summary>The execution domain, <c>linux.personality</c> of the container.</summary>
    public PersonalitySpec? Personality { get; init; }

    /// <summary>Whether the user came as docker's <c>user[:group]</c>.</summary>
    public bool IsNamedUser { get; init; }

    /// <summary>False where the user namespace forbids setgroups(2): supplementary groups are then left as they are.</summary>
    public bool CanSetGroups { get; init; } = true;

    /// <summary>The name of the new session keyring; null: the caller's is kept.</summary>
    public string? Keyring { get; init; }

    /// <summary>SIGKILL when the thread that started the process ends.</summary>
    public bool DieWithParent { get; init; } = true;

    /// <summary>So many descriptors, from 3 on, are handed to the program.</summary>
    public int PreservedDescriptors { get; init; }

    /// <summary>Descriptors that steps still need after the others are closed; they are to be close-on-exec.</summary>
    public IReadOnlyList<int> KeptDescriptors { get; init; } = [];

    /// <summary>
    /// Adds the steps that hand over the filter's listener, whose number is in the register, right after the filter is there; they may not use
    /// what the filter stops. Needed exactly when <see cref="SeccompFilter.HasListener"/>.
    /// </summary>
    public Action<PlanRegister>? OnListener { get; init; }

    /// <summary>Whether all signals stay blocked over execve(2): for a program that takes them one by one.</summary>
    public bool KeepsSignalsBlocked { get; init; }

    /// <summary>Adds steps right before execve(2), under the filter: for processes that wait for their start.</summary>
    public Action? BeforeExecute { get; init; }
}
