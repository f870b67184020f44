using System.Text.Json;
using Berth.Linux;
using Berth.Runtime.Host;

namespace Berth.RuntimeHost;

/// <summary>Messages for failures, without what the engines that call this program put around them.</summary>
internal static class Failures
{
    /// <summary>One line.</summary>
    public static string Describe(Exception e) => e switch
    {
        ContainerStartException => Trim(e.Message),
        JsonException => $"malformed JSON: {e.Message}",
        _ => e.Message,
    };

    // Docker's daemon adds these words to a runtime's own message; where the library is called without a runtime in between, it has them already.
    private static string Trim(string message)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["OCI runtime create failed: ", "OCI runtime exec failed: exec failed: "])
        {
            if (message.StartsWith(prefix, StringComparison.Ordinal))
                message = message[prefix.Length..];
        }

        const string Suffix = ": unknown";
        return message.EndsWith(Suffix, StringComparison.Ordinal) ? message[..^Suffix.Length] : message;
    }
}
