using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth run</c>: create, attach, start, wait. Attachment and wait are accepted by the daemon before the start is sent.</summary>
internal sealed class RunCommand
{
    private readonly string path;
    private readonly ContainerFlags container;
    private bool detach;
    private string? detachKeys;
    private bool proxySignals = true;

    private RunCommand(string path, FlagSet flags)
    {
        this.path = path;
        container = new ContainerFlags(flags);
        flags.Switch("detach", 'd', "Run container in background and print container ID", value => detach = value);
        flags.Text("detach-keys", null, "Override the key sequence for detaching a container", value => detachKeys = value);
        flags.Switch("sig-proxy", null, "Proxy received signals to the process", value => proxySignals = value, "true");
    }

    public static Command Create(string path)
    {
        var flags = new FlagSet { Interspersed = false };
        var run = new RunCommand(path, flags);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
            Summary = "Create and run a new container from an image",
            Aliases = ["container run", "run"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = run.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        detachKeys ??= context.Config.DetachKeys;
        try
        {
            ContainerCreateRequest request = container.ToRequest(arguments);
            if (detach && container.Attach.Count > 0)
                throw new UsageException("conflicting options: cannot specify both --attach and --detach", exitCode: 1);

            if (detach)
                request.AttachStdin = request.AttachStdout = request.AttachStderr = request.StdinOnce = false;
            else if (request is { Tty: true, AttachStdin: true } && !LocalTerminal.IsTerminal(0))
                throw new UsageException("the input device is not a TTY", exitCode: 1);

            string id = await ContainerCreation.CreateAsync(context, container, request);
            if (detach)
            {
                await context.Client.StartContainerAsync(id);
                context.Out.WriteLine(id);
                return 0;
            }

            return await RunAttachedAsync(context, request, id);
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException or CommandFailedException { ExitCode: 125 } or CommandFailedException { IsOfEngine: true })
        {
            string text = ErrorText.Of(exception);
            throw new CommandFailedException($"berth: {text}\n\nRun 'berth {path} --help' for more information", StartFailure.ExitCode(text));
        }
    }

    private async Task<int> RunAttachedAsync(CliContext context, ContainerCreateRequest request, string id)
    {
        using SignalProxy? signals = proxySignals && !request.Tty ? new SignalProxy(context.Client, id) : null;
        string condition = request.HostConfig is { AutoRemove: true } ? "removed" : "next-exit";
        bool attached = request.AttachStdin || request.AttachStdout || request.AttachStderr;
        HijackedStream? connection = attached ? await AttachAsync(context, request, id) : null;
        using StreamSession? session = connection is null
            ? null
            : new StreamSession(connection, new StreamOptions(request.AttachStdin, request.Tty, detachKeys), context.Out, context.Error);
        using PendingWait wait = await context.Client.WaitContainerAsync(id, condition);
        session?.Start();
        try
        {
            await context.Client.StartContainerAsync(id);
        }
        catch (EngineException) when (request.HostConfig is { AutoRemove: true })
        {
            await IgnoreAsync(wait.GetExitCodeAsync()); // the failed container is gone once this returns
            throw;
        }

        using TerminalSize? size = request.Tty
            ? await TerminalSize.FollowAsync((rows, columns) => context.Client.ResizeContainerAsync(id, rows, columns))
            : null;
        if (session is not null && await session.WaitAsync())
            return 0; // detached: the container goes on

        return await wait.GetExitCodeAsync();
    }

    private async Task<HijackedStream> AttachAsync(CliContext context, ContainerCreateRequest request, string id) =>
        await context.Client.AttachContainerAsync(id, new AttachOptions
        {
            Stdin = request.AttachStdin,
            Stdout = request.AttachStdout,
            Stderr = request.AttachStderr,
            DetachKeys = detachKeys,
        });

    private static async Task IgnoreAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException)
        {
            // The start's own error is the one to tell.
        }
    }
}

/// <summary>Exit statuses that say why a container could not be started.</summary>
internal static class StartFailure
{
    /// <summary>127 when the command was not found, 126 when it could not be executed, 125 for anything else.</summary>
    public static int ExitCode(string message)
    {
        if (message.Contains("executable file not found", StringComparison.Ordinal) || message.Contains("no such file or directory", StringComparison.Ordinal))
            return 127;

        return message.Contains("permission denied", StringComparison.Ordinal) || message.Contains("is a directory", StringComparison.Ordinal) ? 126 : 125;
    }
}
