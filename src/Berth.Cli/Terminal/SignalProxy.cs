using System.Runtime.InteropServices;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Terminal;

/// <summary>Passes the signals that this program gets on to a container instead of dying of them.</summary>
internal sealed class SignalProxy : IDisposable
{
    private static readonly (int Number, string Name)[] Proxied =
        [(1, "HUP"), (2, "INT"), (3, "QUIT"), (10, "USR1"), (12, "USR2"), (15, "TERM")];

    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly EngineClient client;
    private readonly string container;

    public SignalProxy(EngineClient client, string container)
    {
        this.client = client;
        this.container = container;
        foreach ((int number, string name) in Proxied)
            registrations.Add(PosixSignalRegistration.Create(Signal(number), context =>
            {
                context.Cancel = true;
                _ = Task.Run(() => SendAsync(name));
            }));
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in registrations)
            registration.Dispose();
    }

    // The signals that .NET has no name for are registered by their number.
    private static PosixSignal Signal(int number) => number switch
    {
        1 => PosixSignal.SIGHUP,
        2 => PosixSignal.SIGINT,
        3 => PosixSignal.SIGQUIT,
        15 => PosixSignal.SIGTERM,
        _ => (PosixSignal)number,
    };

    private async Task SendAsync(string name)
    {
        try
        {
            await client.KillContainerAsync(container, name);
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException)
        {
            // The container is not running yet or any more: there is nobody to get it.
        }
    }
}
