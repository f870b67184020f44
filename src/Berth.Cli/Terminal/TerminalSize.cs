using System.Runtime.InteropServices;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Terminal;

/// <summary>Keeps a remote terminal as large as the local one: once at the beginning and at each SIGWINCH.</summary>
internal sealed class TerminalSize : IDisposable
{
    private readonly PosixSignalRegistration registration;

    private TerminalSize(PosixSignalRegistration registration) => this.registration = registration;

    /// <summary>Rows and columns of the terminal on stdout; null when it is none.</summary>
    public static WindowSize? Current
    {
        get
        {
            try
            {
                return LocalTerminal.IsTerminal(1) && WindowSize.Of(1) is { Rows: > 0, Columns: > 0 } size ? size : null;
            }
            catch (LinuxException)
            {
                return null; // hung up between the two calls
            }
        }
    }

    /// <summary>Columns of the terminal on stdout, 0 when it does not tell; null when it is none.</summary>
    public static int? Columns
    {
        get
        {
            try
            {
                return LocalTerminal.IsTerminal(1) ? WindowSize.Of(1).Columns : null;
            }
            catch (LinuxException)
            {
                return null; // as above
            }
        }
    }

    /// <summary>Begins; <paramref name="resize"/> takes rows and columns. Null when stdout is no terminal.</summary>
    public static async Task<TerminalSize?> FollowAsync(Func<int, int, Task> resize)
    {
        if (Current is null)
            return null;

        var follower = new TerminalSize(PosixSignalRegistration.Create(PosixSignal.SIGWINCH, context => _ = Task.Run(() => ApplyAsync(resize))));
        await ApplyAsync(resize);
        return follower;
    }

    public void Dispose() => registration.Dispose();

    private static async Task ApplyAsync(Func<int, int, Task> resize)
    {
        if (Current is not { } size)
            return;

        try
        {
            await resize(size.Rows, size.Columns);
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException)
        {
            // The process has ended meanwhile; a size has no meaning any more.
        }
    }
}
