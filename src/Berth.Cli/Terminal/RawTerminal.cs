using System.Runtime.InteropServices;
using Berth.Linux.Terminal;

namespace Berth.Cli.Terminal;

/// <summary>The local terminal in raw mode, or without echo; restored when disposed and before a signal ends this program.</summary>
internal sealed class RawTerminal : IDisposable
{
    private readonly LocalTerminal terminal;
    private readonly List<PosixSignalRegistration> registrations = [];

    private RawTerminal(LocalTerminal terminal)
    {
        this.terminal = terminal;
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
            registrations.Add(PosixSignalRegistration.Create(signal, _ => terminal.Restore())); // not cancelled: the signal then takes its course
    }

    public static RawTerminal Enter() => new(LocalTerminal.EnterRaw(0));

    /// <summary>For a secret that is typed.</summary>
    public static RawTerminal EnterSilent() => new(LocalTerminal.EnterSilent(0));

    public void Dispose()
    {
        terminal.Restore();
        foreach (PosixSignalRegistration registration in registrations)
            registration.Dispose();
    }
}
