using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth start</c>.</summary>
internal sealed class StartCommand
{
    private bool attach;
    private bool interactive;
    private string? detachKeys;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var start = new StartCommand();
        flags.Switch("attach", 'a', "Attach STDOUT/STDERR and forward signals", value => start.attach = value);
        flags.Switch("interactive", 'i', "Attach container's STDIN", value => start.interactive = value);
        flags.Text("detach-keys", null, "Override the key sequence for detaching a container", value => start.detachKeys = value);
        flags.Text("checkpoint", null, "Restore from this checkpoint", _ => throw CheckpointCommands.Unsupported("\"--checkpoint\""));
        flags.Text("checkpoint-dir", null, "Use a custom checkpoint storage directory", _ => throw CheckpointCommands.Unsupported("\"--checkpoint-dir\""));
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [CONTAINER...]",
            Summary = "Start one or more stopped containers",
            Aliases = ["container start", "start"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = start.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> containers)
    {
        detachKeys ??= context.Config.DetachKeys;
        if (!attach && !interactive)
            return await StartAllAsync(context, containers);

        if (containers.Count > 1)
            throw new CommandFailedException("you cannot start and attach multiple containers at once", exitCode: 1);

        return await StartAttachedAsync(context, containers[0]);
    }

    private static async Task<int> StartAllAsync(CliContext context, IReadOnlyList<string> containers)
    {
        var failed = new List<string>();
        foreach (string container in containers)
        {
            try
            {
                await context.Client.StartContainerAsync(container);
                context.Out.WriteLine(container);
            }
            catch (EngineException exception)
            {
                context.Say(ErrorText.Of(exception));
                failed.Add(container);
            }
        }

        return failed.Count == 0
            ? 0
            : throw new CommandFailedException("Error: failed to start containers: " + string.Join(", ", failed), exitCode: 1);
    }

    private async Task<int> StartAttachedAsync(CliContext context, string name)
    {
        ContainerInspect container = await context.Client.InspectContainerAsync(name);
        ContainerConfig config = container.Config ?? new ContainerConfig();
        bool stdin = interactive && config.OpenStdin;
        using SignalProxy? signals = config.Tty ? null : new SignalProxy(context.Client, container.Id);
        using HijackedStream connection = await context.Client.AttachContainerAsync(container.Id, new AttachOptions
        {
            Stdin = stdin,
            Stdout = attach || interactive,
            Stderr = attach || interactive,
            DetachKeys = detachKeys,
        });
        using var session = new StreamSession(connection, new StreamOptions(stdin, config.Tty, detachKeys), context.Out, context.Error);
        using PendingWait wait = await context.Client.WaitContainerAsync(container.Id, container.HostConfig is { AutoRemove: true } ? "removed" : "next-exit");
        session.Start();
        await context.Client.StartContainerAsync(container.Id);
        using TerminalSize? size = config.Tty
            ? await TerminalSize.FollowAsync((rows, columns) => context.Client.ResizeContainerAsync(container.Id, rows, columns))
            : null;
        return await session.WaitAsync() ? 0 : await wait.GetExitCodeAsync();
    }
}
