using System.Runtime.CompilerServices;

namespace Berth.Cli.Tests.Support;

/// <summary>A test that needs the stock CLI in PATH and a built daemon; it says what is missing.</summary>
public sealed class LiveFactAttribute : FactAttribute
{
    public LiveFactAttribute()
    {
        if (FormatCase.StockCli is null)
            Skip = "there is no docker CLI in PATH";
        else if (!File.Exists(Daemon))
            Skip = $"{Daemon} does not exist: run eng/build, or name the folder of the executables in BERTH_BIN";
        else if (Environment.UserName != "root")
            Skip = "the daemon needs root";
    }

    public static string Daemon { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("BERTH_BIN") is { Length: > 0 } folder ? folder : Path.Combine(FindRoot(), "out", "bin"), "berthd");

    private static string FindRoot([CallerFilePath] string caller = "")
    {
        string folder = caller;
        while (!File.Exists(Path.Combine(folder, "Berth.slnx")))
            folder = Path.GetDirectoryName(folder)!; // a source file is somewhere below the solution

        return folder;
    }
}
