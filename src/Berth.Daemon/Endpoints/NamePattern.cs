using System.Text.RegularExpressions;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>The name filter of lists: a regular expression found anywhere in the name, with or without its leading slash.</summary>
internal static class NamePattern
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    /// <exception cref="EngineException">InvalidArgument for what is no expression or takes too long.</exception>
    public static bool IsMatch(string name, string pattern)
    {
        if (pattern.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
        {
            return name.Contains(pattern, StringComparison.Ordinal);
        }

        try
        {
            const RegexOptions options = RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;
            return Regex.IsMatch(name, pattern, options, Patience) || Regex.IsMatch("/" + name, pattern, options, Patience);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or RegexMatchTimeoutException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter 'name={pattern}': {exception.Message}", exception);
        }
    }
}
