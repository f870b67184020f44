using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>A process added to a running container. It lives in the container's shim; this is what the daemon knows of it.</summary>
public sealed class ExecSession
{
    private readonly TaskCompletionSource<int> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int started;

    internal ExecSession(string id, ContainerId containerId, ExecRequest request)
    {
        Id = id;
        ContainerId = containerId;
        Request = request;
    }

    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>The container it belongs to.</summary>
    public ContainerId ContainerId { get; }

    /// <summary>What was asked.</summary>
    public ExecRequest Request { get; }

    /// <summary>Host's process id; 0 before the start.</summary>
    public int Pid
    {
        get;
        internal set
        {
            field = value;
            if (value != 0)
            {
                ready.TrySetResult();
            }
        }
    }

    /// <summary>Completes when its process runs, or when it is over without one.</summary>
    internal Task Ready => ready.Task;

    /// <summary>Whether it has been started; it can be once.</summary>
    public bool IsStarted => started != 0;

    /// <summary>Whether its command could not be run.</summary>
    internal bool HasFailed { get; set; }

    /// <summary>The exit status, or null while it has not ended.</summary>
    public int? ExitCode => exited.Task.IsCompleted ? exited.Task.Result : null;

    /// <summary>Completes with the exit status.</summary>
    public Task<int> Exited => exited.Task;

    internal static ExecSession Restore(ContainerId containerId, ExecState state)
    {
        var session = new ExecSession(state.Id, containerId, ExecRequest.From(state.Config)) { Pid = state.Pid, started = state.Pid != 0 || state.Exit is not null ? 1 : 0 };
        if (state.Exit is { } exit)
        {
            session.End(exit.Code);
        }

        return session;
    }

    /// <summary>True for the one caller that may start it.</summary>
    internal bool TryBegin() => Interlocked.Exchange(ref started, 1) == 0;

    /// <summary>True for the first end.</summary>
    internal bool End(int code)
    {
        ready.TrySetResult();
        return exited.TrySetResult(code);
    }
}

/// <summary>What was asked of an exec session.</summary>
public sealed record ExecRequest
{
    public required IReadOnlyList<string> Command { get; init; }
    public IReadOnlyList<string> Env { get; init; } = [];
    public string User { get; init; } = "";
    public string WorkingDir { get; init; } = "";
    public bool Tty { get; init; }
    public bool Privileged { get; init; }
    public bool AttachStdin { get; init; }
    public bool AttachStdout { get; init; }
    public bool AttachStderr { get; init; }
    public string DetachKeys { get; init; } = "";
    public ConsoleSizeOption? ConsoleSize { get; init; }

    internal static ExecRequest From(ExecConfig config) => new()
    {
        Command = config.Process.Args,
        Env = config.Process.Env ?? [],
        User = config.User ?? "",
        WorkingDir = config.Process.Cwd,
        Tty = config.Process.Terminal,
        AttachStdin = config.OpenStdin,
        AttachStdout = true,
        AttachStderr = true,
    };

    internal ExecConfig ToConfig(ContainerConfig container, IReadOnlyList<string> linked)
    {
        ContainerHostOptions host = Privileged ? container.Host with { Privileged = true } : container.Host;
        IEnumerable<string> env = SpecBuilder.BuildEnvironment(container with { Tty = Tty }, linked);
        return new ExecConfig
        {
            User = User.Length == 0 ? container.User : User,
            OpenStdin = AttachStdin,
            Process = new ProcessSpec
            {
                Terminal = Tty,
                ConsoleSize = ConsoleSize is { Height: > 0, Width: > 0 } size ? new ConsoleSize(size.Height, size.Width) : null,
                Args = Command,
                Env = EnvironmentList.Merge(env, Env),
                Cwd = WorkingDir.Length > 0 ? WorkingDir : container.WorkingDir.Length > 0 ? container.WorkingDir : "/",
                Capabilities = SpecBuilder.Capabilities(CapabilitySet.Resolve(host)),
                Rlimits = SpecBuilder.Rlimits(host),
                NoNewPrivileges = SpecBuilder.HasNoNewPrivileges(host),
            },
        };
    }
}
