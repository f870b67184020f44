using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux.Terminal;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth attach</c>.</summary>
internal sealed class AttachCommand
{
    private bool noStdin;
    private bool proxySignals = true;
    private string? detachKeys;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var attach = new AttachCommand();
        flags.Text("detach-keys", null, "Override the key sequence for detaching a container", value => attach.detachKeys = value);
        flags.Switch("no-stdin", null, "Do not attach STDIN", value => attach.noStdin = value);
        flags.Switch("sig-proxy", null, "Proxy all received signals to the process", value => attach.proxySignals = value, "true");
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER",
            Summary = "Attach local standard input, output, and error streams to a running container",
            Aliases = ["container attach", "attach"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = attach.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        detachKeys ??= context.Config.DetachKeys;
        ContainerInspect container = await context.Client.InspectContainerAsync(arguments[0]);
        CheckState(container.State ?? new ContainerState());
        ContainerConfig config = container.Config ?? new ContainerConfig();
        bool stdin = !noStdin && config.OpenStdin;
        if (stdin && config.Tty && !LocalTerminal.IsTerminal(0))
            throw new CommandFailedException("the input device is not a TTY", exitCode: 1);

        using SignalProxy? signals = proxySignals && !config.Tty ? new SignalProxy(context.Client, container.Id) : null;
        using PendingWait wait = await context.Client.WaitContainerAsync(container.Id, condition: null);
        using HijackedStream connection = await context.Client.AttachContainerAsync(container.Id, new AttachOptions
        {
            Stdin = stdin,
            Stdout = true,
            Stderr = true,
            DetachKeys = detachKeys,
        });
        using var session = new StreamSession(connection, new StreamOptions(stdin, config.Tty, detachKeys), context.Out, context.Error);
        session.Start();
        using TerminalSize? size = config.Tty ? await RedrawAsync(context, container.Id) : null;
        return await session.WaitAsync()
            ? throw new CommandFailedException("read escape sequence", exitCode: 1)
            : await wait.GetExitCodeAsync();
    }

    /// <summary>A size that differs for a moment makes the program inside draw its screen again.</summary>
    private static async Task<TerminalSize?> RedrawAsync(CliContext context, string id)
    {
        if (TerminalSize.Current is { } size)
            await context.Client.ResizeContainerAsync(id, size.Rows + 1, size.Columns + 1);

        return await TerminalSize.FollowAsync((rows, columns) => context.Client.ResizeContainerAsync(id, rows, columns));
    }

    private static void CheckState(ContainerState state)
    {
        string? problem = state switch
        {
            { Running: false } => "You cannot attach to a stopped container, start it first",
            { Paused: true } => "You cannot attach to a paused container, unpause it first",
            { Restarting: true } => "You cannot attach to a restarting container, wait until it is running",
            _ => null,
        };
        if (problem is not null)
            throw new CommandFailedException(problem, exitCode: 1);
    }
}
