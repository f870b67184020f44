using Berth.Client;
using Berth.Model;

namespace Berth.Cli;

/// <summary>A command that failed with its own status; the message goes to stderr as it is, an empty one not at all.</summary>
internal sealed class CommandFailedException : Exception
{
    public CommandFailedException(string message, int exitCode)
        : base(message) => ExitCode = exitCode;

    public int ExitCode { get; }

    /// <summary>Whether the daemon failed at what was asked, and not this program.</summary>
    public bool IsOfEngine { get; init; }
}

/// <summary>Errors in the words of the command line.</summary>
internal static class ErrorText
{
    /// <summary>The daemon's refusals are marked as such; everything else speaks for itself.</summary>
    public static string Of(Exception exception) =>
        exception is EngineException ? "Error response from daemon: " + exception.Message : exception.Message;
}

/// <summary>What this build calls itself.</summary>
internal static class ProductInfo
{
    public const string Version = "0.1.0";

    public static string Architecture => System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        var other => other.ToString().ToLowerInvariant(),
    };
}
