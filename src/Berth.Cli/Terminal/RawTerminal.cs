using System.Runtime.InteropServices;
using Berth.Linux.Terminal;

namespace Berth.Cli.Terminal;

/// <summary>The local terminal in raw mode; restored when disposed and before a signal ends this program.</summary>
internal sealed class RawTerminal : IDisposable
{
    private readonly LocalTerminal terminal = LocalTerminal.EnterRaw(0);
    private readonly List<PosixSignalRegistration> registrations = [];

    private RawTerminal()
    {
    }

    public static RawTerminal Enter()
    {
        var raw = new RawTerminal();
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
            raw.registrations.Add(PosixSignalRegistration.Create(signal, _ => raw.terminal.Restore())); // not cancelled: the signal then takes its course

        return raw;
    }

    public void Dispose()
    {
        terminal.Restore();
        foreach (PosixSignalRegistration registration in registrations)
            registration.Dispose();
    }
}
